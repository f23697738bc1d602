"""The shapes of what only the API tells."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import OBJECT, answer
from exitplan.schemas.shapes.common import Schema, flag, listed, moment, name, record, text


def account_list_schema() -> Schema:
    """Describe a page of accounts."""
    line = {
        "account": name("Its id; the path of its file where that cannot be read."),
        "venue": name("Its venue.", optional=True),
        "tags": listed(text(), "Its tags."),
        "policy": text("The name of its policy.", optional=True),
        "state": text("How the last verification found it.", optional=True),
        "verified_at": moment("When that was."),
        "halt": {**OBJECT, "type": ["object", "null"], "description": "The halt in force."},
        "error": {**OBJECT, "type": ["object", "null"], "description": "Why it cannot be read."},
    }
    properties = {
        "accounts": listed(record(line, tuple(line), extra=True), "The accounts, by id."),
        "next": text("What to ask for with `after`, to get the next page; null on the last one.", optional=True),
    }
    return answer("account-list", "Accounts", "The accounts of the project, a page at a time.", properties)


def halted_schema() -> Schema:
    """Describe the answer to a halt, and to its end."""
    properties = {
        "account": name("The account; null for all of them.", optional=True),
        "halted": flag("Whether it is halted now.", optional=False),
        "changed": flag("Whether it was not so before.", optional=False),
    }
    return answer("halted", "Halted", "What came of a halt or its end.", properties)


def acknowledged_schema() -> Schema:
    """Describe the answer to an acknowledgement."""
    properties = {
        "account": name("The account."),
        "id": text("The incident."),
        "by": text("Who has taken it."),
        "until": moment("Until when its ladder waits; null until it is over."),
        "undone": flag("Whether it was given back.", optional=False),
    }
    return answer("acknowledged", "Acknowledged", "What came of an acknowledgement.", properties)


def applying_schema() -> Schema:
    """Describe a plan that is being applied, or was."""
    properties = {
        "account": name("The account."),
        "work": text("The id by which it is asked for."),
        "plan_id": text("The plan."),
        "by": text("In whose name."),
        "begun_at": moment("When it was begun.", optional=False),
        "over": flag("Whether it has ended.", optional=False),
        "stopping": flag("Whether somebody has asked it to stop.", optional=False),
        "exit_code": {
            "type": ["integer", "null"],
            "description": "That of `exitplan apply`; null until it is over.",
        },
        "result": text("What it came to, in a sentence; null until it is over.", optional=True),
        "events": listed(OBJECT, "What has happened, as `exitplan apply --json` tells."),
    }
    return answer("applying", "Applying", "A plan that is being applied, or was.", properties)
