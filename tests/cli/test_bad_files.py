"""Every file argument, with everything that a file can be instead of what it should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import position, snapshot
from tests.cli.conftest import write_snapshot, xp

POLICY = "version: 1\nname: p\nparameters: {max_positions: 3}\n"


def empty(path: Path, _: bytes) -> None:
    path.write_bytes(b"")


def truncated(path: Path, good: bytes) -> None:
    path.write_bytes(good[: len(good) * 2 // 3])


def binary(path: Path, _: bytes) -> None:
    path.write_bytes(bytes(range(256)) * 8)


def wrong_kind(path: Path, _: bytes) -> None:
    path.write_text(json.dumps({"hello": [1, 2, {"world": None}]}), encoding="utf-8")


def no_object(path: Path, _: bytes) -> None:
    path.write_text("[1, 2, 3]", encoding="utf-8")


def deeply_nested(path: Path, _: bytes) -> None:
    path.write_text("[" * 100_000, encoding="utf-8")


def folder(path: Path, _: bytes) -> None:
    path.mkdir()


def missing(path: Path, _: bytes) -> None:
    path.unlink(missing_ok=True)


SPOILERS: list[Callable[[Path, bytes], None]] = [
    empty,
    truncated,
    binary,
    wrong_kind,
    no_object,
    deeply_nested,
    folder,
    missing,
]

LINES = {
    "snapshot": "plan --snapshot bad.json --json --out never.json",
    "explained snapshot": "explain AAA/USD --snapshot bad.json",
    "progress": "plan --snapshot snapshot.json --progress bad.json --out never.json",
    "shown plan": "show bad.json",
    "applied plan": "apply bad.json",
    "validated file": "validate bad.json",
    "policy": "plan --snapshot snapshot.json --policy bad.yaml --out never.json",
    "shown policy": "policies show --policy bad.yaml",
    "account": "plan --account ./bad.yaml --out never.json",
    "validated policy": "validate bad.yaml",
}
"""Command lines, by the kind of file that is bad in them."""


@pytest.fixture
def good(nothing: Path) -> dict[str, bytes]:
    """Work in a folder with a snapshot; gives good files by their suffix."""
    path = write_snapshot(snapshot(position("AAA/USD")))
    assert xp("plan", "--snapshot", path, "--out", "plan.json").code == 0
    plan = (nothing / "plan.json").read_bytes()
    (nothing / "plan.json").unlink()
    return {".json": plan, ".yaml": POLICY.encode()}


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("line", LINES.values(), ids=list(LINES))
def test_a_bad_file_exits_65_says_where_and_why_and_writes_nothing(
    line: str, spoil: Callable[[Path, bytes], None], good: dict[str, bytes]
) -> None:
    path = Path("bad.json" if "bad.json" in line else "bad.yaml")
    spoil(path, good[path.suffix])
    before = sorted(Path().rglob("*"))
    shown = xp(*line.split())
    assert shown.code == 65
    told = shown.out if line.startswith("validate") or "--json" in line else shown.err
    assert path.name in told
    assert "error: " in told or '{"error": ' in told
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        (name, spoil)
        for name in ("data/positions.json", "data/legacy_exit_protocol_state.json", "data/journal.db")
        for spoil in (empty, truncated, binary, wrong_kind, folder)
        if (name, spoil) != ("data/journal.db", empty)
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_broken_file_of_the_data_folder_stops_everything(
    name: str, spoil: Callable[[Path, bytes], None], saved: Path
) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    spoil(path, b'{"unwind_progress": {}, "positions": {}, "last_updated": null}')
    account = Path("data/paper/platform.json").read_bytes()
    for line in (["plan"], ["apply", str(saved)], ["run"]):
        shown = xp(*line)
        assert shown.code == (1 if (name, spoil) == ("data/journal.db", folder) else 65)
        assert shown.err.count("error: ") >= 1
    assert Path("data/paper/platform.json").read_bytes() == account


def test_an_empty_journal_is_a_new_one(saved: Path) -> None:
    empty(Path("data/journal.db"), b"")
    assert xp("apply", saved).code == 0
    assert xp("history", "--json").json["runs"]


def test_as_json_the_problems_of_a_file_have_their_places() -> None:
    Path("bad.yaml").write_text("version: 1\nname: p\nguards: {max_run_pct: 5}\n", encoding="utf-8")
    error = xp("policies", "show", "--policy", "bad.yaml", "--json").error
    assert (error["type"], error["exit_code"]) == ("FileHasProblems", 65)
    assert (error["problems"][0]["line"], error["problems"][0]["path"]) == (3, ["guards", "max_run_pct"])


def test_a_snapshot_is_no_plan() -> None:
    write_snapshot(snapshot())
    shown = xp("apply", "snapshot.json")
    assert shown.code == 65
    assert "snapshot" in shown.err


def test_a_policy_without_an_account_block_is_no_account(folder: Path) -> None:
    shown = xp("plan", "--account", folder / "policies/default.yaml")
    assert shown.code == 65
    assert "without an account block" in shown.err


def test_a_paper_account_that_is_broken_is_told(folder: Path) -> None:
    Path("data/paper").mkdir(parents=True)
    (folder / "data/paper/platform.json").write_text("{", encoding="utf-8")
    shown = xp("plan")
    assert shown.code == 65
    assert "platform.json:1:" in shown.err


@pytest.mark.usefixtures("folder")
def test_show_of_a_policy_says_what_it_is() -> None:
    shown = xp("show", "policies/default.yaml")
    assert shown.code == 65
    assert "this is a policy" in shown.err
    assert "exitplan policies show --policy policies/default.yaml" in shown.err


SHELL_FILES = {
    ".env": "KRAKEN_API_KEY=51HabcKey\nKRAKEN_API_SECRET=51Habc\nX: : 51Habc\n",
    "prod.env": "export DB=postgres://u:51Habc@host\nPW: : 51Habc\n",
    "one-line.yaml": "KEY=51Habc",
    "key.pem": "-----BEGIN EC PRIVATE KEY-----\n51Habc: : x\n-----END EC PRIVATE KEY-----\n",
}


@pytest.mark.parametrize("name", SHELL_FILES)
@pytest.mark.parametrize(
    "line", ["plan --policy", "validate", "show", "apply", "plan --snapshot", "policies show --policy", "diff a"]
)
@pytest.mark.usefixtures("folder")
def test_a_file_of_variables_or_a_key_named_by_mistake_is_not_quoted(name: str, line: str) -> None:
    Path(name).write_text(SHELL_FILES[name], encoding="utf-8")
    shown = xp(*line.split(), name)
    assert (shown.code, "51Habc" in shown.out + shown.err) == (65, False)
