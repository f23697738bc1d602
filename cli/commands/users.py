"""``exitplan users``: who may use the dashboard."""

from __future__ import annotations

import getpass
import sys
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from exitplan.cli.arguments import present
from exitplan.cli.commands.serve import UsersOption, users_path, with_web_server
from exitplan.cli.failures import warn
from exitplan.cli.options import DEFAULT_DATA, DataOption, JsonOption
from exitplan.cli.output import say
from exitplan.cli.rendering.screen import show, titled, words
from exitplan.cli.streams import write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.places import DataPlace
from exitplan.ruleset.errors import DataFolderUnusable, UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.values import time_text
from exitplan.ruleset.planning.words import clock_time
from exitplan.web.security.roles import ROLES, Role
from exitplan.web.security.users_file import User, UsersFile

app = verb_app(has_verbs=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user.")]
_LONGEST_DAYS = 366


@app.callback()
def users() -> None:
    """Say who may use the dashboard, and make tokens for programs.

    The roles are viewer (looks), operator (halts, resumes, acknowledges, has plans made), approver (approves, rejects
    and applies plans) and admin (sees the audit of what people did). Each may do what those before it may. Changes hold
    at once: sessions of a user whose role or password changed end.
    """


@app.command("add")
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help=f"{', '.join(ROLES)}.")] = ROLES[0],
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Somebody whom a proxy lets in, or who only has tokens.")
    ] = False,
    users: UsersOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Add somebody; the password is asked for, or read from stdin."""
    with_web_server()
    from exitplan.web.security.changing_users import add_user  # noqa: PLC0415 - needs the extra

    given = read_role(role)
    file = UsersFile(users_path(users, data))
    add_user(file, name, given, None if no_password else read_password(name), present())
    say(f"Added {name} as {given.word} to {file.path}. {given.meaning}")


@app.command("list")
def list_users(as_json: JsonOption = False, users: UsersOption = None, data: DataOption = DEFAULT_DATA) -> None:
    """List users, their roles and their tokens."""
    known = UsersFile(users_path(users, data)).read().values()
    if as_json:
        write_json({"users": [user_document(user) for user in known]})
    else:
        show(users_table(list(known)))


@app.command("role")
def change_role(
    name: NameArgument,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"{', '.join(ROLES)}.")],
    users: UsersOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Give somebody another role; approvals of who may not approve any more count no more."""
    with_web_server()
    from exitplan.web.security.changing_users import set_role  # noqa: PLC0415 - as above

    given = read_role(role)
    set_role(UsersFile(users_path(users, data)), name, given)
    say(f"{name} is {given.word} now. {given.meaning}")
    if given < Role.APPROVER:
        _withdraw(data, name, f"is {given.word} now")


@app.command("password")
def change_password(name: NameArgument, users: UsersOption = None, data: DataOption = DEFAULT_DATA) -> None:
    """Give somebody another password, which is asked for, or read from stdin."""
    with_web_server()
    from exitplan.web.security.changing_users import known_user, set_password  # noqa: PLC0415 - as above

    file = UsersFile(users_path(users, data))
    known_user(file.read(), name)
    set_password(file, name, read_password(name))
    say(f"The password of {name} is another one now.")


@app.command("remove")
def remove(name: NameArgument, users: UsersOption = None, data: DataOption = DEFAULT_DATA) -> None:
    """Take somebody out: sessions and tokens end at once, and approvals of plans that wait count no more."""
    with_web_server()
    from exitplan.web.security.changing_users import remove_user  # noqa: PLC0415 - as above

    removed = remove_user(UsersFile(users_path(users, data)), name)
    say(f"Removed {removed}.")
    _withdraw(data, removed, "is no user of the dashboard any more")


def _withdraw(data: DataPlace, name: str, why: str) -> None:
    """Let the open approvals of somebody count no more; raises DataFolderUnusable where that is not certain."""
    from exitplan.executor.approvals.deciding import withdraw_approvals  # noqa: PLC0415 - only here

    known, unread = data.requests(closed=False)
    changed, problems = withdraw_approvals(known, name, present(), why)
    for found in changed:
        say(f"The approval of {found.request.id} ({found.request.account}) by {name} counts no more.")
    unknown = [*unread, *problems]
    for account, problem in unknown:
        warn(f"{account or 'an account'} cannot be read: {problem}", as_json=False)
    if unknown:
        raise DataFolderUnusable(
            f"whether {name} has approved plans of {len(unknown)} more is not known",
            hint="mend them, and reject what waits there: exitplan pending",
        )


@app.command("token")
def token(
    name: NameArgument,
    about: Annotated[str, typer.Option("--about", metavar="TEXT", help="What it is for.")] = "",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="What it may do at most, and never more than the user.")
    ] = ROLES[0],
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=_LONGEST_DAYS, help="How long it is valid.")
    ] = 90,
    as_json: JsonOption = False,
    users: UsersOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make a token for a program, to use the API on behalf of somebody. It is shown once, and kept nowhere."""
    with_web_server()
    from exitplan.web.security.changing_users import made_token  # noqa: PLC0415 - as above

    file = UsersFile(users_path(users, data))
    made = made_token(file, name, about, read_role(role), present(), timedelta(days=days))
    if as_json:
        write_json({"token": made, "id": made.split("_")[1]})
        return
    say(f"For {name}, as {role}, for {days} days. It is shown this once:", err=True)
    say(made)


@app.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="The id of the token, from exitplan users list.")],
    users: UsersOption = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Take a token back."""
    with_web_server()
    from exitplan.web.security.changing_users import revoke_token  # noqa: PLC0415 - as above

    owner = revoke_token(UsersFile(users_path(users, data)), token_id)
    say(f"Took back the token {token_id} of {owner.name}.")


def read_role(word: str) -> Role:
    """Read a role; raises UsageError with the nearest."""
    try:
        return Role.of(word)
    except ValueError:
        hint = did_you_mean(word, ROLES) or f"the roles are {', '.join(ROLES)}"
        raise UsageError(f"there is no role {word!r}", hint=hint) from None


def read_password(name: str) -> str:
    """Ask for a password twice, where somebody is at the keyboard; else read a line of stdin. Raises UsageError."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password of {name}: ")
    if first != getpass.getpass("The same again: "):
        raise UsageError("the passwords differ", hint="nothing was changed; type it anew")
    return first


def user_document(user: User) -> dict[str, object]:
    """Write a user in its JSON form, without anything that is secret."""
    return {
        "name": user.name,
        "role": user.role.word,
        "has_password": user.password is not None,
        "made_at": time_text(user.made_at),
        "tokens": [
            {"id": one.id, "about": one.about, "role": one.role.word, "expires_at": time_text(one.expires_at)}
            for one in user.tokens
        ],
    }


def users_table(known: list[User]) -> Table:
    """Draw users, and below each its tokens."""
    table = titled("user", "role", "logs in with", "since", "tokens", justify="lllll")
    for user in known:
        with_what = "a password" if user.password is not None else "a proxy"
        tokens = [
            f"{one.id} ({one.about or 'no name'}, {one.role.word}, until {clock_time(one.expires_at)})"
            for one in user.tokens
        ]
        cells = [user.role.word, with_what, clock_time(user.made_at), "; ".join(tokens) or "-"]
        table.add_row(words(user.name, "bold"), *map(words, cells))
    return table
