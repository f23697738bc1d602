"""The shapes of what ``exitplan users`` prints."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import answer
from exitplan.schemas.shapes.common import Schema, flag, listed, moment, record, text


def users_shown_schema() -> Schema:
    """Describe what ``exitplan users list --json`` prints."""
    token = {
        "id": text("Its id, to take it back by."),
        "about": text("What it is for."),
        "role": text("What it may do at most."),
        "expires_at": moment("When it ends.", optional=False),
    }
    user = {
        "name": text("The name."),
        "role": text("What the person may do."),
        "has_password": flag("Whether the person logs in with a password.", optional=False),
        "made_at": moment("Since when.", optional=False),
        "tokens": listed(record(token, tuple(token), extra=True), "The tokens."),
    }
    users = listed(record(user, tuple(user), extra=True), "Who may use the dashboard.")
    return answer("users-shown", "Users", "Who may use the dashboard.", {"users": users})


def token_schema() -> Schema:
    """Describe what ``exitplan users token --json`` prints."""
    properties = {"token": text("The token, shown once."), "id": text("Its id, to take it back by.")}
    return answer("token", "Token", "A token for a program.", properties)
