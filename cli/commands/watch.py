"""``exitplan watch``: plan accounts again and again, and apply what the policy or a person allows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from exitplan.cli.account_set import AccountSet
from exitplan.cli.alert_delivery import Deliveries
from exitplan.cli.arguments import AccountRef, present, read_duration, request_of
from exitplan.cli.data_folders import tell_of_data_folder
from exitplan.cli.interrupts import asking_to_stop
from exitplan.cli.options import (
    DEFAULT_DATA,
    DEFAULT_JOBS,
    AccountsOption,
    AllOption,
    DataOption,
    JsonOption,
    TagOption,
)
from exitplan.cli.output import say
from exitplan.cli.rendering.screen import show
from exitplan.cli.rendering.watching import round_document, round_line, round_row
from exitplan.cli.streams import write_line
from exitplan.cli.unhurried import waiting_for_no_reader
from exitplan.cli.verbs import verb_app
from exitplan.executor.accounts.account import Account, AccountFile, open_account_file
from exitplan.executor.accounts.folder import DataFolder
from exitplan.executor.accounts.known_folders import ensure_history, note_folder
from exitplan.executor.accounts.places import FilePlace
from exitplan.executor.accounts.project import project_root
from exitplan.executor.accounts.selection import AccountSelection
from exitplan.executor.escalation.ladder import tend
from exitplan.executor.metrics.call_totals import call_totals
from exitplan.executor.store.file_store import files_below
from exitplan.executor.store.lease import staying_in_place, watch_lease
from exitplan.executor.watching.accounts import accounts_now, open_as_it_is
from exitplan.executor.watching.rounds import Round
from exitplan.executor.watching.schedule import Pace
from exitplan.executor.watching.service_manager import ServiceManager
from exitplan.executor.watching.threads import Threads
from exitplan.executor.watching.watcher import Surroundings, Watcher
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.planning.words import counted, duration

EveryOption = Annotated[
    str, typer.Option("--every", metavar="DURATION", help="How often each account is planned: 90s, 5m, 1h, 1d.")
]
JitterOption = Annotated[
    str | None,
    typer.Option(
        "--jitter",
        metavar="DURATION",
        help="Spread the accounts over this much of the time between rounds; 0s for no spread."
        "  [default: a tenth of --every]",
    ),
]
CutOffOption = Annotated[
    str,
    typer.Option(
        "--cut-off",
        "--limit",
        metavar="DURATION",
        help="Cut off a round, and raise an alert, when it takes longer than this.",
    ),
]
OnceOption = Annotated[bool, typer.Option("--once", help="Do one round of every account now, then exit: for cron.")]
MetricsOption = Annotated[
    str | None,
    typer.Option("--metrics", metavar="HOST:PORT", help="Also serve metrics at this address, such as 127.0.0.1:9464."),
]
WatchJobsOption = Annotated[
    int, typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="How many accounts to work on at once.")
]

app = verb_app()


@app.command()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    account: AccountsOption = None,
    tag: TagOption = None,
    all_accounts: AllOption = False,
    every: EveryOption = "5m",
    jitter: JitterOption = None,
    cut_off: CutOffOption = "5m",
    once: OnceOption = False,
    metrics: MetricsOption = None,
    jobs: WatchJobsOption = DEFAULT_JOBS,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Plan accounts again and again, and apply what is allowed.

    A plan within the limits of the policy's `approval` is applied at once. Any other plan waits until people approve it
    (`exitplan pending`, `approve`, `reject`); without `approval: auto` every plan waits. Account files are read again
    in each round. What has changed is printed as a line; with --json every round is a line.

    Ctrl-C and SIGTERM stop it after orders in flight are finished. A project has one watcher. --once exits with the
    worst exit code of all accounts: 2 means that a plan waits or an account is not CLEAN.
    """
    if not isinstance(data, FilePlace):
        hint = "exitplan fleet worker --every 5m, or exitplan fleet tick for one round"
        raise UsageError(f"{data} is the database of a fleet, and its workers watch it", hint=hint)
    account_set = AccountSet.of(account, tag, every=all_accounts, data=data)
    pace = read_pace(every, jitter, cut_off, jobs)
    selected = account_set.select()
    selection = account_set.selection
    if account_set.is_one:
        selection = AccountSelection((account_set.only_name or selected[0].name,))
    service = ServiceManager(os.environ)
    folder = data.folder
    lock, given = DataFolder(folder, folder).watch_lock, surroundings(selection, folder, service, as_json=as_json)
    with (
        watch_lease(lock, present()),
        waiting_for_no_reader(),
        asking_to_stop() as stopped,
        serving_metrics(metrics, selection, folder),
    ):
        watcher = Watcher(replace(given, ensure_kept=staying_in_place(lock)), pace)
        if once:
            raise typer.Exit(watcher.once(stopped))
        watched = f"{counted(len(selected), 'account')} every {duration(pace.every.total_seconds())}"
        if not as_json:
            say(f"Watching {watched}. Press Ctrl-C to stop.", err=True)
        service.ready(f"watching {watched}")

        def is_to_stop() -> bool:
            if stopped():
                service.stopping()
            return stopped()

        raise typer.Exit(watcher.run(is_to_stop))


