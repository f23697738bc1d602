"""The runs of an account with what they cost, and one run with every action, order and fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from exitplan.executor.store.audit import audit_trail
from exitplan.executor.store.history import past_runs
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.values import ZERO, parse_decimal, parse_time
from exitplan.ruleset.planning.words import exact, money
from exitplan.web.acts.desk import desk_of
from exitplan.web.pages.figures import figures_of, plots_of, run_cost
from exitplan.web.pages.showing import show
from exitplan.web.refusals import NoSuchPage

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a word or two, and what it came to; amounts are in the account's quote."""

    run: Mapping[str, Any]
    word: str
    tone: str
    sold: Decimal | None
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """One action of a run: what was filled at what price against that of the plan, and what came of it."""

    symbol: str
    action: str
    status: str
    tone: str
    filled: str
    price: str
    planned: str
    slippage: str
    proceeds: str
    fee: str
    message: str


def run_line(run: Mapping[str, Any], quote: str) -> RunLine:
    """Return a run as a line of the history."""
    outcomes = (run.get("summary") or {}).get("outcomes", [])
    sold = [parse_decimal(entry["proceeds"]) for entry in outcomes if entry.get("proceeds") is not None]
    word, tone = _word(run)
    return RunLine(run, word, tone, sum(sold, ZERO) if sold else None, run_cost(run, quote))


def _word(run: Mapping[str, Any]) -> tuple[str, str]:
    if run.get("under_way"):
        return "under way", "warn"
    if run["exit_code"] is None:
        return "cut off", "warn"
    code = ExitCode.of(run["exit_code"])
    return code.label, "good" if code is ExitCode.DONE else "bad"


def outcome_lines(run: Mapping[str, Any]) -> list[OutcomeLine]:
    """Return the actions of a run."""
    return [_outcome_line(entry) for entry in (run.get("summary") or {}).get("outcomes", [])]


def _outcome_line(entry: Mapping[str, Any]) -> OutcomeLine:
    price, planned, fee = entry.get("average_price"), entry.get("planned_price"), entry.get("fee")
    return OutcomeLine(
        symbol=entry["symbol"],
        action=entry["kind"].replace("_", " "),
        status=entry["status"],
        tone={"done": "good", "refused": "bad", "skipped": "dim", "open": "warn"}.get(entry["status"], "bad"),
        filled="" if entry.get("filled") is None else exact(entry["filled"]),
        price="" if price is None else exact(price),
        planned="" if price is None or planned is None else exact(planned),
        slippage="" if price is None or planned is None else _slippage(price, planned, str(entry.get("side"))),
        proceeds="" if entry.get("proceeds") is None else money(entry["proceeds"]),
        fee="" if fee is None or not parse_decimal(fee) else money(fee, str(entry.get("fee_currency") or "")),
        message=entry["message"] or "",
    )


def _slippage(price: str, planned: str, side: str) -> str:
    """Write how much worse than planned a price was, in basis points; better is negative."""
    wanted = parse_decimal(planned)
    if not wanted:
        return ""
    worse = (wanted - parse_decimal(price)) / wanted * 10_000
    return f"{-worse if side == 'buy' else worse:+.1f} bp"


def history_page(request: Request) -> Response:
    """Show the runs of an account, and plots of what it was worth and what they cost."""
    desk, name = desk_of(request), request.path_params["account"]
    account = desk.open(name, offline=True)
    runs = past_runs(account)
    return show(
        request,
        "history.html",
        account=account,
        runs=[run_line(run, account.quote) for run in runs[:_SHOWN]],
        total=len(runs),
        plots=plots_of(figures_of(account.store), runs, account.quote),
    )


def run_page(request: Request) -> Response:
    """Show one run: every action, every order as it was sent, and who approved it."""
    desk, name = desk_of(request), request.path_params["account"]
    account, number = desk.open(name, offline=True), request.path_params["run"]
    run = next((run for run in past_runs(account) if run["run"] == number), None)
    if run is None:
        raise NoSuchPage(f"{name} has no run {number}", hint="see the account's history")
    entry = next((one for one in audit_trail(account.store, parse_time(run["started_at"])) if one["run"] == number), {})
    orders: Sequence[Mapping[str, Any]] = entry.get("orders", [])
    return show(
        request,
        "run.html",
        account=account,
        line=run_line(run, account.quote),
        outcomes=outcome_lines(run),
        orders=orders,
        approvals=entry.get("approvals", []),
    )
