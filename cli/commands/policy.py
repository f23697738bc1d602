"""``exitplan policy show``: the policy that an account really runs under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption, PolicyOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.schemas.layout.writing import inline
from exitplan.schemas.policies import LoadedPolicy, load_policy

app = verb_app(has_verbs=True)
_LISTS = ("classification", "orders", "exits", "protect", "never", "always", "escalation")


@app.callback()
def policy() -> None:
    """Show the merged policy that an account runs under."""


@app.command("show")
def show(
    account: AccountOption = None,
    policy: PolicyOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Print the merged policy with its hash.

    Everything that it `extends` is merged in; each part is shown with the place it comes from.
    """
    loaded = requested_policy(AccountRef(only_one(account), policy, data))
    if as_json:
        write_json(
            {
                "name": loaded.policy.name,
                "sha256": loaded.policy.sha256,
                "files": _files(loaded),
                "policy": loaded.document,
            }
        )
    else:
        say(policy_text(loaded), nl=False)


def requested_policy(where: AccountRef) -> LoadedPolicy:
    """Load the policy file that was named, else the account's."""
    return load_policy(where.policy) if where.policy is not None else open_offline(where).loaded


def _files(loaded: LoadedPolicy) -> list[str]:
    return [str(file) for file in loaded.files]


def policy_text(loaded: LoadedPolicy) -> str:
    """Write a merged policy as YAML, each part with the place it comes from."""
    lines = [f"# policy {loaded.policy.name}", f"# sha256 {loaded.policy.sha256}"]
    lines += [f"# from   {file}" for file in _files(loaded)]
    for key, value in loaded.document.items():
        lines += _block(key, value, loaded.marks)
    return "\n".join(lines) + "\n"


def _block(key: str, value: Any, marks: Mapping[Any, Any]) -> list[str]:  # noqa: ANN401 - a node of a document
    if key in _LISTS and value:
        return [
            f"{key}:",
            *(f"  - {inline(entry)}{_place(marks, (key, number))}" for number, entry in enumerate(value)),
        ]
    if isinstance(value, Mapping) and value:
        return [
            f"{key}:",
            *(f"  {name}: {inline(entry)}{_place(marks, (key, name))}" for name, entry in value.items()),
        ]
    return [f"{key}: {inline(value)}{_place(marks, (key,))}"]


def _place(marks: Mapping[Any, Any], path: tuple[str | int, ...]) -> str:
    mark = marks.get(path)
    return "" if mark is None else f"  # {mark.file}:{mark.line}" if mark.line else f"  # {mark.file}"
