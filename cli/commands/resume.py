"""``exitplan resume``: end a halt."""

from __future__ import annotations

from exitplan.cli.arguments import only_one
from exitplan.cli.commands.halt import halted_store, is_for_all
from exitplan.cli.options import DEFAULT_DATA, DataOption, HaltedOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.places import FilePlace

app = verb_app()


@app.command()
def command(account: HaltedOption = None, as_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """End a halt.

    Without --account that of every account. A plan that the halt stopped half-way goes on where it was when it is
    applied again.
    """
    named = only_one(account)
    store = halted_store(named, data)
    ended = (data if store is None else store).resume()
    if as_json:
        write_json({"resumed": ended, "account": named})
        return
    still = None if store is None else store.find_halt()
    if still is not None:
        ended_here = "Its own halt has ended" if ended else "Nothing was halted here"
        say(f"{ended_here}, but {still.place} still halts every account.")
        say("End that with: exitplan resume")
        return
    is_of_all = store is None or is_for_all(store)
    whose = "every account" if is_of_all else named
    say(f"Resumed: orders are sent again for {whose}." if ended else "Nothing was halted here.")
    own = [halt for halt in data.halts() if halt.account is not None] if is_of_all else []
    if own:
        listed = ", ".join(halt.place if isinstance(data, FilePlace) else str(halt.account) for halt in own)
        say(f"Still halted on their own: {listed}. End such a halt with: exitplan resume --account ID")
