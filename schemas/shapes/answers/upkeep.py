"""The shapes of what keeps a project in order: doctor, backup, restore, prune."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import answer, whole
from exitplan.schemas.shapes.common import Schema, flag, listed, moment, name, one_of, record, sha256, text


def doctor_schema() -> Schema:
    """Describe what ``exitplan doctor --json`` prints."""
    check = record(
        {
            "about": text("An account, or this machine."),
            "check": text("What was looked at."),
            "grade": one_of({"ok": "", "warning": "", "problem": "no run would go well"}, "How it is."),
            "text": text("What was found."),
            "hint": text("What to do about it.", optional=True),
        },
        ("about", "check", "grade", "text", "hint"),
        extra=True,
    )
    properties = {
        "checks": listed(check, "What was looked at."),
        "problems": whole("How many problems there are."),
        "warnings": whole("How many warnings there are."),
    }
    return answer("doctor", "Doctor", "Whether all is there that a run needs.", properties)


def backup_schema() -> Schema:
    """Describe what ``exitplan backup --json`` prints of one account."""
    properties = {
        "account": name("The account."),
        "folder": text("Where its copy is."),
        "files": listed(text(), "The files of the copy."),
        "runs": whole("The runs in its journal."),
        "journal_sha256": sha256("The hash of the copied journal."),
    }
    return answer("backup", "Backup", "A copy of what exitplan remembers of an account.", properties)


def restore_schema() -> Schema:
    """Describe what ``exitplan restore --json`` prints."""
    order = record(
        {
            "client_order_id": text("The id it was sent with."),
            "symbol": text("Its market; null if only the venue knows it.", optional=True),
            "sent_at": moment("When it was sent; null as above."),
            "outcome": text("Its outcome, in words."),
        },
        ("client_order_id", "symbol", "sent_at", "outcome"),
    )
    properties = {
        "account": name("The account."),
        "runs": whole("How many runs are in the backup."),
        "newest_run_at": moment("When the newest of them began; null if there is none."),
        "sent_since": listed(order, "The orders that were sent after the backup was made."),
        "kept": text("The folder with the files that were there before; null if there were none.", optional=True),
        "group": text("The group of which a plan was on its way in the account; null if there is none.", optional=True),
    }
    return answer("restore", "Restored backup", "What was restored of an account.", properties)


def prune_schema() -> Schema:
    """Describe what ``exitplan prune --json`` prints of one account."""
    properties = {
        "account": name("The account."),
        "dry_run": flag("Whether nothing was changed.", optional=False),
        "before": moment("Only what ended before then is removed.", optional=False),
        "plans": whole("How many plans were removed."),
        "runs": whole("How many runs were removed."),
        "orders": whole("How many orders were removed, each attempt by itself."),
        "bytes": whole("By how much the journal is smaller; an estimate for a dry run."),
        "exported": text("The file that they were first written to; null if none.", optional=True),
    }
    return answer("prune", "Pruned journal", "What was removed from a journal.", properties)
