"""``exitplan lsp``: the language server that editors start."""

from __future__ import annotations

import os
from importlib.util import find_spec

from exitplan.cli.verbs import verb_app
from exitplan.ruleset.errors import ExitplanError

app = verb_app()


@app.command()
def command() -> None:
    """Serve editors: the language server for policies.

    Problems, meanings, proofs and names while you type. It speaks the language server protocol on stdin and stdout, and
    is started by an editor; docs/editors.md says how.
    """
    if find_spec("pygls") is None:
        raise ExitplanError("the language server needs pygls", hint="install it with: pip install 'exitplan[lsp]'")
    from exitplan.cli.editor.server import make_server  # noqa: PLC0415 - pygls is an extra

    answers = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed must not fall into the protocol
    with os.fdopen(os.dup(0), "rb") as stdin, os.fdopen(answers, "wb") as stdout:
        make_server().start_io(stdin, stdout)
