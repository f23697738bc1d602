"""``exitplan serve``: the dashboard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exitplan.cli.arguments import present
from exitplan.cli.interrupts import ended_by_signal
from exitplan.cli.options import DEFAULT_DATA, DataOption
from exitplan.cli.output import say
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.project import project_root
from exitplan.ruleset.errors import UsageError

if TYPE_CHECKING:
    from exitplan.web.serving import Wish

UsersOption = Annotated[
    Path | None,
    typer.Option(
        "--users",
        envvar="EXITPLAN_USERS",
        metavar="FILE",
        help="The file of users.  [default: users.json in the data folder]",
    ),
]
USERS_FILE = "users.json"
EXTRA = "pip install 'exitplan[web]'"

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 is any that is free.")
    ] = "127.0.0.1:8800",
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", metavar="URL", help="The https address that people open, if it is another."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="Speak TLS with this certificate chain.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The private key of the certificate.")
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A proxy speaks TLS with browsers, and nobody else reaches this port."),
    ] = False,
    proxy_header: Annotated[
        str | None,
        typer.Option(
            "--proxy-header",
            metavar="NAME",
            help="The proxy logs people in and names them in this header, such as X-Forwarded-User.",
        ),
    ] = None,
    no_login: Annotated[
        bool, typer.Option("--no-login", help="Everybody on this machine may look; nothing can be changed.")
    ] = False,
    users: UsersOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Serve the dashboard: look, approve and halt in a browser.

    It reads what runs, readings and the watcher left, and does what the command line does. Make the first user with
    `exitplan users add NAME --role admin`. docs/dashboard.md tells who may do what, and how to put it behind a proxy.
    """
    with_web_server()
    from exitplan.web.serving import Wish  # noqa: PLC0415 - needs the extra

    secret = os.environ.get("EXITPLAN_PROXY_SECRET", "")
    wish = Wish(listen, public_url, certificate, key, behind_proxy, proxy_header, secret, no_login)
    serve(wish, users_path(users, data.folder), data.folder)


def serve(wish: Wish, users: Path, data: Path) -> None:
    """Serve until somebody ends it; raises UsageError for what is unsafe, FileIsInvalid for a broken file of users."""
    from exitplan.web.serving import address_of, application, listening, place_of, serving  # noqa: PLC0415 - as above

    address = address_of(wish)
    with ended_by_signal() as ended, listening(address) as (listener, bound):
        place = place_of(wish, bound)
        app = application(wish, place, users, data, project_root(), present)
        with serving(app, place, listener) as thread:
            say(f"Serving {place.url}. Press Ctrl-C to stop.", err=True)
            if wish.no_login:
                say("Nobody logs in: everybody on this machine sees all of it, and nothing can be changed.", err=True)
            while thread.is_alive() and not ended.wait(1):
                pass


def users_path(users: Path | None, data: Path) -> Path:
    """Return the file of users: the one that is named, else that of the data folder."""
    return users or data / USERS_FILE


def with_web_server() -> None:
    """Raise UsageError where the extra is not installed."""
    try:
        import exitplan.web.serving  # noqa: F401, PLC0415 - is it there?
    except ModuleNotFoundError as missing:
        raise UsageError(f"the dashboard needs {missing.name}, which is not installed", hint=EXTRA) from missing
