"""The Python API: load a policy, plan, apply and verify, on the same core as the command line.

Everything is exact: amounts are ``Decimal`` or text, never float; times are aware. What comes as a dict is checked by
the same schemas as files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from exitplan.executor.accounts.account import Account, AccountRequest
from exitplan.executor.accounts.account import open_account as open_requested
from exitplan.executor.accounts.project import project_data, project_root
from exitplan.executor.operation import Approve, Observer, Operation, Outcome, Unobserved, operate
from exitplan.executor.signing.approval import load_signatures
from exitplan.executor.store.saved_plan import load_plan
from exitplan.executor.verify import verify_account
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.progress import Progress, progress_from_document
from exitplan.ruleset.model.snapshot import Snapshot
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.ruleset.model.values import plain, time_text
from exitplan.ruleset.planning.checks import Checks
from exitplan.ruleset.planning.plan import make_plan
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.ruleset.planning.planner import PlanInput, PlanScope
from exitplan.schemas.documents import Kind, check_document, load_document
from exitplan.schemas.loading.diagnostics import path_text
from exitplan.schemas.policies import SHIPPED, LoadedPolicy, policy_from_document
from exitplan.schemas.policies import load_policy as load_policy_file

Source = str | Path | Mapping[str, Any]
"""The path of a file, or what such a file would hold."""


def load_policy(source: Source, *, parameters: Mapping[str, Decimal | int] | None = None) -> LoadedPolicy:
    """Load a policy from a file, from a dict, or by the name of a shipped one, such as ``default``.

    A dict may extend a shipped policy: ``{"version": 1, "name": "mine", "extends": "default.yaml", ...}``.
    ``parameters`` are set over it. Raises FileIsInvalid with every problem, UsageError for a float.
    """
    overrides = dict(parameters or {})
    refuse_floats(overrides, "parameters")
    if isinstance(source, Mapping):
        refuse_floats(source, "policy")
        return policy_from_document(_as_policy(source), overrides)
    named = SHIPPED / f"{source}.yaml"
    return load_policy_file(named if Path(source).name == str(source) and named.is_file() else Path(source), overrides)


def plan(
    policy: LoadedPolicy | Source,
    snapshot: Snapshot | Source,
    *,
    now: datetime | None = None,
    progress: Progress | Source | None = None,
    scope: PlanScope = PlanScope(),  # noqa: B008 - it is frozen
) -> Plan:
    """Plan for an account as a snapshot shows it; nothing is read but files that are named, and nothing is written.

    ``now`` is when the snapshot was taken unless given. Raises FileIsInvalid with every problem of a policy or
    snapshot, UsageError for a float or a time without a zone, EngineDisagreement.
    """
    loaded = policy if isinstance(policy, LoadedPolicy) else load_policy(policy)
    if now is not None and now.tzinfo is None:
        raise UsageError("now has no time zone", hint="such as datetime.now(UTC)")
    account = snapshot if isinstance(snapshot, Snapshot) else snapshot_from_document(_document(snapshot, "snapshot"))
    done = progress if isinstance(progress, Progress) else Progress()
    if progress is not None and not isinstance(progress, Progress):
        done = progress_from_document(_document(progress, "state"))
    given = PlanInput(rulebook_of(loaded.policy), account, now or account.taken_at, done, scope.within(account))
    return make_plan(given)


def open_account(
    account: str | Path | None = None, *, data: str | Path | None = None, root: str | Path | None = None
) -> Account:
    """Open an account by its id or the path of its file; without a name the platform account, else the only one.

    ``root`` is the project, which is found as the command line finds it unless given; ``data`` is its data folder.
    Raises NoSuchAccount, FileIsInvalid, CredentialsMissing, UsageError.
    """
    name = None if account is None else str(account)
    folder = project_root() if root is None else Path(root)
    if data is None:
        data = project_data([name] if name else []) if root is None else folder / "data"
    return open_requested(AccountRequest(_present, name, data=Path(data), root=folder))


def apply(
    account: Account,
    plan: Plan | str | Path | None = None,
    *,
    scope: PlanScope = PlanScope(),  # noqa: B008 - it is frozen
    dry_run: bool = False,
    approve: Approve = lambda _account, _plan: None,
    observer: Observer = Unobserved(),  # noqa: B008 - it holds nothing
) -> Outcome:
    """Apply a plan to an account, once, and verify the account; without a plan one is made within the scope.

    ``approve`` may look at the plan and raise CancelledByUser. The outcome carries the plan, the result and the exit
    code. A plan of a file comes with the signatures beside it. Raises what keeps anything from being sent:
    RefusedByGuard, PlanIsUnusable, AccountIsLocked, AccountUnreadable, OutcomeUnknown.
    """
    operation = Operation(scope=scope, dry_run=dry_run)
    if isinstance(plan, str | Path):
        operation = replace(operation, plan=load_plan(Path(plan)), signatures=load_signatures(Path(plan)))
    elif plan is not None:
        operation = replace(operation, plan=plan)
    return operate(account, operation, approve=approve, observer=observer)


def verify(account: Account) -> Checks:
    """Run the four checks of a clean account and remember the answer; raises AccountUnreadable."""
    return verify_account(account)


def _present() -> datetime:
    return datetime.now(UTC)


def _document(source: Source, kind: Kind) -> dict[str, Any]:
    if isinstance(source, str | Path):
        return load_document(Path(source), kind)
    refuse_floats(source, kind)
    return check_document(_as_json(source), kind, kind)


def refuse_floats(value: object, path: str, keys: tuple[str | int, ...] = ()) -> None:
    """Raise UsageError for the first float: it is not the number that was typed."""
    if isinstance(value, float):
        place = path_text(keys) or path
        raise UsageError(
            f"{path}: {place} is the float {value!r}, which is not exact",
            hint=f'write it as text, "{value!r}", or as Decimal("{value!r}")',
        )
    if isinstance(value, Mapping):
        for key, part in value.items():
            refuse_floats(part, path, (*keys, str(key)))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, part in enumerate(value):
            refuse_floats(part, path, (*keys, index))


def _as_json(value: Any) -> Any:  # noqa: ANN401 - what a program holds
    """Return what the file of a document would hold: decimals and times as text."""
    return plain(value) if isinstance(value, Decimal) else _shared(value, _as_json)


def _as_policy(value: Any) -> Any:  # noqa: ANN401 - what a program holds
    """Return what a policy's file would hold: times as text; decimals stay numbers."""
    return value if isinstance(value, Decimal) else _shared(value, _as_policy)


def _shared(value: Any, convert: Any) -> Any:  # noqa: ANN401 - what a program holds
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return {str(key): convert(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [convert(part) for part in value]
    return value
