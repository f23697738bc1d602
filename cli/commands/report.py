"""``exitplan report``: what was closed in a time, and what that cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet, Stopped, deliver_answers
from exitplan.cli.arguments import AccountRef, read_since, request_of
from exitplan.cli.failures import warn
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    JobsOption,
    JsonOption,
    TagOption,
)
from exitplan.cli.rendering.report import REPORTS, csv_bytes, page_bytes, report_parts
from exitplan.cli.rendering.report_drawings import report_drawings
from exitplan.cli.rendering.screen import show
from exitplan.cli.report_prices import PriceSource
from exitplan.cli.streams import ensure_output, save, write_json
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import AccountFile, open_account_file
from exitplan.executor.report import AccountReport, report_account
from exitplan.executor.report_document import report_document

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountsOption = None,
    tag: TagOption = None,
    every: AllOption = False,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Such as 30d, 12h, or 2026-02-01.")] = "30d",
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table of all accounts and rules.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write everything as one page, with charts.")
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(
            "--prices",
            metavar="venue|FILE",
            help="Compare with the market's prices then and a day later, from the venue or a CSV table.",
        ),
    ] = None,
    jobs: JobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Report what was closed, and what it cost.

    For each account and rule: what exits brought in, compared with the mark prices of their plans, and the fees. Also
    how long accounts took to become CLEAN. The figures come from the order journal; only --prices venue contacts a
    venue, for public prices. docs/reports.md explains each figure.
    """
    for path in filter(None, (csv, html)):
        ensure_output(path)
    account_set, where = AccountSet.of(account, tag, every=every, jobs=jobs, data=data), AccountRef(data=data)
    begin = read_since(since)
    source = None if prices is None else PriceSource(prices, data.folder / "prices")

    def work(file: AccountFile, _stopped: Stopped) -> tuple[AccountReport, int]:
        opened = open_account_file(file, request_of(where, offline=True))
        return report_account(opened, begin, None if source is None else source.of(file)), 0

    answers = account_set.ask(work, quiet=as_json)
    reports = [answer.result for answer in answers if answer.result is not None]
    for name, problem in ({} if source is None else source.problems).items():
        warn(f"{name}: {problem}", as_json=as_json)
    if csv is not None:
        save(csv, csv_bytes(reports))
    if html is not None:
        save(html, page_bytes(reports, report_drawings(as_json=as_json)))
    if not account_set.is_one:
        raise typer.Exit(deliver_answers(answers, REPORTS, as_json=as_json))
    for report in reports:
        if as_json:
            write_json(report_document(report))
        else:
            show(*report_parts(report))
