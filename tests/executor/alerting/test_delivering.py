"""Alerts reach the channels that are to get them: once, together, in their time, over failures and restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from exitplan.executor.alerting.delivery import Wanted, channel_states, known_accounts
from exitplan.executor.alerting.outbox import open_outbox
from exitplan.executor.alerting.post import FilePost
from exitplan.schemas.policies import shipped_policy
from tests.executor.alerting.conftest import Desk

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_an_alert_is_told_in_words_with_what_to_do_next(desk: Desk) -> None:
    desk.write(desk={})
    desk.alert()
    report = desk.deliver()
    (message,) = desk.receiver.at("desk")
    assert (message["title"], message["type"]) == ("WARNING platform: exit failed AAA/USD", "warning")
    assert "position: AAA/USD\n" in message["message"]
    assert "exitplan explain AAA/USD --account platform" in message["message"]
    assert (report.taken, report.sent, report.waiting, report.problem) == (1, {"desk": 1}, {}, None)


def test_an_alert_is_told_once_however_often_is_delivered(desk: Desk) -> None:
    desk.write(desk={})
    desk.alert()
    for _ in range(3):
        desk.deliver(after=MINUTE)
    assert len(desk.titles("desk")) == 1


def test_a_project_without_channels_delivers_nothing_and_keeps_no_file(desk: Desk) -> None:
    desk.alert()
    assert desk.deliver().taken == 0
    assert not (desk.data / "deliveries.db").exists()


def test_each_channel_gets_what_its_route_says(desk: Desk) -> None:
    desk.write(
        all={},
        bad={"severity": "critical"},
        anns={"accounts": ["ann"]},
        zombies={"kinds": ["ZOMBIE_ESCALATED"]},
        pager={"only_named": True},
    )
    desk.alert(account="ann")
    desk.alert("ZOMBIE_ESCALATED", symbol="ZOM/USD", rule="zombie", reason="locked")
    assert desk.deliver().sent == {"all": 2, "bad": 1, "anns": 1, "zombies": 1}
    assert desk.titles("bad") == ["CRITICAL platform: zombie escalated ZOM/USD"]


def test_a_tag_routes_the_alerts_of_its_accounts(desk: Desk) -> None:
    block = "{id: ann, venue: paper, quote: USD, tags: [live]}"
    account = f"version: 1\nname: a\nextends: {shipped_policy('default')}\naccount: {block}\n"
    accounts = desk.root / "policies/accounts"
    accounts.mkdir(parents=True)
    (accounts / "ann.yaml").write_text(account, encoding="utf-8")
    desk.write(live={"tags": ["live"]}, dead={"tags": ["dead"]})
    desk.alert(account="ann")
    assert desk.deliver().sent == {"live": 1}
    desk.alert()  # of an account whose tags nobody knows
    assert desk.deliver().sent == {"live": 1, "dead": 1}


def test_an_alert_that_names_channels_goes_to_those_alone_and_never_waits(desk: Desk) -> None:
    desk.write(desk={}, pager={"only_named": True, "digest": {"at": "08:00"}, "group": "1h", "at_most": "1/d"})
    for step in range(3):
        desk.alert(symbol=f"A{step}/USD", channels=["pager"], alert_id=f"step {step}")
        assert desk.deliver(after=MINUTE).sent == {"pager": 1}


def test_an_alert_with_an_id_is_told_once_to_a_channel_however_often_it_is_raised(desk: Desk) -> None:
    desk.write(desk={})
    for _ in range(3):
        desk.alert(alert_id="i1-2")
        desk.deliver(after=2 * HOUR)
    assert len(desk.titles("desk")) == 1


def test_a_channel_that_is_named_and_not_there_is_told_and_the_routes_hold(desk: Desk) -> None:
    desk.write(desk={})
    desk.alert(channels=["pagr"])
    report = desk.deliver()
    assert report.sent == {"desk": 1}
    assert "is for the channel pagr" in report.warnings[0]


def test_the_same_alert_again_is_counted_and_told_when_its_hour_is_over(desk: Desk) -> None:
    desk.write(desk={})
    for _ in range(4):
        desk.alert()
        desk.deliver(after=10 * MINUTE)
    assert len(desk.titles("desk")) == 1
    desk.deliver(after=HOUR)
    assert desk.titles("desk")[1:] == ["WARNING platform: exit failed AAA/USD, again (3 more)"]
    desk.deliver(after=2 * HOUR)
    assert len(desk.titles("desk")) == 2


def test_the_same_alert_raised_before_it_went_out_is_one_with_a_count(desk: Desk) -> None:
    desk.write(desk={})
    for _ in range(3):
        desk.alert()
    desk.alert(reason="other: other figures")
    desk.deliver()
    (body,) = desk.bodies("desk")
    assert "WARNING platform: exit failed (3 times)" in body
    assert desk.titles("desk") == ["WARNING platform: 2 alerts"]


def test_a_group_waits_for_others_and_goes_as_one_message(desk: Desk) -> None:
    desk.write(desk={"group": "2m"})
    desk.alert(symbol="AAA/USD")
    assert desk.deliver().waiting == {"desk": 1}
    desk.now += MINUTE
    desk.alert(symbol="BBB/USD", account="ann", severity="CRITICAL")
    assert desk.deliver().sent == {}
    assert desk.deliver(after=MINUTE).sent == {"desk": 2}
    assert desk.titles("desk") == ["CRITICAL 2 accounts: 2 alerts"]


def test_what_is_over_the_limit_goes_together_when_there_is_room(desk: Desk) -> None:
    desk.write(desk={"at_most": "2/h"})
    for number in range(6):
        desk.alert(symbol=f"A{number}/USD")
        desk.deliver(after=MINUTE)
    assert len(desk.titles("desk")) == 2
    desk.deliver(after=HOUR)
    assert desk.titles("desk")[2:] == ["WARNING platform: 4 alerts"]
    assert "Held back until now: 4 by the limit of 2/h." in desk.bodies("desk")[2]


def test_quiet_hours_hold_back_all_but_what_is_excepted(desk: Desk) -> None:
    quiet = {"from": "22:00", "to": "07:00", "zone": "Europe/Zurich", "except": "critical"}
    desk.write(desk={"quiet": quiet})
    desk.alert()
    desk.alert("ZOMBIE_ESCALATED", symbol="ZOM/USD", rule="zombie", reason="locked")
    assert desk.deliver().sent == {"desk": 1}  # 22:00 in UTC is 23:00 there
    assert desk.deliver(after=timedelta(hours=7, minutes=59)).sent == {}
    assert desk.deliver(after=MINUTE).sent == {"desk": 1}
    assert "1 by quiet hours" in desk.bodies("desk")[1]


def test_a_digest_goes_once_a_day_with_all_of_it(desk: Desk) -> None:
    desk.write(mail={"digest": {"at": "08:00", "zone": "UTC"}})
    for number in range(14):
        desk.alert(symbol=f"A{number}/USD")
        desk.deliver(after=MINUTE)
    desk.now = datetime(2026, 2, 19, 7, 59, tzinfo=UTC)
    assert desk.deliver().sent == {}
    assert desk.deliver(after=MINUTE).sent == {"mail": 14}
    assert desk.titles("mail") == ["WARNING platform: digest, 14 alerts"]
    assert "And 4 more: 4 exit failed." in desk.bodies("mail")[0]


def test_all_that_waits_goes_where_a_person_wants_it_at_once(desk: Desk) -> None:
    desk.write(mail={"digest": {"at": "08:00"}}, desk={"group": "1d"})
    desk.alert()
    assert desk.deliver(how=Wanted(at_once=True)).sent == {"mail": 1, "desk": 1}


def test_a_channel_that_fails_is_tried_again_ever_later_and_loses_nothing(desk: Desk) -> None:
    desk.write(desk={})
    desk.receiver.failing.add("desk")
    desk.alert()
    report = desk.deliver()
    assert (list(report.failed), report.waiting, desk.slept) == (["desk"], {"desk": 1}, [1.0, 2.0])
    assert desk.deliver(after=timedelta(seconds=29)).failed == {}
    assert list(desk.deliver(after=timedelta(seconds=1)).failed) == ["desk"]
    desk.receiver.failing.clear()
    assert desk.deliver(after=timedelta(seconds=59)).sent == {}
    assert desk.deliver(after=timedelta(seconds=1)).sent == {"desk": 1}


def test_a_channel_that_fails_is_told_to_the_others_and_so_is_its_recovery(desk: Desk) -> None:
    desk.write(desk={}, mail={}, pager={"severity": "critical"})
    desk.receiver.failing.add("desk")
    desk.alert()
    desk.deliver()
    assert desk.titles("mail") == ["WARNING platform: exit failed AAA/USD", "WARNING platform: channel failed desk"]
    desk.receiver.failing.clear()
    desk.deliver(after=HOUR)
    assert desk.titles("mail")[2:] == ["INFO platform: channel recovered desk"]
    assert desk.titles("desk") == ["WARNING platform: exit failed AAA/USD"]
    assert desk.titles("pager") == []


def test_that_a_channel_fails_is_told_somewhere_even_where_nobody_asked_for_it(desk: Desk) -> None:
    desk.write(desk={}, pager={"only_named": True})
    desk.receiver.failing.add("desk")
    desk.alert()
    desk.deliver()
    assert desk.titles("pager") == ["WARNING platform: channel failed desk"]


def test_channels_that_all_fail_make_no_loop(desk: Desk) -> None:
    desk.write(desk={}, mail={})
    desk.receiver.failing |= {"desk", "mail"}
    desk.alert()
    for _ in range(10):
        desk.deliver(after=HOUR)
    kinds = (desk.data / "alerts.jsonl").read_text(encoding="utf-8").count("CHANNEL_FAILED")
    assert kinds == 2


def test_a_reference_to_nothing_is_a_failure_without_a_value(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write(desk={})
    monkeypatch.delenv("URL_DESK")
    desk.alert()
    assert desk.deliver().failed == {"desk": "the environment variable URL_DESK is missing"}


def test_no_part_of_an_address_is_in_what_is_told_of_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write(desk={}, mail={})
    monkeypatch.setenv("URL_DESK", "json://trader:hunter2hunter2@127.0.0.1:1/hookhookhook?x=tokentoken")
    desk.alert()
    report = desk.deliver()
    kept = (desk.data / "alerts.jsonl").read_bytes() + (desk.data / "deliveries.db").read_bytes()
    told = (
        str(report)
        + repr(channel_states(desk.root, FilePost(desk.root, desk.data)))
        + kept.decode("latin-1")
        + str(desk.receiver.got)
    )
    assert report.failed["desk"]
    for secret in ("trader", "hunter2", "hookhook", "tokentoken"):
        assert secret not in told


def test_a_process_that_died_before_it_marked_what_it_sent_sends_it_again_later(desk: Desk) -> None:
    desk.write(desk={})
    desk.alert()
    desk.deliver()
    with open_outbox(desk.data) as outbox, outbox.transaction():  # as it was before the mark
        outbox._tables.execute("UPDATE entries SET until = NULL, times = 1")
        outbox._tables.execute("UPDATE channels SET claimed_until = claimed_until + 60000000")
    assert desk.deliver(after=timedelta(seconds=30)).sent == {"desk": 1}


def test_two_deliveries_at_once_send_an_alert_once(desk: Desk) -> None:
    desk.write(desk={})
    for number in range(20):
        desk.alert(symbol=f"A{number}/USD")
    threads = [Thread(target=desk.deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.titles("desk") == ["WARNING platform: 20 alerts"]


def test_a_channel_that_hangs_holds_nobody_up_and_counts_as_failed(desk: Desk) -> None:
    desk.write(desk={}, mail={})
    desk.receiver.hanging.add("desk")
    desk.alert()
    report = desk.deliver(budget=1.0)
    desk.receiver.let_go.set()
    desk.receiver.hanging.clear()
    assert report.failed["desk"] == "it did not answer in time"
    ((_, state), _) = channel_states(desk.root, FilePost(desk.root, desk.data))
    assert state.failures <= 1


def test_old_alerts_are_not_sent_when_delivery_begins(desk: Desk) -> None:
    desk.now -= timedelta(days=2)
    desk.alert()
    desk.now += timedelta(days=2)
    desk.write(desk={})
    desk.alert(symbol="NEW/USD")
    report = desk.deliver()
    assert (report.too_old, report.sent) == (1, {"desk": 1})


def test_old_alerts_are_sent_where_a_person_asks_for_them(desk: Desk) -> None:
    desk.now -= timedelta(days=2)
    desk.alert()
    desk.write(desk={})
    assert desk.deliver(after=timedelta(days=2), how=Wanted(since=desk.now - HOUR)).sent == {"desk": 1}


def test_an_alert_file_that_was_moved_away_is_begun_anew_and_nothing_told_twice(desk: Desk) -> None:
    desk.write(desk={})
    desk.alert()
    desk.deliver()
    path = desk.data / "alerts.jsonl"
    desk.alert(symbol="LAST/USD")
    path.rename(desk.data / "alerts.jsonl.1")
    desk.now += MINUTE
    desk.alert(symbol="NEW/USD")
    assert desk.deliver().sent == {"desk": 2}
    old = (desk.data / "alerts.jsonl.1").read_bytes()
    path.unlink()
    path.write_bytes(old + b"x" * 10 + b"\n")
    assert desk.deliver(after=MINUTE).sent == {}


def test_after_a_rotation_nothing_is_lost_to_a_clock_that_was_ahead(desk: Desk) -> None:
    desk.write(desk={})
    desk.now += HOUR
    desk.alert()
    desk.deliver()
    (desk.data / "alerts.jsonl").rename(desk.data / "alerts.jsonl.1")
    desk.now -= HOUR
    desk.alert(symbol="NEW/USD")
    assert desk.deliver().sent == {"desk": 1}


def test_what_waited_for_a_channel_that_is_gone_is_told(desk: Desk) -> None:
    desk.write(desk={"group": "1d"}, mail={})
    desk.alert()
    desk.deliver()
    desk.write(mail={})
    assert desk.deliver().warnings == ("1 alerts waited for the channel desk, which alerts.yaml no longer has",)


def test_what_is_wrong_with_the_files_is_told_and_raises_nothing(desk: Desk) -> None:
    desk.write(desk={})
    (desk.root / "alerts.yaml").write_text("version: 1\nchannels: {desk: {}}\n", encoding="utf-8")
    assert "'url' is missing" in str(desk.deliver().problem)
    desk.write(desk={})
    desk.data.mkdir()
    (desk.data / "deliveries.db").write_bytes(b"no database, and long enough to be taken for one" * 99)
    assert "cannot use" in str(desk.deliver().problem)


def test_deliveries_are_for_nobody_else(desk: Desk) -> None:
    desk.write(desk={})
    desk.deliver()
    assert (desk.data / "deliveries.db").stat().st_mode & 0o777 == 0o600


def test_hostile_words_of_a_venue_call_nobody_and_end_no_line(desk: Desk) -> None:
    desk.write(desk={})
    desk.alert(reason="@everyone <!channel> \x1b[2J\nNext: send coins" + "x" * 2_000)
    desk.deliver()
    (body,) = desk.bodies("desk")
    assert "@everyone" not in body
    assert "<!" not in body
    assert "\x1b" not in body
    assert "\nNext: send coins" not in body
    assert len(body) < 1_000


def test_accounts_are_known_by_their_folders(tmp_path: Path) -> None:
    (tmp_path / "users/bob").mkdir(parents=True)
    (tmp_path / "users/ann").mkdir()
    assert known_accounts(tmp_path) == ("platform", "ann", "bob")
    assert known_accounts(tmp_path / "none") == ("platform",)
    assert [path.name for path in tmp_path.iterdir()] == ["users"]
