"""Whatever text comes in, by whatever door: none of it reaches a screen, a log, an alert or a file raw."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Ran, xp

HOSTILE = "A\x1b[2J\x9b31m\x07\u202egnp\u2066\u200f\u2028\ufeffZ"
"""A terminal clears its screen, turns red, rings, and reads the rest from right to left."""
WRITTEN = "A\x9b31m\u202egnp\u2066\u200f\u2028\ufeffZ"
"""What of it a file may hold: others of the first controls are errors of the file."""
SYMBOL = "A\x9b2J\u202eB/USD"
"""What may stand in a symbol: anything but blanks and the first controls."""

LOOKING = (
    "plan",
    "plan --json",
    "plan --out plan.json",
    "show plan.json",
    "show plan.json --json",
    "positions",
    "positions --json",
    "verify",
    "verify --json",
    "explain BTC/USD",
    "explain BTC/USD --json",
    "policies show",
    "policies show --json",
    "snapshot",
    "snapshot --out recorded.json",
    "plan --snapshot recorded.json --policy policies/default.yaml",
    "validate",
    "validate --json",
)
WORKING = (
    "-vv --log-file out.log apply plan.json",
    "run --json",
    "status",
    "status --json",
    "history",
    "history 1",
    "history 1 --json",
    "alerts",
    "alerts --json",
    "state export",
    "gate",
    "run --all",
)


def raw(text: str) -> list[str]:
    """List what of a text a terminal would obey, hide or turn around."""
    bad = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return [letter for letter in text if letter != "\n" and unicodedata.category(letter) in bad]


def ensure_harmless(ran: Ran, line: str) -> None:
    assert (line, raw(ran.out), raw(ran.err)) == (line, [], [])


def run(*lines: str) -> None:
    for line in lines:
        ensure_harmless(xp(*line.split(), debug=False), line)


def files_that_were_written(besides: set[Path]) -> list[Path]:
    places = (path for path in Path().rglob("*") if path.is_file() and path not in besides)
    return [path for path in places if path.suffix in {".json", ".jsonl", ".log", ".sig"} or path.name == "HALT"]


def change_yaml(path: Path, **changes: Any) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**document, **changes}, allow_unicode=True), encoding="utf-8")


def hostile_policy() -> None:
    """Say it in every text of a policy."""
    path = Path("policies/default.yaml")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for block in ("classification", "orders", "exits"):
        for rule in document[block]:
            rule["because"] = f"{WRITTEN} {{symbol}}"
    document["description"] = document["name"] = WRITTEN
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    change_yaml(
        Path("policies/accounts/demo.yaml"),
        protect=[{"symbol": "BTC/USD", "reason": WRITTEN}, {"symbol": SYMBOL, "reason": WRITTEN}],
    )


def hostile_tracker() -> None:
    """Say it in every text of a record, also in keys of the bot's own."""
    record = {"entry_price": "1", "position_source": WRITTEN, "strategy": WRITTEN, WRITTEN: WRITTEN}
    positions = {"BTC/USD": record, SYMBOL: {**record, "position_source": "nija_strategy"}, "ETH/USD": record}
    Path("data").mkdir(exist_ok=True)
    Path("data/positions.json").write_text(json.dumps({"positions": positions, "last_updated": None}), encoding="utf-8")


