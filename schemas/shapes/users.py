"""The shape of ``users.json``: who may use the dashboard."""

from __future__ import annotations

from exitplan.schemas.shapes.common import (
    Schema,
    format_version,
    keyed,
    listed,
    moment,
    one_of,
    record,
    schema,
    sha256,
    text,
)

USER_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
"""Letters of the plain alphabet alone: two names that look the same are the same."""
_ROLES = {
    "viewer": "looks.",
    "operator": "halts and acknowledges.",
    "approver": "approves.",
    "admin": "sees the audit.",
}


def users_schema() -> Schema:
    """Describe the file of users."""
    properties = {
        "format_version": format_version(),
        "users": keyed(_user(), "Those who may use the dashboard, by name.", USER_NAME_PATTERN),
    }
    about = "Who may use the dashboard; exitplan users writes it."
    return schema("users", "Users", about, record(properties, ("format_version", "users")))


def _user() -> Schema:
    properties = {
        "role": one_of(_ROLES, "What the person may do."),
        "password": text("The argon2 hash of the password; null where a proxy knows the person.", optional=True),
        "made_at": moment("When it was made.", optional=False),
        "tokens": listed(_token(), "Tokens for programs."),
    }
    return record(properties, tuple(properties))


def _token() -> Schema:
    properties = {
        "id": text("The part of the token that is no secret.", pattern="^[0-9a-f]{12}$"),
        "about": text("What it is for."),
        "sha256": sha256("The hash of the secret part."),
        "role": one_of(_ROLES, "What it may do at most."),
        "made_at": moment("When it was made.", optional=False),
        "expires_at": moment("When it ends.", optional=False),
    }
    return record(properties, tuple(properties))
