"""``exitplan keygen``: a key pair to sign plans with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.options import JsonOption
from exitplan.cli.output import say
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.signing.keys import make_key_pair
from exitplan.ruleset.model.visible import printable

KeyArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes; FILE.pub is the other.")]
CommentOption = Annotated[
    str | None, typer.Option("--comment", metavar="NAME", help="Whose key it is.  [default: the name of the file]")
]

app = verb_app()


@app.command()
def command(file: KeyArgument, comment: CommentOption = None, as_json: JsonOption = False) -> None:
    """Make a key pair that plans are signed with.

    The private key is readable by you alone, has no passphrase and never leaves its file. The line of FILE.pub goes
    into the account file, under require_signature. A key of `ssh-keygen -t ed25519` does as well.
    """
    public = make_key_pair(file, printable(" ".join((comment or file.name).split())))
    if as_json:
        write_json({"file": str(file), "public_key": public.line, "fingerprint": public.fingerprint})
        return
    say(f"Made {printable(str(file))}, which nobody else may have, and {printable(str(file))}.pub.")
    say("To let this key approve plans, put into the account file:\n")
    say(f"account:\n  require_signature:\n    keys:\n      - {public.line}")
