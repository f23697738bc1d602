"""The shapes of errors, and of the answers of several accounts, some of which may be errors."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import answer, whole
from exitplan.schemas.shapes.common import Schema, listed, name, record, text


def problem() -> Schema:
    """Describe something that is wrong in a file, at its place."""
    properties = {
        "severity": text("error or warning."),
        "file": text("The file."),
        "line": whole("The line, from 1."),
        "column": whole("The column, from 1."),
        "path": {"type": "array", "description": "The keys that lead to the place."},
        "message": text("What is wrong."),
        "hint": text("What would be right.", optional=True),
    }
    return record(properties, tuple(properties), extra=True)


def error_schema() -> Schema:
    """Describe what is printed with ``--json`` instead of an answer where something goes wrong."""
    error = record(
        {
            "type": text("The kind of failure."),
            "message": text("What went wrong."),
            "hint": text("What helps.", optional=True),
            "exit_code": whole("The exit code."),
            "problems": listed(problem(), "Of a file all that is wrong in it."),
        },
        ("type", "message", "hint", "exit_code"),
        extra=True,
    )
    return answer("error", "Error", "Why a command failed.", {"error": error})


def accounts_schema() -> Schema:
    """Describe what is printed of several accounts: for each what would be printed of it alone, or its error."""
    entry = record(
        {
            "account": name("The account."),
            "venue": name("Its venue; null where its file cannot be used.", optional=True),
            "exit_code": whole("What it came to."),
            "error": {"type": ["object", "null"], "description": "Why there is nothing to tell."},
        },
        ("account", "venue", "exit_code", "error"),
        extra=True,
    )
    properties = {
        "exit_code": whole("The worst of them."),
        "accounts": listed(entry, "One entry an account, with the keys of its own answer."),
    }
    return answer("accounts", "Several accounts", "What several accounts came to.", properties)
