"""``exitplan resume``: end a halt."""

from __future__ import annotations

from collections.abc import Iterator

from exitplan.cli.arguments import only_one
from exitplan.cli.commands.halt import halted_folder, is_for_all
from exitplan.cli.options import DEFAULT_DATA, DataOption, HaltedOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.store.halt import NAME, find_halt, resume

app = verb_app()


@app.command()
def command(account: HaltedOption = None, as_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """End a halt.

    Without --account that of every account. A plan that the halt stopped half-way goes on where it was when it is
    applied again.
    """
    named = only_one(account)
    folder = halted_folder(named, data)
    ended = resume(folder.path)
    if as_json:
        write_json({"resumed": ended, "account": named})
        return
    for line in _resume_lines(folder, named, ended=ended):
        say(line)


def _resume_lines(folder: DataFolder, named: str | None, *, ended: bool) -> Iterator[str]:
    """Format what has ended, and what still halts the account or others."""
    still = find_halt(folder)
    if still is not None:
        ended_here = "Its own halt has ended" if ended else "Nothing was halted here"
        yield f"{ended_here}, but {still.place} still halts every account."
        yield "End that with: exitplan resume"
        return
    whose = "every account" if is_for_all(folder) else named
    yield f"Resumed: orders are sent again for {whose}." if ended else "Nothing was halted here."
    own = sorted(str(path) for path in folder.root.absolute().glob(f"users/*/{NAME}")) if is_for_all(folder) else []
    if own:
        yield f"Still halted on their own: {', '.join(own)}. End such a halt with: exitplan resume --account ID"
