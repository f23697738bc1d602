"""A person settles what the venue cannot tell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exitplan.executor.accounts.account import Account
from exitplan.executor.apply.manual_resolution import resolve_by_hand, unresolved_orders
from exitplan.executor.plan import read_account
from exitplan.executor.store.lease import break_lease
from exitplan.ruleset.errors import AccountUnreadable, FileIsInvalid, UsageError
from exitplan.ruleset.model.snapshot import Snapshot
from tests.builders import NOW
from tests.executor.conftest import Stage
from tests.executor.scene import Scene, legacy, over_cap, resting
from tests.faults import SILENT, Fault


def stuck(on_stage: Stage, fault: Fault) -> tuple[Scene, Any, str]:
    """An account that stopped because nobody can tell what became of its slice of 25."""
    scene = on_stage(legacy())
    scene.break_writes(fault)
    scene.trouble.look_ups.extend([SILENT] * 4)
    plan = scene.plan()
    assert scene.apply(plan).exit_code == 9
    (name,) = unresolved_orders(scene.open())
    return scene, plan, name


def test_an_order_found_filled_counts_and_the_run_goes_on(on_stage: Stage) -> None:
    scene, plan, name = stuck(on_stage, Fault.LOST_AFTER)
    resolve_by_hand(scene.open(), name, Decimal(25))
    assert scene.state().unwinds["AAA/USD"].cycle == 1
    assert (scene.apply(plan).exit_code, scene.held(), unresolved_orders(scene.open())) == (0, "75", {})


def test_an_order_that_never_traded_is_left_out_and_planned_again(on_stage: Stage) -> None:
    scene, plan, name = stuck(on_stage, Fault.LOST_BEFORE)
    assert scene.state().failed_exits == {}
    resolve_by_hand(scene.open(), name, Decimal(0))
    assert scene.state().failed_exits == {}
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "100")
    assert (scene.apply().exit_code, scene.held()) == (0, "75")


def test_more_than_was_sent_is_not_believed(on_stage: Stage) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_AFTER)
    with pytest.raises(UsageError, match="for 25: 26 cannot"):
        resolve_by_hand(scene.open(), name, Decimal(26))


def test_an_order_that_is_not_unresolved_is_refused_with_the_nearest_one(on_stage: Stage) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_AFTER)
    with pytest.raises(UsageError) as refused:
        resolve_by_hand(scene.open(), name[:-1], Decimal(0))
    assert refused.value.hint == f"did you mean {name!r}?"


def test_where_nothing_is_unresolved_there_is_nothing_to_settle(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    assert (unresolved_orders(scene.open()), scene.folder.journal.exists()) == ({}, False)
    scene.apply()
    with pytest.raises(UsageError, match="no order of this account is unresolved"):
        resolve_by_hand(scene.open(), "platform-1", Decimal(0))
    assert unresolved_orders(scene.open()) == {}


def test_an_id_that_is_like_none_is_answered_with_those_there_are(on_stage: Stage) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_AFTER)
    with pytest.raises(UsageError) as refused:
        resolve_by_hand(scene.open(), "?", Decimal(0))
    assert refused.value.hint == f"unresolved are {name}"


def test_less_than_nothing_cannot_have_been_filled(on_stage: Stage) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_AFTER)
    with pytest.raises(UsageError, match="for 25: -1 cannot"):
        resolve_by_hand(scene.open(), name, Decimal(-1))


def test_what_is_believed_is_what_was_sent_and_not_what_was_planned(on_stage: Stage) -> None:
    scene = on_stage(legacy())
    plan = scene.plan()
    scene.hold("AAA/USD", "99.2")
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.extend([SILENT] * 4)
    assert scene.apply(plan).exit_code == 9
    (name,) = unresolved_orders(scene.open())
    with pytest.raises(UsageError, match=r"for 24\.8: 25 cannot"):
        resolve_by_hand(scene.open(), name, Decimal(25))
    resolve_by_hand(scene.open(), name, Decimal("24.8"))
    assert scene.state().unwinds["AAA/USD"].cycle == 1


def test_that_nothing_was_filled_can_be_said_while_the_venue_cannot_be_read(on_stage: Stage) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_BEFORE)
    scene.trouble.reads.append(False)
    with pytest.raises(AccountUnreadable):
        resolve_by_hand(scene.open(), name, Decimal(1))
    scene.trouble.reads.append(False)
    resolve_by_hand(scene.open(), name, Decimal(0))
    assert unresolved_orders(scene.open()) == {}


def test_a_cancel_that_nobody_can_tell_of_is_settled_too(on_stage: Stage) -> None:
    scene = on_stage(over_cap(orders=[resting()], locked=40), parameters={"max_positions": 2})
    scene.break_writes(Fault.LOST_AFTER)
    scene.trouble.look_ups.append(SILENT)
    plan = scene.plan()
    assert scene.apply(plan).exit_code == 9
    ((name, cancel),) = unresolved_orders(scene.open()).items()
    assert (cancel.kind, resolve_by_hand(scene.open(), name, Decimal(0))) == ("cancel_order", cancel)
    assert (scene.apply(plan).exit_code, scene.held()) == (0, "0")


def test_a_run_that_hung_can_change_nothing_of_what_a_person_is_settling(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, _, name = stuck(on_stage, Fault.LOST_AFTER)
    with scene.store.lease(NOW), scene.store.open_journal() as hung:
        hung.claim()
        break_lease(scene.folder.lock)

        def read_meanwhile(account: Account) -> Snapshot:
            with pytest.raises(FileIsInvalid, match="taken over by another run"):
                hung.ensure_claimed()
            return read_account(account)

        monkeypatch.setattr("exitplan.executor.apply.manual_resolution.read_account", read_meanwhile)
        resolve_by_hand(scene.open(), name, Decimal(25))
    assert scene.state().unwinds["AAA/USD"].cycle == 1
