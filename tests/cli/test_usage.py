"""Help, versions, and everything that can be mistyped."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from exitplan.cli.main import app
from exitplan.cli.verbs import VERBS, LoadedVerbs
from exitplan.ruleset.version import VERSION
from tests.cli.conftest import xp


def test_help_lists_every_verb_with_its_summary() -> None:
    shown = xp("--help")
    assert shown.code == 0
    assert all(verb.summary in shown.out for verb in VERBS.values())


@pytest.mark.parametrize("verb", VERBS)
def test_the_summary_of_a_verb_is_the_first_line_of_its_help(verb: str) -> None:
    shown = xp(verb, "--help")
    assert shown.code == 0
    assert VERBS[verb].summary in shown.out
    assert f"exitplan {verb}" in shown.out


def test_the_verbs_can_be_walked_as_commands() -> None:
    command = typer.main.get_command(app)
    found = getattr(command, "commands")  # noqa: B009 - the class of Typer's groups has no public name
    assert isinstance(found, LoadedVerbs)
    assert [name for name, _ in found.items()] == list(VERBS)
    assert len(found) == len(VERBS)
    found["plan"] = found["show"]
    assert found["plan"] is found["show"]
    del found["plan"]
    assert found["plan"].name == "plan"


def test_much_dust_is_warned_of(folder: Path) -> None:
    shown = xp("plan", "--dust-pct", "0.1")
    assert "warning: --dust-pct is 0.1, which is 10 %; 1 % is 0.01" in shown.err


def test_short_help_option() -> None:
    assert xp("plan", "-h").out == xp("plan", "--help").out


def test_version_is_printed() -> None:
    assert xp("--version").out == f"exitplan {VERSION}\n"


def test_no_verb_is_a_usage_error_with_the_help() -> None:
    shown = xp()
    assert (shown.code, shown.out) == (64, "")
    assert "Usage: exitplan" in shown.err


def test_no_verb_of_policy_is_a_usage_error_with_the_help() -> None:
    assert xp("policy").code == 64


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("plna", "no such command 'plna'", "did you mean 'plan'?"),
        ("zzz", "no such command 'zzz'", "see exitplan --help"),
        ("destroy", "no such command 'destroy'", "see exitplan --help"),
        ("apply --yes", "no such option --yes", "did you mean --auto-approve?"),
        ("plan --output x.json", "no such option --output", "did you mean --out?"),
        ("plan --tagret ETH-USD", "no such option --tagret", "did you mean --target?"),
        ("plan --zzzzzz", "no such option --zzzzzz", "see exitplan plan --help"),
        ("plan --max-positions many", "--max-positions", "see exitplan plan --help"),
        ("plan --phase 5", "there is no phase 5", "2 cancel stale orders"),
        ("plan --max-positions -1", "--max-positions is -1; allowed is 0 to 10000", None),
        ("plan --dust-pct 2", "--dust-pct is 2; allowed is 0 to below 0.5", "1 % is 0.01: write 0.02 for 2 %"),
        ("plan --dust-pct 1", "--dust-pct is 1; allowed is 0 to below 0.5", "1 % is 0.01: write 0.01 for 1 %"),
        ("plan --dust-pct 0.5", "--dust-pct is 0.5; allowed is 0 to below 0.5", "1 % is 0.01"),
        ("plan --dust-pct 1%", "--dust-pct takes a number, found '1%'", "write 0.01 for 1%"),
        ("plan --dust-pct tiny", "--dust-pct takes a number, found 'tiny'", None),
        ("plan --dust-pct tiny%", "--dust-pct takes a number, found 'tiny%'", None),
        ("plan --dust-pct 1E+400000", "--dust-pct takes a number, found '1E+400000'", None),
        ("plan --max-positions " + "9" * 5000, "--max-positions", None),
        ("plan --stale-minutes 1E+400000", "--stale-minutes takes a number, found '1E+400000'", None),
        ("plan --stale-minutes -5", "--stale-minutes is -5; allowed is 0 or more", None),
        ("plan --target XRB-USD", "no position and no open order of XRB/USD", "did you mean 'XRP/USD'?"),
        ("plan --exclude XRB/USD", "--exclude: the account platform has", "did you mean 'XRP/USD'?"),
        (
            "plan --target ADA/USD --exclude ada-usd",
            "--exclude takes out all that --target names: ADA/USD",
            "leave one",
        ),
        ("plan --target ADA --exclude ADA/USD", "--exclude takes out all that --target names: ADA/USD", "leave one"),
        ("plan --rule legcy", "no exit or order rule 'legcy'", "did you mean 'legacy'?"),
        ("plan --rule zzz", "no exit or order rule 'zzz'", "stale-limit-order"),
        ("plan --rule zombie.dust", "no exit or order rule 'zombie.dust'", "it classifies"),
        ("plan --now 2026-01-01T00:00:00Z", "--now goes with --snapshot", None),
        ("plan --progress x.json", "--progress goes with --snapshot", None),
        ("plan --account plaform", "no account file carries the id 'plaform'", "did you mean 'platform'?"),
        ("explain XRB-USD", "no position and no open order of XRB/USD", "did you mean 'XRP/USD'?"),
        ("explain", "missing argument", "see exitplan explain --help"),
        ("schema polcy", "there is no schema 'polcy'", "did you mean 'policy'?"),
        ("run --broker kraken", "is at paper, not at kraken", "demo.yaml"),
        ("run --account platform --user-id user123", "are two accounts", "give one of them"),
        ("apply --json", "--json cannot ask", "--auto-approve"),
        ("plan user123", "unexpected extra argument", "exitplan plan --account user123"),
        ("--account user123 plan", "no such option --account", "exitplan plan --account ..."),
        ("apply -auto-aprove", "no such option --auto-aprove", "did you mean --auto-approve?"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_mistyped_exits_64_with_a_line_and_a_hint(line: str, message: str, hint: str | None) -> None:
    shown = xp(*line.split())
    assert shown.code == 64
    told, silent = (shown.out, shown.err) if "--json" in line else (shown.err, shown.out)
    assert message in told
    assert hint is None or hint in told
    assert not silent


@pytest.mark.usefixtures("folder")
def test_quiet_prints_nothing_but_errors() -> None:
    for line in ("plan -q", "--quiet plan", "run --quiet"):
        shown = xp(*line.split())
        assert (shown.out, shown.err) == ("", "")
    assert xp("verify", "-q").code == 2
    assert "no account file" in xp("plan", "-q", "--account", "nobody").err
    assert xp("status", "--quiet", "--json").json["account"] == "platform"
    assert "--quiet cannot ask" in xp("apply", "-q").err


@pytest.mark.usefixtures("folder")
def test_options_with_one_dash_are_those_with_two() -> None:
    shown = xp("plan", "-out=new.json", "-target=xrp-usd", "-json")
    assert shown.json["scope"]["targets"] == ["XRP/USD"]
    assert Path("new.json").read_bytes() == shown.out.encode()
    assert xp("plan", "-oshort.json").code == 0
    assert Path("short.json").exists()


@pytest.mark.parametrize("typed", ["ETH/USD", "ETH-USD", "eth/usd", "eth-usd", "ETHUSD", "eth", " ETH "])
@pytest.mark.usefixtures("folder")
def test_a_symbol_may_be_typed_in_any_way_that_is_clear(typed: str) -> None:
    assert xp("explain", typed, "--json").json["symbol"] == "ETH/USD"


@pytest.mark.usefixtures("folder")
def test_with_json_an_error_is_json_on_stdout() -> None:
    shown = xp("plan", "--json", "--account", "plaform")
    error = shown.json["error"]
    assert not shown.err
    assert (error["type"], error["exit_code"]) == ("NoSuchAccount", 64)
    assert error["hint"] == "did you mean 'platform'?"


def test_with_json_a_missing_verb_is_json_too() -> None:
    shown = xp("policy", "--json")
    assert shown.error["exit_code"] == 64


def test_without_any_account_file_the_hint_is_init() -> None:
    shown = xp("plan")
    assert shown.code == 64
    assert "exitplan init" in shown.err


@pytest.mark.usefixtures("folder")
def test_an_account_may_be_named_by_its_file() -> None:
    plan = xp("plan", "--json", "-a", "policies/accounts/user123.yaml").json
    assert plan["account"]["id"] == "user123"


@pytest.mark.usefixtures("folder")
def test_the_data_folder_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXITPLAN_DATA", "elsewhere")
    assert xp("verify").code == 2
    assert Path("elsewhere/legacy_exit_protocol_state.json").is_file()


def test_a_number_that_is_none_is_told_in_plain_words(folder: Path) -> None:
    ran = xp("history", "abc")
    assert ran.code == 64
    assert "'abc' is not a whole number" in ran.err


def test_every_kind_of_the_list_of_schemas_stands_apart_from_its_description(folder: Path) -> None:
    lines = [line for line in xp("schema").out.splitlines() if line.startswith("  ")]
    assert len({len(line) - len(line[2:].split("  ", 1)[1].lstrip()) for line in lines}) == 1


def test_a_hidden_file_is_not_offered_for_a_missing_one(folder: Path) -> None:
    Path(".hidden").write_text("", encoding="utf-8")
    Path("visible").write_text("", encoding="utf-8")
    ran = xp("show", "missing")
    assert "beside it are visible" in ran.err
    assert ".hidden" not in ran.err
