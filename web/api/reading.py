"""What the API tells: the same documents as the command line, from what is remembered; no venue is asked."""

from __future__ import annotations

from typing import Any

from exitplan.executor.accounts.account import (
    Account,
    AccountFile,
    AccountRequest,
    no_such_account,
    open_account_file,
)
from exitplan.executor.approvals.deciding import Found
from exitplan.executor.approvals.documents import request_document
from exitplan.executor.gate import gate_document, trading_gate
from exitplan.executor.known_status import known_status
from exitplan.executor.report import report_account
from exitplan.executor.report_document import report_document
from exitplan.executor.store.alert_log import AlertFilter
from exitplan.executor.store.history import past_runs
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.exit_codes import ExitCode
from exitplan.ruleset.model.values import time_text
from exitplan.web.acts.desk import desk_of
from exitplan.web.acts.works import Work
from exitplan.web.api.endpoint import Asked, Document, duration_of
from exitplan.web.refusals import NoSuchPage, error_document


def accounts(asked: Asked) -> Document:
    """Tell of accounts by id, a page at a time; one that cannot be read is told with its error."""
    files = asked.given.accounts.files()
    broken = {one.id or str(one.path): one.error for one in files.broken}
    names: dict[str, AccountFile | ExitplanError] = {**files.sound, **broken}
    words, after = asked.query["search"].casefold(), asked.query["after"]
    wanted = sorted(
        name
        for name, file in names.items()
        if name > after and words in name.casefold() and _has_tag(file, asked.query["tag"])
    )
    page = wanted[: asked.query["limit"]]
    rest = page[-1] if len(wanted) > len(page) else None
    return {"accounts": [_account_line(asked, name, names[name]) for name in page], "next": rest}


def _has_tag(file: AccountFile | ExitplanError, tag: str | None) -> bool:
    return tag is None or (isinstance(file, AccountFile) and tag in file.tags)


def _account_line(asked: Asked, name: str, file: AccountFile | ExitplanError) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(("venue", "policy", "state", "verified_at", "halt", "error"))
    line |= {"account": name, "tags": []}
    try:
        if isinstance(file, ExitplanError):
            raise file
        line |= {"venue": file.venue, "tags": sorted(file.tags), "policy": file.loaded.policy.name}
        store = asked.given.store_of(name)
        state, halt = store.read_state(), store.find_halt()
        verified_at = state.last_verified_at
        line |= {
            "state": None if state.account_state is None else state.account_state.value,
            "verified_at": None if verified_at is None else time_text(verified_at),
            "halt": None if halt is None else halt.document,
        }
    except ExitplanError as problem:
        line["error"] = error_document(problem)["error"]
    return line


def status(asked: Asked) -> Document:
    """Tell how an account stood after its last run."""
    account = opened(asked)
    return known_status(account, file_of(asked, account.id)).document


def gate(asked: Asked) -> Document:
    """Tell whether a bot may start trading on an account."""
    file, age = file_of(asked), duration_of(asked.query["max_age"])
    given = asked.given
    answer = trading_gate(given.store_of(file.id), age, given.clock(), file.loaded.policy.sha256, file.identity())
    code = ExitCode.DONE if answer.open else ExitCode.PENDING
    return {"account": file.id, "exit_code": int(code), **gate_document(answer, age)}


def history(asked: Asked) -> Document:
    """Tell of an account's runs, the newest first."""
    return {"runs": past_runs(opened(asked))[: asked.query["limit"]]}


def run(asked: Asked) -> Document:
    """Tell of one run: every action, price and fee."""
    number = asked.path["run"]
    found = next((one for one in past_runs(opened(asked)) if str(one["run"]) == number), None)
    if found is None:
        raise NoSuchPage(f"there is no run {number!r} of {asked.path['account']}")
    return found


def report(asked: Asked) -> Document:
    """Tell what was closed on an account in a time, and what that cost; raises FileIsInvalid for a damaged journal."""
    account = opened(asked)
    return report_document(report_account(account, account.clock() - duration_of(asked.query["since"])))


def applying(asked: Asked) -> Document:
    """Tell of a plan that is being applied here, or was since the server was started."""
    work = desk_of(asked.request).works.find(asked.path["work"])
    if work is None or work.account != asked.path["account"]:
        raise NoSuchPage("this run is not known here any more", hint="the account's history has it")
    return work_document(work)


def work_document(work: Work) -> Document:
    """Write a plan that is being applied, or was, in its JSON form."""
    is_over = work.is_over  # before the events are looked at: none comes after it
    return {
        "account": work.account,
        "work": work.id,
        "plan_id": work.plan.plan_id,
        "by": work.person,
        "begun_at": time_text(work.begun_at),
        "over": is_over,
        "stopping": work.is_stopping,
        "exit_code": work.exit_code if is_over else None,
        "result": work.result_text if is_over else None,
        "events": list(work.events),
    }


def policy(asked: Asked) -> Document:
    """Tell the merged policy that an account runs under."""
    return file_of(asked).loaded.shown


def alerts(asked: Asked) -> Document:
    """Tell the newest alerts of an account, the oldest of them first."""
    log = asked.given.place.alerts_of(file_of(asked).id)
    wanted = AlertFilter(severity=asked.query["severity"].upper())
    found = [alert for alert in log.new() if wanted.wants(alert)]
    return {"alerts": found[-asked.query["limit"] :]}


def requests(asked: Asked) -> Document:
    """Tell the plans that wait for a person, of all accounts that can be read."""
    now, known = asked.given.clock(), asked.given.requests(closed=asked.query["closed"])
    return {"requests": [request_document(one, now) for one in known]}


def request(asked: Asked) -> Document:
    """Tell one plan that waits, or has waited, with the plan itself."""
    found = requested(asked)
    return {**request_document(found, asked.given.clock()), "plan": found.request.plan.document}


def incidents(asked: Asked) -> Document:
    """Tell what has gone wrong for too long, of all accounts that can be read."""
    shown, _ = asked.given.incidents(ended=asked.query["ended"])  # GET /accounts tells of those that cannot be read
    return {"incidents": [one.document for one in shown[: asked.query["limit"]]]}


def file_of(asked: Asked, name: str | None = None) -> AccountFile:
    """Return the file of the account that is asked about; raises NoSuchAccount, FileIsInvalid where it is broken."""
    wanted = name or asked.path["account"]
    file = asked.given.accounts.find(wanted)
    if file is None:
        files = asked.given.accounts.files()
        raise files.problem_of(wanted) or no_such_account(wanted, list(files.sound), asked.given.root)
    return file


def opened(asked: Asked) -> Account:
    """Open the account that is asked about without its venue; raises as :func:`file_of` does."""
    given = asked.given
    where = AccountRequest(clock=given.clock, data=given.data, store_of=given.store_of, root=given.root, offline=True)
    return open_account_file(file_of(asked), where)


def requested(asked: Asked) -> Found:
    """Return the request that is asked about, by its whole id; raises NoSuchPage."""
    wanted = asked.path["request"]
    found = asked.given.request(wanted)
    if found is None:
        raise NoSuchPage(f"no plan has the id {wanted!r}", hint="GET /api/v1/requests lists those that wait")
    return found
