"""Every verb but ``plan``, ``show`` and ``apply``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from exitplan.brokers.paper.broker import PaperBroker
from exitplan.brokers.protocol import OrderRequest, Outcome, RefusalReason, Refused
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.schemas.policies import load_policy
from tests.builders import market, order, position, record, snapshot
from tests.cli.conftest import with_options, write_snapshot, xp

# --- init ---


def test_a_new_folder_can_be_planned_at_once(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert xp("init", "demo").code == 0
    monkeypatch.chdir(nothing / "demo")
    assert xp("plan").code == 0
    assert xp("validate").code == 0


def test_each_line_that_init_proposes_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.strip() for line in xp("init", "demo").out.splitlines() if line.startswith("  ")]
    monkeypatch.chdir("demo")
    typed = [line.partition("   ")[0].split()[1:] for line in lines if line.startswith("exitplan")]
    assert [words[0] for words in typed] == ["plan", "explain", "apply", "policies"]
    assert [xp(*words, typed="yes\n").code for words in typed] == [0, 0, 0, 0]
    assert all(Path(line.split()[0]).is_file() for line in lines if line.startswith("policies/"))


def test_a_new_folder_has_the_schemas_that_its_policies_name(folder: Path) -> None:
    for policy in [*folder.glob("policies/*.yaml"), *folder.glob("policies/accounts/*.yaml")]:
        named = policy.read_text(encoding="utf-8").splitlines()[0].partition("$schema=")[2]
        assert (policy.parent / named).is_file()
    assert "/data/" in Path(".gitignore").read_text(encoding="utf-8").split()


def test_init_touches_nothing_that_is_there(folder: Path) -> None:
    mine = folder / "policies/default.yaml"
    mine.write_text("mine", encoding="utf-8")
    Path("policies/conservative.yaml").unlink()
    shown = xp("init")
    assert shown.code == 64
    assert "policies/default.yaml" in shown.err
    assert mine.read_text(encoding="utf-8") == "mine"
    assert not Path("policies/conservative.yaml").exists()


def test_init_replaces_where_forced(folder: Path) -> None:
    (folder / "policies/default.yaml").write_text("mine", encoding="utf-8")
    assert xp("init", "--force").code == 0
    assert xp("validate").code == 0


# --- validate ---


def test_validate_tells_all_problems_of_all_files(folder: Path) -> None:
    Path("policies/a.yaml").write_text("version: 1\nname: a\nparameters: {max_postions: 3}\n", encoding="utf-8")
    Path("policies/b.yaml").write_text("version: 1\nname: b\nguards: {max_run_pct: 5}\n", encoding="utf-8")
    shown = xp("validate", folder / "policies")
    assert shown.code == 65
    assert "a.yaml:3:14: error: parameters.max_postions: " in shown.out
    assert "b.yaml:3:23: error: guards.max_run_pct: " in shown.out
    assert "2 errors" in shown.out.splitlines()[-1]


def test_validate_as_json_has_every_place(folder: Path) -> None:
    Path("policies/a.yaml").write_text("version: 1\nname: a\nguards: {max_run_pct: 5}\n", encoding="utf-8")
    told = xp("validate", folder / "policies/a.yaml", "--json").json
    (problem,) = told["files"][0]["problems"]
    assert (told["errors"], problem["line"], problem["path"]) == (1, 3, ["guards", "max_run_pct"])


@pytest.mark.usefixtures("folder")
def test_warnings_do_not_fail() -> None:
    Path("policies/a.yaml").write_text("version: 1\nname: a\nparameters: {my_limit: 3}\n", encoding="utf-8")
    shown = xp("validate")
    assert shown.code == 0
    assert "warning: parameters.my_limit" in shown.out


def test_validate_needs_something_to_check() -> None:
    assert xp("validate").code == 64


def test_validate_knows_snapshots_and_plans() -> None:
    xp("plan", "--snapshot", write_snapshot(snapshot()), "--out", "plan.json")
    kinds = [found["kind"] for found in xp("validate", "snapshot.json", "plan.json", "--json").json["files"]]
    assert kinds == ["snapshot", "plan"]


# --- verify and run ---


@pytest.mark.usefixtures("folder")
def test_verify_trades_nothing_and_exits_2_where_the_account_is_not_clean() -> None:
    shown = xp("verify")
    assert shown.code == 2
    assert "The account is NEEDS_CLEANUP." in shown.out
    told = xp("verify", "--json").json
    assert (told["account"], told["checks"]["position_count"]["current"]) == ("platform", 12)


def test_an_account_of_which_something_cannot_be_read_is_never_clean(folder: Path) -> None:
    write_snapshot(replace(snapshot(), unread=("stop orders",)), "recorded.json")
    with_options(folder, file="../../data/paper/other.json", start_from="../../recorded.json")
    shown = xp("verify")
    assert shown.code == ExitCode.UNKNOWN
    assert "The account is UNKNOWN." in shown.out
    assert "what exitplan cannot read" in shown.out
    assert "Look at the venue for what exitplan cannot read there: stop orders." in shown.out
    assert xp("verify", "--json").json["unread"] == ["stop orders"]


@pytest.mark.usefixtures("folder")
def test_a_run_tells_its_four_phases_and_exits_2_until_clean() -> None:
    shown = xp("run")
    assert shown.code == 2
    last = shown.out.splitlines()[-4:]
    assert [line[:7] for line in last] == ["Phase 1", "Phase 2", "Phase 3", "Phase 4"]
    assert last[1].endswith("4 done")
    assert last[3].endswith("NEEDS_CLEANUP")


def test_four_runs_clean_the_demo_account(folder: Path) -> None:
    path = folder / "policies/accounts/demo.yaml"
    protect = "protect: [{symbol: LUNA/USD}, {symbol: VOUCHER/USD}]\n"
    path.write_text(path.read_text(encoding="utf-8") + protect, encoding="utf-8")
    assert [xp("run").code for _ in range(4)] == [2, 2, 2, 0]
    assert xp("verify").code == 0
    assert xp("run", "--verify-only").code == 0
    assert xp("run", "--json").lines[-1]["exit_code"] == 0


@pytest.mark.usefixtures("folder")
def test_a_dry_run_of_everything_sends_nothing() -> None:
    shown = xp("run", "--dry-run", "--json", "--broker", "paper", "--user-id", "user123")
    assert (shown.code, shown.json["account"]["id"]) == (2, "user123")
    assert not Path("data/users").exists()


@pytest.mark.usefixtures("folder")
def test_one_phase_alone() -> None:
    cancels = [event for event in xp("run", "--phase", "2", "--json").lines if event["event"] == "action_done"]
    assert {event["action"] for event in cancels} == {"cancel_order"}
    assert [xp("run", "--phase", phase).code for phase in ("1", "2", "3", "4", "all")] == [0, 0, 0, 2, 2]
    assert xp("run", "--phase", "5").code == xp("run", "--phase", "0").code == xp("run", "--phase", "x").code == 64
    assert xp("run", "--phase", "4", "--json").json["state"] == "NEEDS_CLEANUP"


def refuse(_: PaperBroker, asked: Sequence[OrderRequest]) -> tuple[Outcome, ...]:
    return (Refused(RefusalReason.OTHER, "no"),) * len(asked)


@pytest.mark.usefixtures("folder")
def test_a_run_that_the_venue_refuses_exits_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaperBroker, "place_orders", refuse)
    assert xp("run").code == 4


# --- explain ---


def test_explain_shows_every_comparison_and_the_line_of_the_policy(folder: Path) -> None:
    shown = xp("explain", "xrp-usd".upper())
    assert shown.code == 0
    assert "LEGACY_NON_COMPLIANT by legacy.untracked: no strategy has registered it" in shown.out
    line = 1 + (folder / "policies/default.yaml").read_text(encoding="utf-8").splitlines().index(
        "  - {id: legacy.untracked, category: LEGACY_NON_COMPLIANT, when: {tracked: false},"
    )
    assert f"legacy.untracked -> LEGACY_NON_COMPLIANT  policies/default.yaml:{line}" in shown.out
    assert "account_pct < 0.01   found 0.05" in shown.out
    assert "Order demo-6: sell 240, is cancelled" in shown.out


def test_explain_as_json_has_the_whole_trace() -> None:
    account = snapshot(position("AAA/USD"), orders=[order(minutes=60), order("o2", minutes=1)])
    told = xp("explain", "AAA/USD", "--snapshot", write_snapshot(account), "--json").json
    (found,) = told["positions"]
    decided = [rule["id"] for rule in found["classification"] if rule["decides"]]
    assert (decided, found["exit"], found["actions"][0]["kind"]) == (["legacy.untracked"], "legacy", "cancel_order")
    assert [(entry["id"], entry["cancelled"]) for entry in told["orders"]] == [("o1", True), ("o2", False)]
    dust = next(rule for rule in found["exits"] if rule["id"] == "dust")
    (_, amounts) = dust["condition"]["parts"]
    assert [part["found"] for part in amounts["parts"]] == ["1000.000000", "0.090909"]


def test_explain_says_what_stands_in_the_way() -> None:
    account = snapshot(position("AAA/USD"), markets={"AAA/USD": None})
    shown = xp("explain", "AAA/USD", "--snapshot", write_snapshot(account))
    assert "zombie is blocked: the venue lists no such symbol; an alert is raised" in shown.out


def test_explain_of_an_aligned_position_says_that_no_rule_matches() -> None:
    account = snapshot(position("AAA/USD"), tracked={"AAA/USD": record()}, markets={"AAA/USD": market(50)})
    shown = xp("explain", "AAA/USD", "--snapshot", write_snapshot(account))
    assert "no rule matches: STRATEGY_ALIGNED" in shown.out
    assert "nothing is done with it" in shown.out


def test_explain_tells_how_the_cap_chose() -> None:
    held = [position(f"{name}/USD", size) for name, size in (("AAA", 10), ("BBB", 20))]
    path = write_snapshot(snapshot(*held, tracked=["AAA/USD", "BBB/USD"]))
    shown = xp("explain", "AAA/USD", "--snapshot", path, "--max-positions", "1")
    assert "Cap: 2 positions counted, 1 allowed; 1 chosen" in shown.out
    assert "this one is chosen" in " ".join(shown.out.split())
    waiting = snapshot(*held, markets={"BBB/USD": market(price_status="unavailable")})
    assert "it waits" in xp("explain", "AAA/USD", "--snapshot", write_snapshot(waiting)).out


def test_explain_shows_protection() -> None:
    Path("p.yaml").write_text(
        "version: 1\nname: p\nprotect: [{symbol: AAA/USD, reason: mine, until: 2027-01-01T00:00:00Z}]\n",
        encoding="utf-8",
    )
    shown = xp("explain", "AAA/USD", "--policy", "p.yaml", "--snapshot", write_snapshot(snapshot(position())))
    assert "protected until 2027-01-01 00:00 UTC: mine; it is never touched" in shown.out


# --- status, history, retry, state ---


@pytest.mark.usefixtures("folder")
def test_before_the_first_run_there_is_nothing_to_tell() -> None:
    assert "No run yet." in xp("status").out
    assert "No run yet." in xp("history").out
    assert xp("history", "--json").said == {"runs": []}


@pytest.mark.usefixtures("folder")
def test_after_a_run_status_shows_unwinds_and_escalations() -> None:
    xp("run")
    shown = xp("status").out
    assert "XRP/USD" in shown
    assert "75.0 %" in shown
    assert "LUNA/USD" in shown
    told = xp("status", "--json").json
    assert told["unwind_progress"]["XRP/USD"]["cycle"] == 1


@pytest.mark.usefixtures("folder")
def test_history_lists_the_newest_run_first() -> None:
    xp("run")
    xp("run")
    runs = xp("history", "--json").json["runs"]
    assert [run["run"] for run in runs] == [2, 1]
    assert len(xp("history", "--limit", "1", "--json").json["runs"]) == 1
    assert "NEEDS_CLEANUP" in xp("history").out


@pytest.mark.parametrize("line", ["history", "history --json", "history 1", "history --export h.csv", "report"])
@pytest.mark.parametrize("spoil", [Path.unlink, lambda journal: journal.write_bytes(b"")])
@pytest.mark.usefixtures("folder")
def test_a_lost_journal_is_no_account_without_a_past(line: str, spoil: Callable[[Path], object]) -> None:
    xp("run")
    for beside in Path("data").glob("journal.db-*"):
        beside.unlink()
    spoil(Path("data/journal.db"))
    told = xp(*line.split())
    assert told.code == 65
    assert "the journal that data/legacy_exit_protocol_state.json was exported from is not there" in told.err + told.out


@pytest.mark.usefixtures("folder")
def test_retry_clears_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as refusing:
        refusing.setattr(PaperBroker, "place_orders", refuse)
        xp("run")
    blocked = {entry["symbol"]: entry["reason"] for entry in xp("plan", "--json").json["blocked"]}
    assert blocked["NEAR/USD"] == "attempts-exhausted"
    assert "the next plan tries its exit again" in xp("retry", "NEAR-USD").out
    assert xp("retry", "NEAR/USD", "--json").said == {"account": "platform", "symbol": "NEAR/USD", "cleared": False}
    assert "NEAR/USD" not in {entry["symbol"] for entry in xp("plan", "--json").json["blocked"]}
    assert "Nothing to clear" in xp("retry", "NEAR/USD").out


@pytest.mark.usefixtures("folder")
def test_retry_of_what_never_failed_names_what_did() -> None:
    assert "What has" not in xp("retry", "LUNB/USD").out
    xp("run")
    told = xp("retry", "LUNB/USD")
    assert told.code == 0
    assert "no exit of LUNB/USD has failed or was escalated" in told.out
    assert "What has failed or was escalated: LUNA/USD." in told.out


@pytest.mark.usefixtures("folder")
def test_a_state_edited_by_hand_is_noticed_and_settled() -> None:
    xp("run")
    path = Path("data/legacy_exit_protocol_state.json")
    written = path.read_text(encoding="utf-8")
    path.write_text(written.replace('"cycle": 1', '"cycle": 2'), encoding="utf-8")
    assert xp("plan").code == 65
    assert "exitplan state import" in xp("status").err
    assert xp("state", "export").code == 0
    assert path.read_text(encoding="utf-8") == written
    path.write_text(written.replace('"cycle": 1', '"cycle": 2'), encoding="utf-8")
    assert xp("state", "import").code == 0
    assert xp("status", "--json").json["unwind_progress"]["XRP/USD"]["cycle"] == 2


# --- policy, schema, snapshot ---


@pytest.mark.usefixtures("folder")
def test_policy_show_is_yaml_that_means_the_same(folder: Path) -> None:
    shown = xp("policies", "show", "-a", "user123")
    assert shown.code == 0
    assert "# policies/conservative.yaml:" in shown.out
    Path("merged.yaml").write_text(shown.out, encoding="utf-8")
    merged = load_policy(folder / "merged.yaml")
    assert f"# sha256 {merged.policy.sha256}" in shown.out
    assert yaml.safe_load(shown.out)["name"] == "user123"


@pytest.mark.usefixtures("folder")
def test_policy_show_as_json_names_its_files() -> None:
    told = xp("policies", "show", "--policy", "policies/conservative.yaml", "--json").json
    assert told["files"] == ["policies/default.yaml", "policies/conservative.yaml"]
    assert told["policy"]["cap"]["scope"] == "legacy"


FILES = {
    *("policy", "snapshot", "plan", "state", "tracker", "alert", "cases", "alerts", "users"),
    *("group", "groupplan", "health"),
}


def test_schemas_are_listed_printed_and_written() -> None:
    files, answers = xp("schema").out.split("\n\n")
    listed = [line.split()[0] for line in files.splitlines()[1:]]
    assert set(listed) == FILES
    assert {"verify", "status", "history", "event", "error"} <= {line.split()[0] for line in answers.splitlines()[1:]}
    assert xp("schema", "plan").json["title"] == "Action plan"
    assert xp("schema", "policy.parameters.max_positions").json["default"] == 8
    assert xp("schema", "policy.exits.action").json["enum"] == ["close", "unwind", "attach_stop"]
    assert "did you mean 'parameters'?" in xp("schema", "policy.paramters").err
    assert xp("schema", "--out", "here").code == 0
    assert {path.name for path in Path("here").iterdir()} == {f"{name}.schema.json" for name in listed}
    assert xp("schema", "plan", "--out", "one").code == 0
    assert [path.name for path in Path("one").iterdir()] == ["plan.schema.json"]


@pytest.mark.usefixtures("folder")
def test_a_recorded_account_replays_to_the_same_actions() -> None:
    shown = xp("snapshot", "--out", "recorded.json")
    assert "Recorded 20 positions of platform" in shown.out
    live = xp("plan", "--json").json
    replayed = xp("plan", "--snapshot", "recorded.json", "--account", "platform", "--json").json
    assert [action["symbol"] for action in live["actions"]] == [action["symbol"] for action in replayed["actions"]]
    assert xp("snapshot").json["account"] == "platform"
    assert xp("snapshot", "--out", "again.json", "--json").json == json.loads(
        Path("again.json").read_text(encoding="utf-8")
    )
