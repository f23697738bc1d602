"""From what was typed to a simulation: the account, the policies, how prices move, and how the venue fills."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import structs

from exitplan.brokers.paper.options import Impact, ImpactModel, PaperOptions, options_to_document, read_options
from exitplan.brokers.registry import PAPER
from exitplan.cli.arguments import (
    AccountRef,
    open_requested,
    policy_for_recording,
    read_duration,
    request_of,
)
from exitplan.cli.policy_names import typed_policy
from exitplan.executor.accounts.account import find_account
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.plan import read_account, read_state
from exitplan.ruleset.engine.rulebook import Rulebook
from exitplan.ruleset.errors import FileIsInvalid, UsageError
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.progress import Progress, progress_from_document
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import MICRO, ZERO, base_of, parse_decimal, plain, time_text, unified_symbol
from exitplan.schemas.documents import load_document
from exitplan.schemas.policies import LoadedPolicy, load_policy
from exitplan.workbench.simulation.paths import Paths, RandomWalk, Shock, Timing, Walk, mark_of
from exitplan.workbench.simulation.price_file import read_prices
from exitplan.workbench.simulation.running import Candidate, Scene
from exitplan.workbench.simulation.schedules import candidates_by_schedule, with_volatility_of

DEFAULT_PATHS = 100
MOST_PATHS = 100_000
DEFAULT_VOLATILITY = Decimal("0.04")
"""Of a day: what the volatility of a large coin is, roughly."""
_SHORTEST = timedelta(minutes=5)
_MOST_VOLATILE = Decimal(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Which account is simulated, and under which policies."""

    account: str | None
    snapshot: Path | None
    progress: Path | None
    policies: Sequence[Path]
    data: DataPlace
    by_schedule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceWish:
    """How prices are to move, as typed."""

    file: Path | None = None
    paths: int | None = None
    seed: int = 1
    volatility: Sequence[str] = ()
    drift: str | None = None
    correlation: str | None = None
    jumps: str | None = None
    jump_share: str | None = None
    shocks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FillWish:
    """How the venue is to fill, as typed; what is not said is as the account has it."""

    fee: str | None = None
    spread: str | None = None
    slippage: str | None = None
    impact: str | None = None
    impact_model: ImpactModel = "square_root"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is to be simulated; ``prices`` says in a JSON form how they move."""

    account: str
    scene: Scene
    candidates: tuple[Candidate, ...]
    paths: Paths
    prices: Mapping[str, Any]
    by_schedule: bool = False

    def to_document(self) -> dict[str, Any]:
        """Write what is simulated in its JSON form."""
        scene, shown = self.scene, ("taker_fee", "maker_fee", "spread", "slippage", "impact", "depth")
        options = options_to_document(scene.options)
        return {
            "account": self.account,
            "quote": scene.snapshot.quote,
            "start": time_text(scene.snapshot.taken_at),
            "cycles": scene.timing.cycles,
            "every_minutes": _minutes(scene.timing.every),
            "delay_minutes": _minutes(scene.timing.delay),
            "fills": {name: options[name] for name in shown if name in options},
            "prices": dict(self.prices),
            "paths": self.paths.count,
        }


@dataclass(frozen=True, slots=True)
class _Begun:
    account: str
    snapshot: Snapshot
    progress: Progress
    options: PaperOptions
    own: LoadedPolicy | None
    """The policy where none is named; None where some are."""
    base: LoadedPolicy | None = field(default=None)
    """The account file, under which named policies are loaded."""


def read_simulation(
    start: Start, prices: PriceWish, fills: FillWish, cycles: int, every: str | None, delay: str | None
) -> Simulation:
    """Make a simulation of what was typed.

    Raises UsageError for what is impossible, FileIsInvalid for a broken file, NoSuchAccount.
    """
    begun = _from_snapshot(start) if start.snapshot is not None else _from_account(start)
    candidates = _candidates(start, begun)
    if start.by_schedule:
        candidates = _by_schedule(candidates, prices)
    pause = timedelta(0) if delay is None else _delay(delay)
    timing = Timing(cycles, _interval(every, pause, candidates), pause)
    if timing.delay >= timing.every:
        raise UsageError("--delay has to be shorter than --every: orders are sent before the next plan is made")
    options, snapshot = _options(begun.options, fills), _with_spread(begun.snapshot, fills)
    paths, told = _paths(snapshot, prices, timing)
    if isinstance(paths, RandomWalk):
        policies = [candidate.loaded.policy for candidate in candidates]
        snapshot = with_volatility_of(snapshot, paths.walk, policies, is_told=bool(prices.volatility))
    scene = Scene(snapshot, begun.progress, options, timing)
    return Simulation(begun.account, scene, candidates, paths, told, start.by_schedule)


def _from_snapshot(start: Start) -> _Begun:
    assert start.snapshot is not None  # noqa: S101 - the caller has asked
    snapshot = snapshot_from_document(load_document(start.snapshot, "snapshot"))
    progress = Progress()
    if start.progress is not None:
        progress = progress_from_document(load_document(start.progress, "state"))
    where = AccountRef(account=start.account, data=start.data)
    own = None if start.policies else policy_for_recording(start.snapshot, where, {})
    return _Begun(snapshot.account, snapshot, progress, PaperOptions(), own)


def _from_account(start: Start) -> _Begun:
    if start.progress is not None:
        raise UsageError("--progress goes with --snapshot", hint="an account is simulated from where it stands now")
    where = AccountRef(account=start.account, data=start.data)
    file = find_account(request_of(where))
    if file.venue != PAPER:
        raise UsageError(
            f"{file.id} is at {file.venue}: only paper accounts and snapshots are simulated",
            hint=f"record it: exitplan snapshot --account {file.id} --out FILE; then name it with --snapshot FILE",
        )
    account = open_requested(where)
    options = read_options((account.loaded.account or {}).get("options") or {})
    own = None if start.policies else account.loaded
    return _Begun(account.id, read_account(account), read_state(account).progress, options, own, account.loaded)


def _candidates(start: Start, begun: _Begun) -> tuple[Candidate, ...]:
    loaded = [("", begun.own)] if begun.own is not None else []
    loaded += [(typed_policy(path), load_policy(path, {}, account=begun.base)) for path in start.policies]
    names = [policy.policy.name for _, policy in loaded]
    shown = [name if names.count(name) == 1 else given or name for (given, _), name in zip(loaded, names, strict=True)]
    if len(set(shown)) < len(shown):
        raise UsageError("the same policy is named twice", hint="name each --policy once")
    return tuple(
        Candidate(name, policy, Rulebook.of(policy.policy)) for name, (_, policy) in zip(shown, loaded, strict=True)
    )


def _by_schedule(candidates: tuple[Candidate, ...], prices: PriceWish) -> tuple[Candidate, ...]:
    """Return one policy under each schedule; an account that unwinds nothing has none to compare."""
    if len(candidates) > 1:
        raise UsageError("--compare-schedules takes one policy", hint="leave the other --policy out")
    (candidate,) = candidates
    if not any(rule.action == "unwind" for rule in candidate.loaded.policy.exits):
        raise UsageError(f"{candidate.name} unwinds nothing: no exit has action: unwind")
    common = [text for text in prices.volatility if "=" not in text]
    reference = _within("--volatility", common[-1], ZERO, _MOST_VOLATILE) if common else DEFAULT_VOLATILITY
    return candidates_by_schedule(candidate.loaded, reference)


def _interval(every: str | None, delay: timedelta, candidates: Sequence[Candidate]) -> timedelta:
    """Return the time from one plan to the next: what is typed, else so long that the next cycle of unwinds is due."""
    if every is not None:
        return read_duration("--every", every)
    longest = max(one.loaded.policy.unwind_interval_minutes for one in candidates)
    return delay + (timedelta(microseconds=int(longest * 60 * MICRO)) or _SHORTEST)


def _delay(text: str) -> timedelta:
    return timedelta(0) if text in {"0", "0s", "0m"} else read_duration("--delay", text)


def _options(options: PaperOptions, fills: FillWish) -> PaperOptions:
    """Return how the venue fills; fees come out of the trades, also where a coin would pay them."""
    options = replace(options, file=None, start_from=None, fee_asset=None)
    if fills.fee is not None:
        fee = _fraction("--fee", fills.fee)
        options = replace(options, taker_fee=fee, maker_fee=fee)
    if fills.spread is not None:
        options = replace(options, spread=_fraction("--spread", fills.spread))
    if fills.slippage is not None:
        options = replace(options, slippage=_fraction("--slippage", fills.slippage))
    return options if fills.impact is None else replace(options, impact=_impact(fills.impact, fills.impact_model))


def _impact(text: str, model: ImpactModel) -> Impact:
    share, at, value = text.partition("@")
    hint = "write a share and the value of the order that moves the price by it: 0.001@10000"
    if not at:
        raise UsageError(f"--impact takes SHARE@VALUE, found {text!r}", hint=hint)
    worth = _number("--impact", value, hint)
    if worth <= 0:
        raise UsageError(f"--impact: the value of an order is above 0, found {value!r}", hint=hint)
    return Impact(model, _fraction("--impact", share), worth)


def _with_spread(snapshot: Snapshot, fills: FillWish) -> Snapshot:
    """Return the snapshot with the spread that was typed: around the mark, instead of its bids and asks."""
    if fills.spread is None:
        return snapshot
    markets = {
        symbol: market if (mark := mark_of(market)) is None else structs.replace(market, bid=None, ask=None, last=mark)
        for symbol, market in snapshot.markets.items()
    }
    return structs.replace(snapshot, markets=markets)


def _paths(snapshot: Snapshot, wish: PriceWish, timing: Timing) -> tuple[Paths, dict[str, Any]]:
    if wish.file is None:
        return _random_walk(snapshot, wish, timing)
    chance = {
        "--paths": wish.paths, "--volatility": wish.volatility, "--drift": wish.drift, "--jumps": wish.jumps,
        "--correlation": wish.correlation, "--jump-share": wish.jump_share, "--shock": wish.shocks,
    }  # fmt: skip
    for option, value in chance.items():
        if value:
            raise UsageError(f"{option} does not go with --prices", hint="the table says all that prices do")
    try:
        text = wish.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise FileIsInvalid(f"{wish.file}: cannot be read as text: {problem}") from problem
    table = read_prices(text, str(wish.file), snapshot.markets)
    return table, {"source": "table", "file": str(wish.file)}


def _random_walk(snapshot: Snapshot, wish: PriceWish, timing: Timing) -> tuple[Paths, dict[str, Any]]:
    assets = {base_of(symbol) for symbol in snapshot.markets}
    common, own = DEFAULT_VOLATILITY, dict[str, Decimal]()
    for text in wish.volatility:
        name, equals, figure = text.rpartition("=")
        sigma = _within("--volatility", figure, ZERO, _MOST_VOLATILE)
        if equals:
            own[_asset("--volatility", name, assets)] = sigma
        else:
            common = sigma
    walk = Walk(
        volatility=common,
        volatilities=own,
        drift=ZERO if wish.drift is None else _within("--drift", wish.drift, Decimal(-1), Decimal(1)),
        correlation=ZERO if wish.correlation is None else _within("--correlation", wish.correlation, ZERO, Decimal(1)),
        jumps=ZERO if wish.jumps is None else _within("--jumps", wish.jumps, ZERO, Decimal(1000)),
        jump_share=ZERO if wish.jump_share is None else _change("--jump-share", wish.jump_share),
    )
    if bool(walk.jumps) != bool(walk.jump_share):
        raise UsageError("--jumps and --jump-share go together: how many a day, and what each does to the price")
    shocks = [_shock(text, assets, timing) for text in wish.shocks]
    told = {
        "source": "random walk",
        "seed": wish.seed,
        "volatility": plain(walk.volatility),
        "volatilities": {asset: plain(sigma) for asset, sigma in sorted(own.items())},
        "drift": plain(walk.drift),
        "correlation": plain(walk.correlation),
        "jumps": plain(walk.jumps),
        "jump_share": plain(walk.jump_share),
        "shocks": [{"asset": one.asset, "share": plain(one.share), "cycle": one.cycle} for one in shocks],
    }
    count = DEFAULT_PATHS if wish.paths is None else wish.paths
    return RandomWalk(snapshot, walk, wish.seed, count, tuple(shocks)), told


def _shock(text: str, assets: Collection[str], timing: Timing) -> Shock:
    name, equals, rest = text.partition("=")
    share, at, cycle = rest.partition("@")
    if not equals or not at or not cycle.isdecimal():
        raise UsageError(f"--shock takes ASSET=SHARE@CYCLE, found {text!r}", hint="30 % less from cycle 2: BTC=-0.3@2")
    if not 1 <= int(cycle) <= timing.cycles:
        raise UsageError(f"--shock {text}: there are cycles 1 to {timing.cycles}")
    return Shock(_asset("--shock", name, assets), _change("--shock", share), int(cycle))


def _asset(option: str, name: str, assets: Collection[str]) -> str:
    """Return the asset that is meant; a market stands for its base."""
    asset = base_of(unified_symbol(name))
    if asset in assets:
        return asset
    hint = did_you_mean(asset, sorted(assets)) or f"the account has markets of {', '.join(sorted(assets))}"
    raise UsageError(f"{option}: no market of the account trades {name!r}", hint=hint)


def _change(option: str, text: str) -> Decimal:
    """Read what happens to a price: above -1, which would leave nothing of it."""
    change = _within(option, text, Decimal(-1), Decimal(100))
    if change == -1:
        raise UsageError(f"{option}: -1 would leave no price at all", hint="a fall by 99 % is -0.99")
    return change


def _fraction(option: str, text: str) -> Decimal:
    share = _number(option, text)
    if not 0 <= share < 1:
        raise UsageError(f"{option} is {text}; a share is from 0 to below 1", hint="1 % is 0.01")
    return share


def _within(option: str, text: str, least: Decimal, most: Decimal) -> Decimal:
    number = _number(option, text)
    if not least <= number <= most:
        hint = "1 % is 0.01" if abs(number) > 1 else None
        raise UsageError(f"{option} is {text}; allowed is {plain(least)} to {plain(most)}", hint=hint)
    return number


def _number(option: str, text: str, hint: str | None = None) -> Decimal:
    try:
        return parse_decimal(text.strip())
    except ValueError:
        raise UsageError(f"{option} takes a number, found {text!r}", hint=hint) from None


def _minutes(interval: timedelta) -> str:
    return plain(Decimal(interval // timedelta(microseconds=1)) / (60 * MICRO))
