"""The file of channels: what it says, what is wrong in it, and where the addresses come from."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.credentials import Secret
from exitplan.executor.alerting.addresses import Address, read_address
from exitplan.executor.alerting.channels import Quiet, load_channels, read_channels
from exitplan.executor.alerting.sending import REFUSED, ensure_usable
from exitplan.executor.alerting.timing import is_quiet, next_at, pause_after
from exitplan.ruleset.errors import CredentialsMissing
from exitplan.schemas.loading.diagnostics import FileHasProblems

ROOT = Path(__file__).parents[3]
ZURICH = ZoneInfo("Europe/Zurich")
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants bounds without a zone
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
ZONES = st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]).map(ZoneInfo)


def write(folder: Path, channel: str) -> Path:
    path = folder / "alerts.yaml"
    path.write_text(f"version: 1\nchannels:\n  desk: {channel}\n", encoding="utf-8")
    return path


def test_the_example_of_the_page_is_a_good_one(tmp_path: Path) -> None:
    page = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "alerts.yaml").write_text(example, encoding="utf-8")
    desk, phone, mail = load_channels(tmp_path) or ()
    assert (desk.severity, desk.group, desk.at_most.count) == ("WARNING", timedelta(minutes=1), 20)
    assert desk.quiet == Quiet(time(22), time(7), ZURICH, "CRITICAL")
    assert phone.tags == {"live"}
    assert mail.digest is not None
    assert mail.digest.at == time(8)


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("{}", "'url' is missing"),
        ("{url: env:A, severty: info}", "did you mean 'severity'?"),
        ("{url: env:A, severity: bad}", "one of info, warning, critical"),
        ("{url: env:A, kinds: [EXIT_FAILD]}", "did you mean 'EXIT_FAILED'?"),
        ("{url: env:A, group: 5}", "text is expected"),
        ("{url: env:A, at_most: 0/h}", "such as 20/h"),
        ("{url: env:A, quiet: {from: '7', to: '08:00'}}", "a time of day is expected"),
        ("{url: env:A, quiet: {from: '08:00', to: '08:00'}}", "begin and end at the same time"),
        ("{url: env:A, digest: {at: '08:00', zone: Europe/Zurch}}", "did you mean 'Europe/Zurich'?"),
        ("{url: env:A, digest: {at: '08:00', zone: ../../etc/passwd}}", "there is no time zone"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, channel: str, message: str) -> None:
    with pytest.raises(FileHasProblems) as refusal:
        read_channels(write(tmp_path, channel))
    assert "alerts.yaml:3:" in str(refusal.value)
    assert message in str(refusal.value)


@pytest.mark.parametrize("url", ["slack://Tok/hunter2/x", "https://hooks/hunter2", "slack://hunter2: x", "[hunter2]"])
def test_an_address_in_place_of_a_reference_is_refused_and_never_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(FileHasProblems) as refusal:
        read_channels(write(tmp_path, f"{{url: {url}, severity: bad}}"))
    assert "hunter2" not in str(refusal.value)


def test_a_project_without_the_file_has_no_channels(tmp_path: Path) -> None:
    assert load_channels(tmp_path) is None


def test_an_address_is_read_from_where_the_reference_says(tmp_path: Path) -> None:
    file = tmp_path / "mail.url"
    file.write_text("  mailto://user:password@example.com\n", encoding="utf-8")
    file.chmod(0o600)
    address = read_address("file:mail.url", tmp_path, {})
    assert address == read_address("env:MAIL", tmp_path, {"MAIL": "mailto://user:password@example.com"})
    assert (address.scheme, "password" in repr(address)) == ("mailto", False)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NONE", "NONE is missing"),
        ("env:EMPTY", "EMPTY is empty"),
        ("env:WORDS", "WORDS must contain exactly one address"),
        ("env:slack://hunter2/x", "is not a name"),
        ("keyring:slack://hunter2/x", "is not a name"),
        ("file:slack://hunter2/x", "is not a path"),
        ("file:none.url", "cannot be opened"),
        ("file:open.url", "is open to others"),
        ("slack://hunter2/x", "must refer to an address"),
    ],
)
def test_a_reference_to_nothing_says_what_is_missing_and_no_value(tmp_path: Path, reference: str, message: str) -> None:
    (tmp_path / "open.url").write_text("json://hunter2", encoding="utf-8")
    (tmp_path / "open.url").chmod(0o644)
    with pytest.raises(CredentialsMissing, match=message) as refusal:
        read_address(reference, tmp_path, {"EMPTY": " ", "WORDS": "hunter2 and more"})
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("url", [*(f"{scheme}://host/path" for scheme in sorted(REFUSED)), "slack://x"])
def test_an_address_that_cannot_be_used_or_may_not_is_refused(url: str) -> None:
    with pytest.raises(CredentialsMissing):
        ensure_usable(Address(Secret(url)))


@given(MOMENTS, CLOCKS, ZONES)
def test_a_digest_goes_at_its_time_within_the_next_days(after: datetime, at: time, zone: ZoneInfo) -> None:
    moment = next_at(at, zone, after)
    assert after < moment <= after + timedelta(days=2)
    shown = moment.astimezone(zone).time()
    skipped = {ZoneInfo("UTC"): 0}.get(zone, 1)
    assert shown == at or (skipped and moment.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset())


@given(MOMENTS, CLOCKS, CLOCKS, ZONES)
def test_each_moment_is_quiet_by_one_of_two_halves_of_the_day(
    now: datetime, one: time, other: time, zone: ZoneInfo
) -> None:
    if one != other:
        assert is_quiet(Quiet(one, other, zone), now) != is_quiet(Quiet(other, one, zone), now)


def test_quiet_hours_follow_the_clock_of_their_zone_through_the_year() -> None:
    quiet = Quiet(time(22), time(7), ZURICH)
    assert is_quiet(quiet, datetime(2026, 1, 10, 21, 0, tzinfo=UTC))
    assert not is_quiet(quiet, datetime(2026, 1, 10, 6, 0, tzinfo=UTC))
    assert is_quiet(quiet, datetime(2026, 7, 10, 20, 0, tzinfo=UTC))
    assert not is_quiet(quiet, datetime(2026, 7, 10, 5, 0, tzinfo=UTC))


def test_pauses_double_up_to_an_hour() -> None:
    pauses = [pause_after(rounds).total_seconds() for rounds in (1, 2, 3, 7, 8, 10_000)]
    assert pauses == [
        30,
        60,
        120,
        1920,
        3600,
        3600,
    ]
