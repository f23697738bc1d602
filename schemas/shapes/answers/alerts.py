"""The shapes of what `alerts` and `incidents` print."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import NUMBER, answer, whole
from exitplan.schemas.shapes.common import Schema, flag, listed, moment, name, record, text
from exitplan.schemas.shapes.snapshot import alert_schema


def alerts_schema() -> Schema:
    """Describe what ``exitplan alerts --json`` prints."""
    alert = alert_schema()
    entry = {key: alert[key] for key in ("type", "properties", "required", "additionalProperties")}
    return answer("alerts-shown", "Alerts", "Alerts, the oldest first.", {"alerts": listed(entry)})


def channels_schema() -> Schema:
    """Describe what ``exitplan alerts channels --json`` prints."""
    keys = {
        "channel": text("Its name."),
        "url": text("A reference to its address."),
        "severity": text("The lowest severity that it gets."),
        "only_named": flag("Whether it gets only alerts that name it.", optional=False),
        "waiting": whole("How many alerts wait for it."),
        "sent_at": moment("When an alert was last sent to it."),
        "failures": whole("How many attempts failed in a row."),
        "failed_since": moment("When the failures began."),
        "problem": text("Why the last one failed.", optional=True),
        "next_try": moment("When the next attempt is due."),
    }
    channels = listed(record(keys, tuple(keys), extra=True), "The channels, as alerts.yaml lists them.")
    return answer("alert-channels", "Channels", "The channels that alerts go to.", {"channels": channels})


def channel_tests_schema() -> Schema:
    """Describe what ``exitplan alerts test --json`` prints."""
    keys = {"channel": text("Its name."), "problem": text("Why the test message could not be sent.", optional=True)}
    channels = listed(record(keys, tuple(keys), extra=True), "The channels that were tried.")
    return answer("alert-tests", "Tests of channels", "The results of test messages.", {"channels": channels})


def deliveries_schema() -> Schema:
    """Describe what ``exitplan alerts send --json`` prints."""
    keys = {
        "channel": text("Its name."),
        "sent": whole("How many alerts were sent to it."),
        "waiting": whole("How many wait for it."),
        "problem": text("Why it failed.", optional=True),
    }
    properties = {
        "taken": whole("How many alerts are new."),
        "too_old": whole("How many are from before the first delivery."),
        "channels": listed(record(keys, tuple(keys), extra=True), "The channels with alerts to send or waiting."),
        "warnings": listed(text(), "What a person should know."),
    }
    return answer("alert-deliveries", "Deliveries", "The result of a delivery of alerts.", properties)


def incidents_schema() -> Schema:
    """Describe what ``exitplan incidents --json`` prints."""
    taken = record(
        {
            "by": text("Who acknowledged it."),
            "at": moment("When.", optional=False),
            "until": moment("Until when; null means until it is over."),
            "why": text("What is being done about it."),
        },
        ("by", "at", "until", "why"),
    )
    properties = {
        "id": text("The incident."),
        "account": name("The account."),
        "ladder": text("The ladder of the policy that it climbs."),
        "about": text("What goes wrong."),
        "subject": text("The position, order or account."),
        "reason": text("What is known about it.", optional=True),
        "since": moment("Since when it has gone wrong.", optional=False),
        "opened_at": moment("When the incident opened.", optional=False),
        "step": whole("How many steps were told."),
        "steps": {**NUMBER, "type": ["integer", "null"], "description": "How many there are; null without a ladder."},
        "told_at": moment("When the last step was told."),
        "told": listed(text(), "The channels that were told."),
        "next_at": moment("When the next step is due, unless the incident is over first."),
        "acknowledged": {**taken, "type": ["object", "null"], "description": "Who acknowledged it; null if nobody."},
        "ended_at": moment("When it was over."),
        "ended_how": text("How.", optional=True),
    }
    incidents = listed(record(properties, tuple(properties), extra=True), "The incidents, the oldest first.")
    return answer("incidents", "Incidents", "What has gone wrong for too long.", {"incidents": incidents})
