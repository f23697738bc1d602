"""From what was typed to what the executor takes; what is impossible is refused, with the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.cli.clock import tell_of_clock
from exitplan.cli.data_folders import tell_of_data_folder
from exitplan.cli.options import ALL_PHASES, DEFAULT_DATA
from exitplan.cli.output import say
from exitplan.cli.policy_names import typed_policy
from exitplan.cli.rendering.waiting import waiting
from exitplan.executor.accounts.account import Account, AccountRequest, find_account_files, open_account
from exitplan.executor.accounts.places import DataPlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.accounts.selection import AccountSelection
from exitplan.executor.plan import Planned, plan_account, plan_snapshot
from exitplan.ruleset.errors import NoSuchAccount, NoSuchSymbol, UsageError
from exitplan.ruleset.language.parameters import PARAMETERS
from exitplan.ruleset.language.policy import Invariant, Policy
from exitplan.ruleset.language.problems import did_you_mean
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.values import base_of, meant_symbol, parse_decimal, parse_moment, plain, unified_symbol
from exitplan.ruleset.planning.actions import Phase
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanScope
from exitplan.schemas.documents import load_document
from exitplan.schemas.policies import LoadedPolicy, load_policy, shipped_policy

Overrides = dict[str, Any]
"""Parameters set over a policy: whole ones ``int``, as policies have them, others Decimal."""

_DURATION = re.compile(r"\d+[a-z]")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class AccountRef:
    """Which account a verb is about, and under which policy."""

    account: str | None = None
    policy: Path | None = None
    data: DataPlace = DEFAULT_DATA


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded account to work on instead of a live or paper one."""

    snapshot: Path | None = None
    progress: Path | None = None
    now: str | None = None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a plan is narrowed to, as typed."""

    targets: Sequence[str] = ()
    excludes: Sequence[str] = ()
    rules: Sequence[str] = ()
    phase: int | None = None


def present() -> datetime:
    """Return the present in UTC."""
    return datetime.now(UTC)


def only_one(accounts: Sequence[str] | None) -> str | None:
    """Return the one account that was named, None where none was; raises UsageError for several."""
    return AccountSelection(tuple(accounts or ())).only_name


def request_of(where: AccountRef, overrides: Overrides | None = None, *, offline: bool = False) -> AccountRequest:
    """Return what was asked for in the words of the executor."""
    return where.data.request(
        AccountRequest(
            clock=present,
            account=where.account,
            policy=where.policy,
            overrides=overrides or {},
            offline=offline,
        )
    )


def open_requested(where: AccountRef, overrides: Overrides | None = None) -> Account:
    """Open the account that was asked for; raises NoSuchAccount, FileIsInvalid, CredentialsMissing."""
    return open_account(request_of(where, overrides))


def open_offline(where: AccountRef, overrides: Overrides | None = None) -> Account:
    """Open the account that was asked for without its venue, and so without keys; raises NoSuchAccount, FileIsInvalid.

    For what reads and writes the account's files alone.
    """
    return open_account(request_of(where, overrides, offline=True))


def make_requested_plan(
    where: AccountRef, recording: Recording, narrowing: Narrowing, overrides: Overrides
) -> tuple[Planned, LoadedPolicy]:
    """Plan the account or recording that was asked for; the policy it was planned by comes with it.

    Raises UsageError where a symbol or rule is named that is not there.
    """
    now = read_recording(recording)
    if recording.snapshot is None:
        account = open_requested(where, overrides)
        tell_of_data_folder(account)
        loaded = account.loaded
        scope = scope_of(narrowing, loaded.policy)
        with waiting(f"Reading {account.id} at {account.venue}"):
            planned = plan_account(account, scope)
        tell_of_clock(account)
    else:
        loaded = policy_for_recording(recording.snapshot, where, overrides)
        scope = scope_of(narrowing, loaded.policy)
        planned = plan_snapshot(
            loaded.policy,
            recording.snapshot,
            progress=recording.progress,
            scope=scope,
            now=now,
            overrides=overrides,
        )
    ensure_symbols(planned.snapshot, narrowing)
    return planned, loaded


def read_recording(recording: Recording) -> datetime | None:
    """Check what goes with ``--snapshot``, and give the time of ``--now``."""
    if recording.snapshot is None:
        for option, value in (("--progress", recording.progress), ("--now", recording.now)):
            if value is not None:
                raise UsageError(f"{option} goes with --snapshot", hint="an account is planned as it stands now")
        return None
    return None if recording.now is None else read_time("--now", recording.now)


def ensure_no_recording(recording: Recording) -> None:
    """Raise UsageError for a recorded account where several accounts are meant."""
    read_recording(recording)
    if recording.snapshot is not None:
        raise UsageError("--snapshot is one recorded account", hint="leave out --tag, --all and all but one --account")


def policy_for_recording(snapshot: Path, where: AccountRef, overrides: Overrides) -> LoadedPolicy:
    """Load the policy that a recorded account is planned by: the one named, else that of the account it is of.

    Where there are account files and none carries its id, which policy is meant is not guessed: raises NoSuchAccount.
    """
    if where.policy is not None:
        return load_policy(where.policy, overrides)
    if where.account is not None:
        return open_offline(where, overrides).loaded
    if not find_account_files(project_root()):
        return load_policy(default_policy(), overrides)
    name = str(load_document(snapshot, "snapshot")["account"])
    try:
        return open_offline(replace(where, account=name), overrides).loaded
    except NoSuchAccount as problem:
        raise NoSuchAccount(
            f"{snapshot} is a recording of the account {name}, which has no account file here",
            hint="say what to plan it by: --account ID for an account's policy, or --policy FILE",
        ) from problem


def outer_invariants(under: Path | None) -> tuple[Invariant, ...]:
    """Return the invariants of an outer policy; raises UsageError where it has none, FileHasProblems."""
    if under is None:
        return ()
    invariants = load_policy(under).policy.invariants
    if not invariants:
        raise UsageError(
            f"{typed_policy(under)} has no invariants", hint="write what never happens: never: [{when: ..., do: sell}]"
        )
    return invariants


def default_policy() -> Path:
    """Find ``policies/default.yaml`` of the project, else the shipped one."""
    here = project_root() / "policies/default.yaml"
    return here if here.is_file() else shipped_policy("default")


def read_overrides(
    max_positions: int | None = None, dust_pct: str | None = None, stale_minutes: str | None = None
) -> Overrides:
    """Collect the parameters that the command line sets over the policy; raises UsageError for one out of range."""
    overrides: Overrides = {}
    if max_positions is not None:
        overrides["max_positions"] = int(_in_range("--max-positions", "max_positions", Decimal(max_positions)))
    if dust_pct is not None:
        overrides["dust_pct_threshold"] = _in_range(
            "--dust-pct", "dust_pct_threshold", _decimal("--dust-pct", dust_pct)
        )
    if stale_minutes is not None:
        minutes = _decimal("--stale-minutes", stale_minutes)
        overrides["stale_order_minutes"] = _in_range("--stale-minutes", "stale_order_minutes", minutes)
    return overrides


def overrides_of(plan: Plan) -> Overrides:
    """Return the parameters that a plan was made with over its policy."""
    return {name: _parameter(name, value) for name, value in plan.policy.overrides.items()}


def _parameter(name: str, value: Decimal) -> Decimal | int:
    setting = PARAMETERS.get(name)
    return int(value) if setting is not None and setting.type == "integer" else value


def _decimal(option: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError:
        hint = f"write {_share(text[:-1])} for {text}" if text.endswith("%") and _share(text[:-1]) else None
        raise UsageError(f"{option} takes a number, found {text!r}", hint=hint) from None


def read_amount(option: str, text: str) -> Decimal:
    """Read an amount above zero; raises UsageError."""
    amount = _decimal(option, text)
    if amount <= 0:
        raise UsageError(f"{option} is {text}; it must be above 0")
    return amount


def _share(text: str) -> str | None:
    try:
        return plain(parse_decimal(text.strip()) / 100)
    except ValueError:
        return None


def _in_range(option: str, parameter: str, value: Decimal) -> Decimal:
    """Check a parameter; raises UsageError, and warns on stderr of one that is allowed but probably a mistake."""
    setting = PARAMETERS[parameter]
    share = f"1 % is 0.01: write {plain(value / 100)} for {plain(value)} %"
    if setting.allows(value):
        if setting.warns_from is not None and value >= setting.warns_from:
            say(f"warning: {option} is {plain(value)}, which is {plain(value * 100)} %; {share}", err=True)
        return value
    hint = share if value > 0 and (setting.below is not None or setting.maximum == 1) else None
    raise UsageError(f"{option} is {value}; allowed is {setting.limits}", hint=hint)


def read_duration(option: str, text: str) -> timedelta:
    """Read how long something may take, such as 90s, 15m, 1h or 1d; raises UsageError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{option} takes a duration, found {text!r}", hint="such as 90s, 15m, 1h or 1d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def read_time(option: str, text: str) -> datetime:
    """Read a time as a person types it; raises UsageError."""
    try:
        return parse_moment(text)
    except ValueError as problem:
        raise UsageError(f"{option}: {problem}") from None


