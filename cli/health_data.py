"""What health models are trained and measured on: recorded snapshots, candles, journals, and simulated accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from exitplan.cli.arguments import AccountRef, default_policy, request_of
from exitplan.cli.options import read_policy
from exitplan.executor.accounts.account import open_account
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.store.history import past_runs
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.ruleset.language.policy import Policy
from exitplan.ruleset.model.snapshot import Snapshot, position_key
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import parse_time
from exitplan.ruleset.planning.actions import SELLING
from exitplan.schemas.documents import load_document
from exitplan.schemas.policies import load_policy
from exitplan.workbench.health.candles import Candle, read_candles, rows_of_candles
from exitplan.workbench.health.recordings import ExitTried, rows_of_series, series_of
from exitplan.workbench.health.rows import Question, Rows, gathered
from exitplan.workbench.health.simulator import ASSUMED, simulated_accounts

MOST_SIMULATED = 1000
SnapshotsOption = Annotated[
    Path | None,
    typer.Option("--snapshots", metavar="DIR", help="A folder of recorded snapshots (*.json), of any accounts."),
]
CandlesOption = Annotated[
    list[Path] | None,
    typer.Option("--candles", metavar="FILE", help="Daily candles as CSV: time, close, and symbol, low if any."),
]
SimulateOption = Annotated[
    int,
    typer.Option(
        "--simulate",
        metavar="N",
        min=0,
        max=MOST_SIMULATED,
        help="Add simulated accounts: delistings, failed exits.",
    ),
]
JournalsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--account", "-a", metavar="ID", help="An account whose journal tells which exits of its snapshots failed."
    ),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", metavar="N", help="The same seed simulates and holds out the same."),
]
JudgedByOption = Annotated[
    Path | None,
    typer.Option(
        "--policy", metavar="FILE|NAME", callback=read_policy, help="The policy whose facts and limit for dust count."
    ),
]


@dataclass(frozen=True, slots=True)
class HealthData:
    """Where rows come from, as it was typed."""

    snapshots: Path | None
    candles: tuple[Path, ...]
    simulate: int
    accounts: tuple[str, ...]
    seed: int
    policy: Path | None
    data: DataPlace

    def rows(self, question: Question) -> Rows:
        """Read everything, and return its rows; raises UsageError where nothing is named, FileHasProblems."""
        if self.snapshots is None and not self.candles and not self.simulate:
            hint = "give --snapshots DIR, --candles FILE or --simulate N"
            raise UsageError("what is it to be learnt from?", hint=hint)
        policy = self._policy()
        recorded = [] if self.snapshots is None else series_of(_snapshots_in(self.snapshots), self._exits())
        series = [*recorded, *simulated_accounts(self.simulate, self.seed)]
        parts = [rows_of_series(one, policy, question) for one in series]
        return gathered(question, [rows_of_candles(self._candles(), question), *parts])

    @property
    def description(self) -> str:
        """The data, in words."""
        said = []
        if self.snapshots is not None:
            said.append(f"snapshots in {self.snapshots.name}")
        if self.accounts:
            said.append(f"journals of {', '.join(self.accounts)}")
        if self.candles:
            said.append(f"daily candles in {', '.join(path.name for path in self.candles)}")
        if self.simulate:
            said.append(f"{self.simulate} simulated accounts. {ASSUMED}")
        return "; ".join(said)

    def _policy(self) -> Policy:
        return load_policy(self.policy or default_policy()).policy

    def _candles(self) -> Mapping[str, Sequence[Candle]]:
        candles: dict[str, Sequence[Candle]] = {}
        for path in self.candles:
            for symbol, days in read_candles(_text_of(path), str(path), path.stem).items():
                if symbol in candles:
                    raise FileIsInvalid(f"{path}: {symbol} is in another file too")
                candles[symbol] = days
        return candles

    def _exits(self) -> Mapping[str, Sequence[ExitTried]]:
        return {name: list(_exits_of(AccountRef(name, data=self.data))) for name in self.accounts}


def _snapshots_in(folder: Path) -> Iterator[Snapshot]:
    files = sorted(folder.rglob("*.json")) if folder.is_dir() else []
    if not files:
        raise UsageError(f"there is no snapshot (*.json) in {folder}", hint="record some with: exitplan snapshot --out")
    for file in files:
        yield snapshot_from_document(load_document(file, "snapshot"))


def _exits_of(where: AccountRef) -> Iterator[ExitTried]:
    """Yield the exits that the journal of an account knows an outcome of."""
    for run in past_runs(open_account(request_of(where, offline=True))):
        for outcome in (run["summary"] or {}).get("outcomes", []):
            if outcome["kind"] in SELLING and outcome["status"] in {"done", "refused"}:
                yield ExitTried(_key_of(outcome), parse_time(run["ended_at"]), outcome["status"] == "refused")


def _key_of(outcome: Mapping[str, Any]) -> str:
    return position_key(outcome["symbol"], "short" if outcome["side"] == "buy" else "long")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise FileIsInvalid(f"{path}: cannot be read as text: {problem}") from problem
