"""A folder made from a live account, and what is told where that cannot be read."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from exitplan.brokers.live.listings import forget_listings
from exitplan.schemas.policies import load_policy
from tests.cli.conftest import xp
from tests.cli.live import NAME, foreign_credentials, init_words, live_venue, use_credentials
from tests.venues.fronts import FRONTS
from tests.venues.server import Handle

OWN = ["policies/accounts/kraken-paper.yaml", "policies/accounts/kraken.yaml", "recordings/kraken.json"]


@pytest.fixture
def kraken(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handle]:
    """Work in an empty folder beside a kraken on loopback."""
    with live_venue("kraken", monkeypatch, nothing / "cache") as handle:
        yield handle


def files(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith("cache/"))


def test_the_live_account_and_its_paper_copy_can_be_planned_at_once(kraken: Handle) -> None:
    assert xp(*init_words(kraken)).code == 0
    assert xp("validate").code == 0
    assert xp("fmt", "--check").code == 0
    live, paper = (xp("plan", "--account", name, "--json") for name in ("kraken", "kraken-paper"))
    assert (live.code, paper.code) == (0, 0)
    assert (live.json["account"]["venue"], paper.json["account"]["venue"]) == ("kraken", "paper")
    wanted = [(action["kind"], action["symbol"]) for action in live.json["actions"]]
    assert wanted == [(action["kind"], action["symbol"]) for action in paper.json["actions"]]
    assert wanted


def test_a_later_process_reads_the_same_orders_as_the_first(kraken: Handle) -> None:
    xp(*init_words(kraken))
    forget_listings()
    recorded = json.loads(Path("recordings/kraken.json").read_text(encoding="utf-8"))["open_orders"]
    shown = xp("snapshot", "--account", "kraken")
    assert (shown.code, shown.err) == (0, "")
    read = shown.json["open_orders"]
    assert [(order["symbol"], order["id"]) for order in read] == [(order["symbol"], order["id"]) for order in recorded]


def test_only_reading_is_done_at_the_venue(kraken: Handle) -> None:
    xp(*init_words(kraken))
    assert kraken.venue.calls()
    assert not kraken.venue.calls("writes")


def test_it_says_what_was_written_and_goes_on_with_paper(kraken: Handle) -> None:
    shown = xp("init", "mine", *init_words(kraken)[1:])
    assert shown.out.splitlines()[0] == ("Read kraken at Kraken: 20 positions, 7 open orders. Written in mine:")
    commands = [line.strip() for line in shown.out.splitlines() if line.startswith("  exitplan") or "cd " in line]
    assert commands == [
        "cd mine",
        "exitplan plan --account kraken-paper",
        "exitplan apply --account kraken-paper",
        "exitplan plan --account kraken --out plan.json",
        "exitplan apply plan.json",
    ]


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
def test_each_line_that_it_proposes_can_be_typed(venue: str, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_venue(venue, monkeypatch, nothing / "cache") as handle:
        shown = xp("init", "mine", *init_words(handle)[1:])
        lines = [line.split() for line in shown.out.splitlines() if line.startswith("  exitplan")]
        monkeypatch.chdir("mine")
        for _, *words in lines:
            ran = xp(*words, typed="yes\n")
            assert ran.code == 0, (words, ran.err)
        assert len(lines) == 4
        assert handle.venue.calls("writes")


def test_the_files_hold_what_was_asked_for_and_no_demo_account(kraken: Handle, nothing: Path) -> None:
    assert xp(*init_words(kraken, "--account", "main", "--quote", "usd")).code == 0
    accounts = [path.name for path in sorted((nothing / "policies/accounts").iterdir())]
    assert accounts == ["main-paper.yaml", "main.yaml"]
    assert load_policy(nothing / "policies/accounts/main.yaml").account == {
        "id": "main",
        "venue": "kraken",
        "quote": "USD",
        "credentials": f"env:{NAME}",
        "base_url": kraken.base_url,
    }
    assert xp("plan", "--account", "main-paper").code == 0


def test_the_paper_copy_runs_under_the_rules_of_the_live_account(kraken: Handle, nothing: Path) -> None:
    xp(*init_words(kraken))
    live = nothing / "policies/accounts/kraken.yaml"
    live.write_text(live.read_text(encoding="utf-8") + "protect: [{symbol: XRP/USD}]\n", encoding="utf-8")
    told = xp("plan", "--account", "kraken-paper", "--json").json
    assert "XRP/USD" not in {action["symbol"] for action in told["actions"]}


def test_a_second_account_goes_into_the_same_folder_and_leaves_the_policies_alone(
    kraken: Handle, nothing: Path
) -> None:
    assert xp(*init_words(kraken)).code == 0
    policy = nothing / "policies/default.yaml"
    mine = policy.read_bytes() + b"# mine\n"
    policy.write_bytes(mine)
    assert xp(*init_words(kraken, "--account", "other")).code == 0
    assert policy.read_bytes() == mine
    assert {f"policies/accounts/{name}.yaml" for name in ("kraken", "other")} <= set(files(nothing))


def test_files_of_the_account_are_replaced_only_where_forced(kraken: Handle, nothing: Path) -> None:
    xp(*init_words(kraken))
    account = nothing / OWN[1]
    account.write_text("mine", encoding="utf-8")
    asked = len(kraken.venue.calls())
    shown = xp(*init_words(kraken))
    assert shown.code == 64
    assert all(name in shown.err for name in OWN)
    assert (account.read_text(encoding="utf-8"), len(kraken.venue.calls())) == ("mine", asked)
    assert xp(*init_words(kraken, "--force")).code == 0
    assert xp("plan", "--account", "kraken").code == 0


def test_an_id_of_another_file_is_not_taken(kraken: Handle, folder: Path) -> None:
    shown = xp(*init_words(kraken, "--account", "platform"))
    assert shown.code == 64
    assert "the id 'platform' is that of policies/accounts/demo.yaml" in shown.err
    assert not (folder / "recordings").exists()


def test_a_credentials_file_is_named_as_the_account_file_sees_it(kraken: Handle, nothing: Path) -> None:
    keys = nothing / "keys.json"
    keys.write_text(json.dumps({"api_key": kraken.credentials.key, "api_secret": kraken.credentials.secret}))
    keys.chmod(0o600)
    words = ("--from-venue", "kraken", "--credentials", "file:keys.json", "--base-url", kraken.base_url)
    assert xp("init", "mine", *words).code == 0
    account = load_policy(nothing / "mine/policies/accounts/kraken.yaml").account or {}
    assert account["credentials"] == "file:../../../keys.json"
    assert xp("plan", "--account", "mine/policies/accounts/kraken.yaml").code == 0


@pytest.mark.parametrize("venue", ["coinbase", "bybit"])
def test_another_venue_starts_the_same_way(venue: str, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_venue(venue, monkeypatch, nothing / "cache") as handle:
        assert xp(*init_words(handle)).code == 0
        assert xp("plan", "--account", venue).code == 0
    assert xp("plan", "--account", f"{venue}-paper").code == 0


# --- what goes wrong ---


def test_missing_credentials_exit_3_and_nothing_is_written(nothing: Path) -> None:
    shown = xp("init", "--from-venue", "kraken", "--credentials", "env:NOWHERE")
    assert shown.code == 3
    assert "the environment variable NOWHERE_API_KEY is missing" in shown.err
    assert files(nothing) == []


@pytest.mark.parametrize("venue", FRONTS)
def test_refused_credentials_exit_3_with_a_hint_and_nothing_is_written(
    venue: str, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_venue(venue, monkeypatch, nothing / "cache") as handle:
        use_credentials(foreign_credentials(venue), monkeypatch)
        shown = xp(*init_words(handle))
    assert shown.code == 3
    assert "could not be read: AuthenticationError: " in shown.err
    assert "hint: look at the key" in shown.err
    assert files(nothing) == []


def test_a_wrong_secret_beside_the_right_key_is_refused_credentials_as_well(
    kraken: Handle, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{NAME}_API_SECRET", foreign_credentials("kraken").secret)
    shown = xp(*init_words(kraken))
    assert shown.code == 3
    assert "EAPI:Invalid signature" in shown.err
    assert files(nothing) == []


def test_credentials_that_are_refused_later_stop_plan_and_apply_with_3(
    kraken: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    xp(*init_words(kraken))
    assert xp("plan", "--account", "kraken", "--out", "plan.json").code == 0
    use_credentials(foreign_credentials("kraken"), monkeypatch)
    assert xp("plan", "--account", "kraken", "--json").error["type"] == "CredentialsRefused"
    refused = xp("apply", "plan.json")
    assert (refused.code, "its API key was another one" in refused.err) == (6, True)
    assert xp("apply", "--account", "kraken", "--auto-approve").code == 3
    assert not kraken.venue.calls("writes")


def test_a_venue_that_is_not_there_exits_1_and_nothing_is_written(
    nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exitplan.brokers.retrying.RetryBudget.__init__.__defaults__", (2, 0.1))
    monkeypatch.setenv("EXITPLAN_CACHE_DIR", str(nothing / "cache"))
    for variable in ("API_KEY", "API_SECRET"):
        monkeypatch.setenv(f"{NAME}_{variable}", "c29tZSBrZXk=")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    words = ("--from-venue", "kraken", "--credentials", f"env:{NAME}", "--base-url", f"http://127.0.0.1:{port}")
    shown = xp("init", *words)
    assert shown.code == 1
    assert f"error: the markets could not be read: NetworkError: kraken GET http://127.0.0.1:{port}/" in shown.err
    assert files(nothing) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--credentials", "env:X"), "--credentials goes with --from-venue"),
        (("--sandbox",), "--sandbox goes with --from-venue"),
        (("--from-venue", "paper"), "the paper venue has no live account"),
        (("--from-venue", "krakn"), "did you mean `kraken`?"),
        (("--from-venue", "bitget"), "in which currency"),
        (("--from-venue", "kraken", "--account", "a b"), "--account: an id of letters"),
        (("--from-venue", "kraken", "--credentials", "hunter2"), "--credentials: a reference is expected"),
        (("--from-venue", "kraken", "--base-url", "http://me:hunter2@x"), "--base-url: an address without user"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error_that_repeats_no_secret(
    words: tuple[str, ...], told: str, nothing: Path
) -> None:
    shown = xp("init", *words)
    assert shown.code == 64
    assert told in shown.err
    assert "hunter2" not in shown.err
    assert files(nothing) == []
