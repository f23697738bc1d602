"""``exitplan accept-balance``: nothing but a person's word makes a strange balance right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from exitplan.cli import approval
from exitplan.ruleset.errors import BalanceHasChanged
from tests.cli.conftest import xp

ACCOUNT = Path("data/paper/platform.json")


@pytest.fixture
def emptied(folder: Path) -> Path:
    """A demo account that has run once and is told as empty since, as by the key of another account."""
    assert xp("run").code == 2
    rewrite(positions=[], open_orders=[], cash={"free": "0", "locked": "0"}, other_cash={})
    return folder


def rewrite(**changes: Any) -> None:
    document = json.loads(ACCOUNT.read_text(encoding="utf-8"))
    ACCOUNT.write_text(json.dumps({**document, **changes}), encoding="utf-8")


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    class Person:
        def readline(self) -> str:
            return text

    monkeypatch.setattr("sys.stdin", Person())


def accepting(monkeypatch: pytest.MonkeyPatch, text: str) -> Any:
    monkeypatch.setattr("exitplan.cli.commands.accept_balance.ask", lambda question: asked(monkeypatch, question, text))
    return xp("accept-balance")


def asked(monkeypatch: pytest.MonkeyPatch, question: str, text: str) -> None:
    answer(monkeypatch, text)
    approval.ask(question)


@pytest.mark.usefixtures("emptied")
def test_an_emptied_account_is_refused_with_the_command_that_helps() -> None:
    shown = xp("plan")
    assert shown.code == 5
    assert "exitplan accept-balance" in shown.err
    verified = xp("verify")
    assert verified.code == 9
    assert "balance as left" in verified.out
    assert "exitplan accept-balance" in verified.out


@pytest.mark.usefixtures("emptied")
def test_yes_believes_the_balance_and_the_next_plan_is_no_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = accepting(monkeypatch, "yes\n")
    assert shown.code == 0
    assert "Accepted." in shown.out
    assert xp("plan").code == 0


@pytest.mark.usefixtures("emptied")
@pytest.mark.parametrize("text", ["no\n", "y\n", "YES\n", ""])
def test_only_yes_goes_on(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert accepting(monkeypatch, text).code == 8
    assert xp("plan").code == 5


@pytest.mark.usefixtures("emptied")
def test_what_was_held_and_what_is_held_stand_side_by_side() -> None:
    shown = xp("accept-balance", "--auto-approve")
    eth = next(line.split() for line in shown.out.splitlines() if line.split()[:1] == ["ETH"])
    assert eth == ["ETH", "1.2", "0"]


@pytest.mark.usefixtures("emptied")
def test_as_json_it_tells_both_and_cannot_ask() -> None:
    assert xp("accept-balance", "--json").code == 64
    told = xp("accept-balance", "--auto-approve", "--json").json
    assert (told["account"], told["now"]["held"]) == ("platform", {})
    assert told["then"]["held"]["ETH"] == "1.2"


@pytest.mark.usefixtures("emptied")
def test_another_balance_than_the_one_looked_at_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    def while_asked(_question: str) -> None:
        rewrite(cash={"free": "5", "locked": "0"})

    monkeypatch.setattr("exitplan.cli.commands.accept_balance.ask", while_asked)
    shown = xp("accept-balance")
    assert shown.code == BalanceHasChanged.exit_code
    assert "has changed since you looked at it" in shown.err
    rewrite(cash={"free": "0", "locked": "0"})
    assert xp("plan").code == 5, "nothing was accepted"


@pytest.mark.usefixtures("folder")
def test_before_the_first_run_there_is_nothing_to_compare_with() -> None:
    shown = xp("accept-balance", "--auto-approve")
    assert shown.code == 0
    assert "no run yet" in shown.out


def test_an_account_that_is_another_one_now_is_refused_and_confirmed(folder: Path) -> None:
    assert xp("verify").code == 2
    shutil.copyfile(ACCOUNT, ACCOUNT.with_name("other.json"))
    path = folder / "policies/accounts/demo.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(ACCOUNT.name, "other.json"), encoding="utf-8")
    for line in ("verify", "plan", "run"):
        refused = xp(line)
        assert (refused.code, "is another one than before: its address was" in refused.err) == (1, True)
    assert xp("gate").code == 2
    accepted = xp("accept-balance", "--auto-approve")
    assert (accepted.code, "is another account than before" in accepted.err) == (0, True)
    assert xp("verify").code == 2
