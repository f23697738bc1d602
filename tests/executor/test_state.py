"""The state file: exported from the journal, read by people, and never silently overwritten."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.identity import Identity
from exitplan.executor.store.history import account_status, import_state, past_runs, restore_state
from exitplan.executor.store.journal_file import open_journal
from exitplan.executor.store.state import (
    Metrics,
    State,
    changes_between,
    export_state,
    load_state,
    state_bytes,
    state_from_document,
    state_from_file,
    state_to_document,
    take_state,
)
from exitplan.ruleset.errors import FileIsInvalid
from exitplan.ruleset.model.progress import Balance
from exitplan.ruleset.planning.checks import AccountState
from exitplan.schemas.documents import parse_document
from tests.builders import NOW, position, snapshot
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy

UNWIND = {"cycle": 2, "remaining_pct": "0.5625", "initial_quantity": "100", "started_at": "2026-02-01T00:00:00Z"}


def edit(scene: Scene, **changes: object) -> None:
    """Edit the state file as a person would."""
    document = json.loads(scene.folder.state.read_text())
    scene.folder.state.write_text(json.dumps({**document, **changes}))


def applied(on_stage: Stage) -> Scene:
    scene = on_stage(legacy())
    scene.apply()
    return scene


def test_it_holds_what_the_contract_names(on_stage: Stage) -> None:
    document = applied(on_stage).state_document()
    assert document["account_state"] == "CLEANUP_IN_PROGRESS"
    assert document["classified_positions"]["AAA/USD"]["category"] == "LEGACY_NON_COMPLIANT"
    assert document["last_cleanup_run"] == "2026-02-18T22:00:01Z"
    assert set(document["cleanup_metrics"]) == {
        "total_positions_cleaned",
        "zombie_positions_closed",
        "legacy_positions_unwound",
        "stale_orders_cancelled",
        "capital_freed_usd",
    }


def test_a_hand_edit_is_noticed_by_whoever_comes_next(on_stage: Stage) -> None:
    scene = applied(on_stage)
    plan = scene.plan()
    edit(scene, unwind_progress={})
    edited = scene.folder.state.read_bytes()
    for act in (scene.plan, lambda: scene.apply(plan), scene.verify, lambda: account_status(scene.open())):
        with pytest.raises(FileIsInvalid, match="edited by hand") as refusal:
            act()
        assert (refusal.value.exit_code, scene.folder.state.read_bytes()) == (65, edited)
    assert len(scene.trouble.sent) == 1


def test_an_edit_is_taken_in_when_asked_for(on_stage: Stage) -> None:
    scene = applied(on_stage)
    edit(scene, unwind_progress={"AAA/USD": UNWIND})
    assert import_state(scene.open()).unwinds["AAA/USD"].cycle == 2
    scene.hold("AAA/USD", "56.25")
    scene.apply()
    assert scene.state().unwinds["AAA/USD"].cycle == 3


def test_an_edit_is_undone_when_asked_for(on_stage: Stage) -> None:
    scene = applied(on_stage)
    before = scene.folder.state.read_bytes()
    edit(scene, unwind_progress={})
    restore_state(scene.open())
    assert scene.folder.state.read_bytes() == before
    assert scene.apply().exit_code == 0


def test_a_file_that_was_deleted_is_written_anew(on_stage: Stage) -> None:
    scene = applied(on_stage)
    scene.folder.state.unlink()
    assert (scene.plan()["actions"][0]["quantity"], scene.verify().state) == ("18.75", "CLEANUP_IN_PROGRESS")
    assert scene.state().unwinds["AAA/USD"].cycle == 1


def test_the_state_of_an_account_that_never_ran_can_be_written(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    restore_state(scene.open())
    assert (scene.state().unwinds, account_status(scene.open()).document["account_state"]) == ({}, None)


def test_what_an_earlier_program_left_is_taken_over(on_stage: Stage) -> None:
    scene = on_stage(snapshot(position("AAA/USD", "56.25")))
    scene.folder.path.mkdir(parents=True)
    known = {"symbol": "AAA-USD", "size_usd": 5625.75, "checks": [0.5, None, True]}
    old = {"unwind_progress": {"AAA-USD": UNWIND}, "classified_positions": {"AAA-USD": known}}
    metrics = {"capital_freed_usd": 12.5, "total_positions_cleaned": 3}
    scene.folder.state.write_text(json.dumps({**old, "cleanup_metrics": metrics, "account_state": "CLEAN"}))
    assert scene.apply().exit_code == 0
    assert (scene.held(), scene.state().metrics.capital_freed_usd) == ("42.188", Decimal("12.5"))
    assert scene.state().unwinds["AAA/USD"].cycle == 3


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"unwind_progress": {"A": {"cycle": -1}}}',
        '{"unwind_progress": {}, "account_state": "SPOTLESS"}',
        '{"unwind_progress": {}, "last_verified_at": "yesterday"}',
        '{"unwind_progress": {}, "last_verified_at": 7}',
        '{"unwind_progress": {}, "cleanup_metrics": {"total_positions_cleaned": 99999999999999999999}}',
        '{"unwind_progress": {}, "classified_positions": {"A": 99999999999999999999}}',
        '{"unwind_progress": {}, "failed_exits": {"A": 99999999999999999999}}',
        "\x00",
        '{"unwind_progress": {}} x',
    ],
)
def test_a_broken_state_file_is_refused_and_left_as_it_is(on_stage: Stage, content: str) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.folder.path.mkdir(parents=True)
    scene.folder.state.write_text(content)
    for act in (scene.plan, lambda: scene.apply(plan), scene.verify, lambda: import_state(scene.open())):
        with pytest.raises(FileIsInvalid) as refusal:
            act()
        assert (refusal.value.exit_code, scene.folder.state.read_text()) == (65, content)
    assert scene.trouble.sent == []


def test_a_broken_edit_cannot_be_imported(on_stage: Stage) -> None:
    scene = applied(on_stage)
    scene.folder.state.write_text('{"unwind_progress": 1}')
    with pytest.raises(FileIsInvalid):
        import_state(scene.open())
    restore_state(scene.open())
    assert scene.state().unwinds["AAA/USD"].cycle == 1


def test_importing_a_file_that_is_missing_is_an_error(on_stage: Stage) -> None:
    with pytest.raises(FileIsInvalid):
        import_state(on_stage(legacy()).open())


def test_the_runs_of_an_account_that_never_ran_are_none(on_stage: Stage) -> None:
    assert past_runs(on_stage(legacy()).open()) == []


SYMBOLS = st.sampled_from(["AAA/USD", "BTC/USDT:USDT#short", "DUSTCOIN"])
AMOUNTS = st.integers(-(10**9), 10**9).map(lambda cents: cents / 100)
FRACTIONS = st.decimals(0, 1, places=6).map(lambda share: format(share, "f"))
UNWINDS = st.fixed_dictionaries(
    {
        "cycle": st.integers(0, 5),
        "remaining_pct": FRACTIONS,
        "initial_quantity": st.decimals("0.00000001", "1e12", places=8).map(lambda amount: format(amount, "f")),
        "started_at": st.just("2026-02-18T22:00:00Z"),
        "last_cycle_at": st.sampled_from([None, "2026-02-18T22:00:00.5Z"]),
    }
)
STATES = st.fixed_dictionaries(
    {"unwind_progress": st.dictionaries(SYMBOLS, UNWINDS)},
    optional={
        "failed_exits": st.dictionaries(SYMBOLS, st.integers(0, 9)),
        "account_state": st.sampled_from([None, "CLEAN", "UNKNOWN"]),
        "classified_positions": st.one_of(st.none(), st.lists(st.text("abc")), st.dictionaries(SYMBOLS, AMOUNTS)),
        "cleanup_metrics": st.fixed_dictionaries({}, optional={"capital_freed_usd": AMOUNTS}),
    },
)


@given(STATES)
def test_a_state_survives_its_file(document: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "state.json")
        path.write_text(json.dumps(document), encoding="utf-8")
        state = state_from_file(path)
    again = parse_document(state_bytes(state), "state", "state")
    assert state_from_document(again) == state
    assert state_to_document(state_from_document(again)) == again


METRICS = {
    "total_positions_cleaned": 1,
    "zombie_positions_closed": 2,
    "legacy_positions_unwound": 3,
    "stale_orders_cancelled": 4,
    "capital_freed_usd": "5.5",
}
FULL = State(
    account_state=AccountState.CLEAN,
    last_cleanup_run=NOW,
    last_verified_at=NOW,
    verified_policy="abc",
    metrics=Metrics(1, 2, 3, 4, Decimal("5.5")),
    last_prices={"AAA/USD": Decimal(100)},
    pending_balance=Balance(NOW, {"AAA": Decimal(1)}, Decimal(100)),
    bound=Identity("paper", "https://api.example", "k"),
)


def test_all_parts_of_a_state_are_read_as_they_were_written() -> None:
    document = state_to_document(FULL)
    assert (document["cleanup_metrics"], state_from_document(document)) == (METRICS, FULL)


def test_what_there_is_nothing_of_is_left_out_of_a_file() -> None:
    more = {"pending_balance", "last_prices", "verified_policy", "bound_to"}
    assert set(state_to_document(FULL)) - set(state_to_document(State())) == more


def test_an_account_of_which_nothing_was_done_yet_counts_from_zero() -> None:
    zero = {**dict.fromkeys(METRICS, 0), "capital_freed_usd": "0"}
    assert state_to_document(State())["cleanup_metrics"] == zero


def test_numbers_that_another_program_has_left_are_kept_as_text_however_deep(tmp_path: Path) -> None:
    left = {"size": 1.5, "checks": [0.5, None, True], "deep": {"price": 2.5}, "why": "x"}
    path = tmp_path / "state.json"
    document = {"format_version": 1, "unwind_progress": {}, "classified_positions": {"AAA-USD": left}}
    path.write_text(json.dumps(document), encoding="utf-8")
    state = state_from_file(path)
    kept = {"size": "1.5", "checks": ["0.5", None, True], "deep": {"price": "2.5"}, "why": "x"}
    assert state.classified == {"AAA-USD": kept}


def test_an_export_that_a_crash_cut_short_is_made_up_for_and_is_no_edit(tmp_path: Path) -> None:
    file, known = tmp_path / "state.json", State(failed_exits={"ZZZ/USD": 1})
    with open_journal(tmp_path / "journal.db") as journal:
        journal.put_state(state_to_document(State()))
        export_state(journal, State(), file)
        journal.put_state(state_to_document(known))
        content = state_bytes(known, journal.mark())
        file.write_bytes(content)  # and died before the journal noted it
        assert load_state(journal, file) == known
        assert take_state(journal, file) == known
        assert journal.exported_sha256() == hashlib.sha256(content).hexdigest()


def test_a_file_that_was_exported_in_another_form_is_no_edit(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with open_journal(tmp_path / "journal.db") as journal:
        journal.put_state(state_to_document(State()))
        earlier = json.dumps(state_to_document(State())).encode()
        with journal.exporting(hashlib.sha256(earlier).hexdigest()):
            file.write_bytes(earlier)
        assert load_state(journal, file) == State()


def test_a_state_that_was_not_exported_at_all_is_when_it_is_taken(tmp_path: Path) -> None:
    file, known = tmp_path / "state.json", State(failed_exits={"ZZZ/USD": 1})
    with open_journal(tmp_path / "journal.db") as journal:
        assert (take_state(journal, file), file.exists()) == (State(), False)
        journal.put_state(state_to_document(known))
        take_state(journal, file)
        assert state_from_file(file) == known


@pytest.mark.parametrize("told", [{}, {"cleanup_metrics": None}, {"cleanup_metrics": dict.fromkeys(METRICS)}])
def test_metrics_that_a_file_leaves_out_are_zero(told: dict[str, object]) -> None:
    state = state_from_document({"unwind_progress": {}, **told})
    assert state_to_document(state)["cleanup_metrics"] == {**dict.fromkeys(METRICS, 0), "capital_freed_usd": "0"}


def test_what_outcomes_have_changed_is_told_of_their_positions_and_of_nothing_else() -> None:
    before = State(failed_exits={"AAA/USD": 1, "BBB/USD": 2})
    after = replace(before, failed_exits={"BBB/USD": 3})
    both = {"AAA/USD", "BBB/USD"}
    assert changes_between(before, before, both) == {}
    assert changes_between(before, after, both) == {"failed_exits": {"AAA/USD": None, "BBB/USD": 3}}
    assert changes_between(before, after, {"BBB/USD"}) == {"failed_exits": {"BBB/USD": 3}}
    counted = changes_between(before, before.counting(stale_orders_cancelled=4), both)
    assert {name: part["stale_orders_cancelled"] for name, part in counted.items()} == {"cleanup_metrics": 4}


@pytest.mark.parametrize(("added", "rest"), [(35, None), (36, "... and 1 lines more"), (50, "... and 15 lines more")])
def test_of_a_long_hand_edit_the_first_forty_lines_are_told(tmp_path: Path, added: int, rest: str | None) -> None:
    file, known = tmp_path / "state.json", State(failed_exits={"ZZZ/USD": 1})
    with open_journal(tmp_path / "journal.db") as journal:
        journal.put_state(state_to_document(known))
        export_state(journal, known, file)
        lines = "".join(f'    "A{number}/USD": 1,\n' for number in range(added))
        file.write_text(file.read_text().replace('    "ZZZ/USD": 1', f'{lines}    "ZZZ/USD": 1'))
        with pytest.raises(FileIsInvalid) as refused:
            load_state(journal, file)
    _, *told = str(refused.value).splitlines()
    assert (len(told), told[40:]) == (40 + (rest is not None), [] if rest is None else [f"  {rest}"])


def test_a_file_that_is_as_it_was_exported_is_not_written_again(tmp_path: Path) -> None:
    file, known = tmp_path / "state.json", State(failed_exits={"ZZZ/USD": 1})
    with open_journal(tmp_path / "journal.db") as journal:
        journal.put_state(state_to_document(known))
        export_state(journal, known, file)
        before = file.stat().st_ino
        export_state(journal, known, file)
        assert file.stat().st_ino == before
        file.unlink()
        export_state(journal, known, file)
        assert file.read_bytes() == state_bytes(known, journal.mark())


def test_of_the_published_protocol_what_tells_enough_is_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    unwinds = {"AAA-USD": {"cycle": 2, "remaining_pct": 0.5}}  # which does not say of how much
    left = {"unwind_progress": unwinds, "cleanup_metrics": {"total_positions_cleaned": 3}}
    file.write_text(json.dumps({**left, "last_cleanup_run": "2026-02-18T23:00:00"}))
    state = state_from_file(file)
    assert (state.unwinds, state.metrics.total_positions_cleaned) == ({}, 3)
    assert state.last_cleanup_run is not None


def test_a_file_of_another_time_zone_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"unwind_progress": {}, "last_cleanup_run": "2026-02-18T23:00:00+01:00"}))
    assert state_from_file(file).last_cleanup_run == NOW


def test_a_hand_edit_is_refused_with_what_it_changed(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    text = scene.folder.state.read_text()
    scene.folder.state.write_text(text.replace('"cycle": 1', '"cycle": 3'))
    with pytest.raises(FileIsInvalid) as refused:
        scene.apply()
    assert '-      "cycle": 1,' in str(refused.value)
    assert '+      "cycle": 3,' in str(refused.value)


def test_a_hand_edit_made_during_a_run_is_not_overwritten_by_its_end(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    scene.apply()
    scene.trouble.before.append(lambda: scene.folder.state.write_text('{"unwind_progress": {}}'))
    scene.apply()
    assert scene.folder.state.read_text() == '{"unwind_progress": {}}'
    with pytest.raises(FileIsInvalid, match="edited by hand"):
        scene.apply()
