"""The shapes of what commands print with ``--json``, for scripts; each document carries a ``format_version``.

Keys may be added within a version. What is removed or changes its meaning raises it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exitplan.schemas.shapes.answers.accounts import (
    eval_schema,
    explain_schema,
    gate_schema,
    groups_schema,
    positions_schema,
    status_schema,
    verify_schema,
)
from exitplan.schemas.shapes.answers.alerts import (
    alerts_schema,
    channel_tests_schema,
    channels_schema,
    deliveries_schema,
    incidents_schema,
)
from exitplan.schemas.shapes.answers.dashboard import token_schema, users_shown_schema
from exitplan.schemas.shapes.answers.failures import accounts_schema, error_schema
from exitplan.schemas.shapes.answers.fleet import (
    fleet_accounts_schema,
    fleet_dead_schema,
    fleet_import_schema,
    fleet_moves_schema,
    fleet_prune_schema,
    fleet_status_schema,
    fleet_tick_schema,
)
from exitplan.schemas.shapes.answers.plans import diff_schema, keygen_schema, sign_schema
from exitplan.schemas.shapes.answers.policies import (
    compare_schema,
    fmt_schema,
    lint_schema,
    policies_listed_schema,
    policies_tested_schema,
    policy_shown_schema,
    simulate_schema,
    test_schema,
    validate_schema,
)
from exitplan.schemas.shapes.answers.rollouts import fleet_plan_schema, fleet_rollout_schema, fleet_rollouts_schema
from exitplan.schemas.shapes.answers.runs import (
    audit_schema,
    event_schema,
    history_export_schema,
    history_schema,
    lots_schema,
    report_schema,
    run_schema,
)
from exitplan.schemas.shapes.answers.upkeep import backup_schema, doctor_schema, prune_schema, restore_schema
from exitplan.schemas.shapes.answers.watching import pending_schema, request_schema, round_schema
from exitplan.schemas.shapes.common import Schema

ANSWERS: Mapping[str, Callable[[], Schema]] = {
    "verify": verify_schema,
    "status": status_schema,
    "positions": positions_schema,
    "explain": explain_schema,
    "history": history_schema,
    "history-export": history_export_schema,
    "audit": audit_schema,
    "run": run_schema,
    "event": event_schema,
    "alerts-shown": alerts_schema,
    "alert-channels": channels_schema,
    "alert-tests": channel_tests_schema,
    "alert-deliveries": deliveries_schema,
    "incidents": incidents_schema,
    "gate": gate_schema,
    "groups": groups_schema,
    "diff": diff_schema,
    "keygen": keygen_schema,
    "sign": sign_schema,
    "validate": validate_schema,
    "test": test_schema,
    "lint": lint_schema,
    "compare": compare_schema,
    "simulate": simulate_schema,
    "fmt": fmt_schema,
    "doctor": doctor_schema,
    "backup": backup_schema,
    "restore": restore_schema,
    "prune": prune_schema,
    "report": report_schema,
    "lots": lots_schema,
    "eval": eval_schema,
    "policy-shown": policy_shown_schema,
    "policies-listed": policies_listed_schema,
    "policies-tested": policies_tested_schema,
    "pending": pending_schema,
    "request": request_schema,
    "round": round_schema,
    "fleet-accounts": fleet_accounts_schema,
    "fleet-dead": fleet_dead_schema,
    "fleet-import": fleet_import_schema,
    "fleet-moves": fleet_moves_schema,
    "fleet-prune": fleet_prune_schema,
    "fleet-status": fleet_status_schema,
    "fleet-tick": fleet_tick_schema,
    "fleet-plan": fleet_plan_schema,
    "fleet-rollout": fleet_rollout_schema,
    "fleet-rollouts": fleet_rollouts_schema,
    "users-shown": users_shown_schema,
    "token": token_schema,
    "accounts": accounts_schema,
    "error": error_schema,
}
"""The answers of commands that have a schema, by kind."""
