"""``exitplan policy show``: the policy that an account really runs under."""

from __future__ import annotations

from exitplan.cli.arguments import AccountRef, only_one, open_offline
from exitplan.cli.options import DEFAULT_DATA, AccountOption, DataOption, JsonOption, PolicyOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.schemas.merged_text import policy_text
from exitplan.schemas.policies import LoadedPolicy, load_policy

app = verb_app(has_verbs=True)


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
        write_json(loaded.shown)
    else:
        say(policy_text(loaded), nl=False)


def requested_policy(where: AccountRef) -> LoadedPolicy:
    """Load the policy file that was named, else the account's."""
    return load_policy(where.policy) if where.policy is not None else open_offline(where).loaded