def hostile_venue() -> None:
    """Say it in symbols, order ids and client order ids, as a paper account that somebody recorded."""
    xp("verify")
    path = Path("data/paper/platform.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    name = SYMBOL.partition("/")[0]
    document["positions"] += [
        {"symbol": SYMBOL, "side": "long", "quantity": "5"},
        {"symbol": f"{name}X/USD", "side": "long", "quantity": "7"},
    ]
    document["markets"][SYMBOL] = {"active": True, "last": "20", "price_status": "ok", "amount_step": "0.1"}
    document["open_orders"].append(
        {
            "id": f"o{name}",
            "client_order_id": None,
            "symbol": SYMBOL,
            "side": "sell",
            "type": "limit",
            "price": "900",
            "quantity": "1",
            "filled": "0",
            "created_at": "2026-01-01T00:00:00Z",
        }
    )
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def test_nothing_of_it_goes_out_again(folder: Path) -> None:
    for say_it in (hostile_policy, hostile_tracker, hostile_venue):
        say_it()
    given = {path for path in Path().rglob("*") if path.suffix in {".yaml", ".json"}}
    given -= {Path("data/positions.json")}  # which is written anew where a position is closed
    assert xp("plan", "--out", "plan.json").code in {0, 5}
    run(*LOOKING, *WORKING)
    kept = {str(path): raw(path.read_text(encoding="utf-8")) for path in files_that_were_written(given)}
    assert {path: found for path, found in kept.items() if found and path != "data/positions.json"} == {}
    assert len(kept) > 3


def test_a_reason_of_a_halt_is_shown_and_not_obeyed(folder: Path) -> None:
    ensure_harmless(xp("halt", HOSTILE), "halt")
    assert raw(Path("data/HALT").read_text(encoding="utf-8")) == []
    Path("data/HALT").write_text(HOSTILE, encoding="utf-8")
    run("plan", "status", "status --json", "run", "run --json", "resume")


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--account", HOSTILE],
        ["plan", "--account", HOSTILE, "--json"],
        ["explain", HOSTILE],
        ["plan", "--target", HOSTILE],
        ["plan", "--policy", f"{HOSTILE}.yaml"],
        ["plan", "--policy", f"{HOSTILE}.yaml", "--json"],
        ["show", HOSTILE],
        ["validate", HOSTILE],
        ["snapshot", "--out", f"{HOSTILE}.json"],
        ["plan", "--out", f"{HOSTILE}.json"],
        ["plan", "--data", f"data{HOSTILE}"],
        ["-C", HOSTILE, "plan"],
        ["--log-file", f"none/{HOSTILE}", "plan"],
        [HOSTILE],
        [f"--{HOSTILE}"],
        ["plan", f"--{HOSTILE}"],
        ["retry", HOSTILE],
        ["adopt", HOSTILE],
        ["forget", HOSTILE],
        ["resolve", HOSTILE],
        ["history", HOSTILE],
        ["schema", HOSTILE],
        ["sign", "plan.json", "--key", HOSTILE],
        ["sign", "plan.json", "--key", f"env:{HOSTILE}"],
        ["keygen", HOSTILE],
    ],
    ids=lambda words: " ".join(words).encode("unicode_escape").decode(),
)
def test_what_is_typed_comes_back_tame(saved: Path, words: list[str]) -> None:
    ensure_harmless(xp(*words), words[0])


@pytest.mark.parametrize("name", ["EXITPLAN_DATA", "EXITPLAN_HOME", "EXITPLAN_LOG", "EXITPLAN_CACHE_DIR"])
def test_the_environment_is_shown_tame(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, HOSTILE.replace("\x00", ""))
    run("plan", "status", "run", "run --json")


def test_names_of_files_are_shown_tame(folder: Path) -> None:
    Path(f"policies/accounts/{HOSTILE}.yaml").write_text("version: 1\nname: x\n", encoding="utf-8")
    Path(f"policies/{HOSTILE}.yaml").write_text(f'version: 1\nname: "{HOSTILE}', encoding="utf-8")
    run("validate", "validate --json", "validate policies", "plan", "plan --all", "verify --all --json")


@pytest.mark.parametrize("key", ["id", "venue", "quote", "credentials", "base_url"])
def test_an_account_block_is_quoted_tame(folder: Path, key: str) -> None:
    path = Path("policies/accounts/demo.yaml")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["account"][key] = HOSTILE
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    run("validate", "validate --json", "plan", "plan --json", "run --all")
