"""The shape of ``alerts.yaml``: the channels that alerts are delivered to."""

from __future__ import annotations

from exitplan.schemas.shapes.common import Schema, keyed, listed, name, one_of, record, schema, text

CHANNEL_NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
DURATION_PATTERN = r"^[0-9]{1,5}[smhd]$"
RATE_PATTERN = r"^[1-9][0-9]{0,5}/[mhd]$"
CLOCK_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_SEVERITIES = {"info": "", "warning": "", "critical": ""}


def alerting_schema() -> Schema:
    """Describe the file of channels."""
    names = {"pattern": CHANNEL_NAME_PATTERN, "patternErrorMessage": "a channel's name is letters, digits, - and _"}
    channels = {
        **keyed(_channel(), "Where alerts go, by a name of your own."),
        "propertyNames": names,
        "minProperties": 1,
    }
    properties = {
        "version": {"type": "integer", "enum": [1], "description": "The version of this file's format."},
        "channels": channels,
    }
    about = "Who is told of alerts, and when: by mail, chat, pager or webhook."
    body = {**record(properties, ("version", "channels")), "examples": [_EXAMPLE]}
    return schema("alerts", "Channels of alerts", about, body)


def _channel() -> Schema:
    properties = {
        "url": text(
            "Where the channel's address is kept, never the address itself: env:NAME, keyring:NAME or file:PATH.",
            pattern="^(env|keyring|file):.+$",
            patternErrorMessage="a reference is expected: env:NAME, keyring:NAME or file:PATH",
        )
        | {"x-secret": True},
        "severity": one_of(_SEVERITIES, "Only alerts of this severity or worse.", default="info"),
        "kinds": _some(text(), "Only alerts of these kinds."),
        "accounts": _some(name("An account."), "Only alerts of these accounts."),
        "tags": _some(name("A tag."), "Only alerts of accounts with one of these tags."),
        "only_named": {
            "type": "boolean",
            "default": False,
            "description": "Only alerts that name the channel, such as a step of an escalation.",
        },
        "repeat": _duration("For this time the same alert is counted, but not sent again.", "1h"),
        "group": _duration("How long to wait for more alerts to put in the same message.", "0s"),
        "at_most": text(
            "How many messages a minute, hour or day; the rest goes in one message later.",
            pattern=RATE_PATTERN,
            patternErrorMessage="a limit is expected, such as 20/h",
            default="60/h",
        ),
        "quiet": _quiet(),
        "digest": _digest(),
    }
    return record(properties, ("url",))


def _quiet() -> Schema:
    properties = {"from": _clock("When they begin."), "to": _clock("When they end."), **_zone_and_exception()}
    about = "Hours in which alerts wait; they go in one message when the hours end."
    return record(properties, ("from", "to"), about=about)


def _digest() -> Schema:
    properties = {"at": _clock("When it goes, once a day."), **_zone_and_exception()}
    return record(properties, ("at",), about="All alerts of a day in one message.")


def _zone_and_exception() -> dict[str, Schema]:
    return {
        "zone": text("The time zone, such as Europe/Zurich.", default="UTC", examples=["UTC", "Europe/Zurich"]),
        "except": one_of(_SEVERITIES, "Alerts of this severity or worse go at once."),
    }


def _some(items: Schema, about: str) -> Schema:
    return {**listed(items, about), "minItems": 1}


def _duration(about: str, default: str) -> Schema:
    message = "a duration is expected, such as 30s, 15m, 1h or 1d"
    return text(about, pattern=DURATION_PATTERN, patternErrorMessage=message, default=default)


def _clock(about: str) -> Schema:
    message = 'a time of day is expected, in quotes, such as "22:00"'
    return text(about, pattern=CLOCK_PATTERN, patternErrorMessage=message, examples=["22:00"])


_EXAMPLE = {
    "version": 1,
    "channels": {"desk": {"url": "env:DESK_URL", "severity": "warning"}},
}