def scope_of(narrowing: Narrowing, policy: Policy) -> PlanScope:
    """Return the scope of a plan; raises UsageError for a rule that the policy does not have, or where none is left."""
    ensure_phase(narrowing.phase)
    ensure_something_left(narrowing.targets, narrowing.excludes, lambda name: unified_symbol(name).upper())
    actionable = [rule.id for rule in (*policy.orders, *policy.exits)]
    for name in narrowing.rules:
        if name in actionable:
            continue
        if name in {rule.id for rule in policy.classification}:
            hint = f"it classifies; --rule takes what acts: {', '.join(actionable)}"
        else:
            hint = did_you_mean(name, actionable) or f"the policy has: {', '.join(actionable)}"
        raise UsageError(f"the policy {policy.name} has no exit or order rule {name!r}", hint=hint)
    return PlanScope(
        targets=tuple(narrowing.targets),
        excludes=tuple(narrowing.excludes),
        rules=tuple(narrowing.rules),
        phase=narrowing.phase,
    )


def ensure_phase(phase: int | None) -> int | None:
    """Return the phase that was asked for, None for all; raises UsageError for one that there is not."""
    if phase == ALL_PHASES:
        return None
    if phase is not None and phase not in list(Phase):
        known = ", ".join(f"{known} {known.meaning}" for known in Phase)
        raise UsageError(f"there is no phase {phase}", hint=f"the phases are: {known}")
    return phase


