"""``exitplan lsp``: the language server that editors start."""

from __future__ import annotations

from importlib.util import find_spec

from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import ExitplanError

app = verb_app()


@app.command()
def command() -> None:
    """Serve editors: problems, meanings, proofs and names of policies as they are typed.

    It speaks the language server protocol on stdin and stdout, and is started by an editor; docs/editors.md says how.
    """
    if find_spec("pygls") is None:
        raise ExitplanError("the language server needs pygls", hint="install it with: pip install 'exitplan[lsp]'")
    from exitplan.cli.editor.server import make_server  # noqa: PLC0415 - pygls is an extra

    make_server().start_io()
