"""``exitplan policies``: those that come with exitplan, and the one that an account really runs under."""

from __future__ import annotations

from typing import Annotated

import typer

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.completion import complete_policy
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption, PolicyOption
from exitplan.cli.output import say
from exitplan.cli.rendering.policies import list_document, list_parts, sheet_document, sheet_parts
from exitplan.cli.rendering.promises import show_tried, tried_document
from exitplan.cli.rendering.screen import show as show_parts
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.schemas.merged_text import policy_text
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.schemas.shipped import BASE, SHIPPED_POLICIES, find_shipped
from exitplan.workbench.shipped import Tried, try_shipped

app = verb_app(has_verbs=True)
FAILED = 1


@app.callback()
def policies() -> None:
    """List, show and test the shipped policies; show an account's."""


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the policies that come with exitplan, and what each is for.

    A policy or account file extends one by its file, `exitplan init` writes them all. Wherever a policy is named, its
    name is enough: exitplan plan --policy conservative.
    """
    known = SHIPPED_POLICIES.values()
    if as_json:
        write_json(list_document(known))
    else:
        show_parts(*list_parts(known))


@app.command("show")
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", autocompletion=complete_policy, help="A policy that comes with exitplan, such as hedged."
        ),
    ] = None,
    account: AccountOption = None,
    policy: PolicyOption = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Show a policy that comes with exitplan, or the merged one of an account with its hash.

    With a name: what it is for, when to use it and when not, its parameters, and what differs from default, which is
    the protocol as published. Without one: the policy that the account runs under, everything that it `extends` merged
    in, each part with the place it comes from.
    """
    if name is None:
        _show_merged(AccountRef(only_one(account), policy, data), as_json=as_json)
        return
    if account or policy is not None:
        raise UsageError("NAME goes without --account and --policy", hint="leave out the name, or the options")
    shipped = find_shipped(name)
    loaded, base = load_policy(shipped.file), load_policy(find_shipped(BASE).file)
    if as_json:
        write_json(sheet_document(shipped, loaded, base))
    else:
        show_parts(*sheet_parts(shipped, loaded, base))


@app.command("test")
def try_policies(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", autocompletion=complete_policy, help="Which ones.  [default: all]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test the policies that come with exitplan: their cases, and their invariants for every position.

    This is about this installation. Policies of your own are tested by `exitplan test` and proved by `exitplan lint`.

    Exit code 1 where a case fails or an invariant is not proved, 65 where a file is wrong.
    """
    chosen = [find_shipped(name) for name in dict.fromkeys(names or SHIPPED_POLICIES)]
    tried = [try_shipped(shipped) for shipped in chosen]
    if as_json:
        write_json(tried_document(tried))
    else:
        show_tried(tried)
    raise typer.Exit(_exit_code(tried))


def _exit_code(tried: list[Tried]) -> int:
    if any(one.report.problem is not None for one in tried):
        return FileIsInvalid.exit_code
    return 0 if all(one.is_kept for one in tried) else FAILED


def _show_merged(where: AccountRef, *, as_json: bool) -> None:
    loaded = requested_policy(where)
    if as_json:
        write_json(loaded.shown)
    else:
        say(policy_text(loaded), nl=False)


def requested_policy(where: AccountRef) -> LoadedPolicy:
    """Load the policy file that was named, else the account's."""
    return load_policy(where.policy) if where.policy is not None else open_offline(where).loaded