def ensure_symbols(snapshot: Snapshot, narrowing: Narrowing) -> None:
    """Raise NoSuchSymbol where a symbol is named that the account neither holds nor has an order for."""
    held = snapshot.symbols
    for option, names in (("--target", narrowing.targets), ("--exclude", narrowing.excludes)):
        for name in names:
            ensure_symbol(meant_symbol(name, held), held, snapshot.account, option)
    ensure_something_left(narrowing.targets, narrowing.excludes, lambda name: meant_symbol(name, held))


def ensure_something_left(targets: Collection[str], excludes: Collection[str], read: Callable[[str], str]) -> None:
    """Raise UsageError where each target is excluded too: an empty plan would read as if nothing was to be done."""
    wanted, unwanted = {read(name) for name in targets}, {read(name) for name in excludes}
    if wanted and wanted <= unwanted:
        said = f"--exclude takes out all that --target names: {', '.join(sorted(wanted))}"
        raise UsageError(said, hint="leave one of the two out: --target alone plans nothing else")


def ensure_symbol(symbol: str, held: Collection[str], account: str, option: str | None = None) -> None:
    """Raise NoSuchSymbol, with the nearest one that is there, unless a symbol is held or ordered."""
    if symbol not in held:
        said = f"{option}: " if option else ""
        fitting = sorted(name for name in held if base_of(name).upper() == symbol.upper())
        hint = f"which one: {', '.join(fitting)}?" if fitting else did_you_mean(symbol, sorted(held))
        raise NoSuchSymbol(f"{said}the account {account} has no position and no open order of {symbol}", hint=hint)


def read_since(text: str, option: str = "--since") -> datetime:
    """Read a time that has been, as a moment or how long ago it was; raises UsageError."""
    now = present()
    if _DURATION.fullmatch(text.strip()):
        try:
            return now - read_duration(option, text)
        except OverflowError:
            raise UsageError(f"{option} {text} is too early") from None
    moment = read_time(option, text)
    if moment > now:
        raise UsageError(f"{option} {text} is in the future")
    return moment