@contextmanager
def serving_metrics(address: str | None, selection: AccountSelection, data: Path) -> Iterator[None]:
    """Serve the metrics of the accounts for the time of the block, where an address is given."""
    if address is None:
        yield
        return
    from exitplan.executor.metrics.accounts import MeasuredAccounts  # noqa: PLC0415 - only where it is asked for
    from exitplan.executor.metrics.collector import ProjectCollector  # noqa: PLC0415 - as above
    from exitplan.executor.metrics.serving import parse_address, serve  # noqa: PLC0415 - as above

    accounts = MeasuredAccounts(selection, project_root())
    with serve(parse_address("--metrics", address), ProjectCollector(accounts.find, data)) as place:
        say(f"Serving http://{place}/metrics.", err=True)
        yield


def read_pace(every: str, jitter: str | None, cut_off: str, jobs: int) -> Pace:
    """Read how often accounts have their round; raises UsageError."""
    pause = read_duration("--every", every)
    spread = pause / 10
    if jitter is not None:
        spread = timedelta(0) if jitter.strip() in {"0", "0s"} else read_duration("--jitter", jitter)
    if spread >= pause:
        raise UsageError(
            f"--jitter {jitter} must be less than --every {every}", hint="leave it out for a tenth of --every"
        )
    return Pace(pause, spread, read_duration("--cut-off", cut_off), jobs)


def surroundings(selection: AccountSelection, data: Path, service: ServiceManager, *, as_json: bool) -> Surroundings:
    """Collect what a watcher of this project is given."""
    root, where = project_root(), AccountRef(data=FilePlace(data))
    deliveries = Deliveries(data)

    looked_at = set[str]()

    def opened(file: AccountFile) -> Account:
        account = open_as_it_is(file, request_of(where))
        if account.id not in looked_at:
            looked_at.add(account.id)
            tell_of_data_folder(account, as_json=as_json)
        ensure_history(account)
        return account

    def tend_one(account: Account, now: datetime) -> None:
        note_folder(account)
        tend(account, now)

    def after_rounds(accounts: Sequence[str], now: datetime) -> None:
        deliveries.deliver(accounts, now)
        call_totals(data).save()

    def tell(done: Round) -> None:
        with suppress(OSError):  # a reader that has gone away does not stop the watcher
            if as_json:
                write_line(round_document(done))
            elif done.is_news and sys.stdout.isatty():
                show(round_row(done))
            elif done.is_news:
                say(round_line(done))

    return Surroundings(
        find=lambda: accounts_now(selection, root),
        open=opened,
        open_offline=lambda file: open_account_file(file, request_of(where, offline=True)),
        store_of=files_below(data),
        clock=present,
        sleep=time.sleep,
        workers=Threads(),
        notify=tell,
        tend=tend_one,
        deliver=after_rounds,
        alive=service.alive,
    )
