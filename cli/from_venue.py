"""A folder made from a live account: the account's file, a recording of it, and a paper copy to practise on."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exitplan.brokers.identity import identity_of
from exitplan.brokers.live.addresses import address_problem
from exitplan.brokers.registry import PAPER, open_broker
from exitplan.brokers.retrying import RetryingBroker
from exitplan.cli.arguments import present
from exitplan.cli.commands.snapshot import record
from exitplan.cli.rendering.waiting import waiting
from exitplan.cli.venue_facts import account_block, scalar, traits_of
from exitplan.executor.accounts.account import Account, read_account_files
from exitplan.executor.accounts.env_accounts import usual_credentials, usual_quote
from exitplan.executor.store.file_store import FileStore
from exitplan.ruleset.engine.rulebook import rulebook_of
from exitplan.ruleset.errors import UsageError
from exitplan.ruleset.model.facts import observe
from exitplan.ruleset.model.progress import Progress
from exitplan.ruleset.model.snapshot_reading import snapshot_from_document
from exitplan.schemas.policies import LoadedPolicy, load_policy, shipped_policy
from exitplan.schemas.shapes.policy import account_schema

_ACCOUNTS = "policies/accounts"
_HEAD = "# yaml-language-server: $schema=../../schemas/policy.schema.json\nversion: 1\n"
_HINTS = """\
# What a strategy of yours has registered is aligned, the rest is legacy. Name the sources that count:
# parameters: {{strategy_sources: [my_bot, adopted]}}
# What must never be touched:
# protect:
{protected}"""

_UNPRICED: Mapping[str, str] = {"implausible": "its prices contradict each other", "missing": "nobody can price it"}
"""Why what has no price that can be believed is proposed for protection, by the status of its price."""


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """What was typed of a live account to start from; None is left to us."""

    venue: str
    credentials: str | None = None
    quote: str | None = None
    account: str | None = None
    base_url: str | None = None
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class LiveAccount:
    """A live account to start from; ``credentials`` is a reference as seen from the working folder."""

    id: str
    venue: str
    title: str
    quote: str
    credentials: str
    base_url: str | None
    sandbox: bool

    @property
    def paper_id(self) -> str:
        """The id of the paper copy."""
        return f"{self.id}-paper"

    @property
    def own_files(self) -> tuple[str, str, str]:
        """Name the files of this account in its folder: live account, paper copy, recording."""
        return (
            f"{_ACCOUNTS}/{self.id}.yaml",
            f"{_ACCOUNTS}/{self.paper_id}.yaml",
            f"recordings/{self.id}.json",
        )

    def block(self, credentials: str) -> dict[str, Any]:
        """Return the account block, with the credentials under that reference."""
        return {
            "id": self.id,
            "venue": self.venue,
            "quote": self.quote,
            "credentials": credentials,
            "base_url": self.base_url,
            "sandbox": self.sandbox or None,
        }


def read_options(typed: VenueOptions) -> LiveAccount:
    """Complete and check what was typed; raises UsageError, which repeats no value that may be a secret."""
    if typed.venue == PAPER:
        raise UsageError("the paper venue has no live account", hint="exitplan init alone makes paper accounts")
    traits = traits_of(typed.venue)
    quote = typed.quote or usual_quote(typed.venue)
    if quote is None:
        raise UsageError("in which currency is the account valued?", hint="name it: --quote USDT")
    live = LiveAccount(
        id=typed.account or typed.venue,
        venue=typed.venue,
        title=traits.title,
        quote=quote.upper(),
        credentials=typed.credentials or usual_credentials(typed.venue),
        base_url=typed.base_url,
        sandbox=typed.sandbox,
    )
    _ensure_shape("--account", "id", live.paper_id)
    _ensure_shape("--credentials", "credentials", live.credentials)
    if live.base_url is not None:
        _ensure_shape("--base-url", "base_url", live.base_url)
        wrong = address_problem(live.base_url)
        if wrong is not None:
            raise UsageError(f"--base-url: {wrong[0]}", hint=wrong[1])
    return live


def ensure_free(live: LiveAccount, folder: Path, *, force: bool) -> None:
    """Raise UsageError where a file of the account is there already, or another file has one of its ids."""
    there = [name for name in live.own_files if (folder / name).exists()]
    if there and not force:
        listed = "".join(f"\n  {folder / name}" for name in there)
        raise UsageError(
            f"these files are there already:{listed}",
            hint="name the account otherwise with --account, or record it anew with --force",
        )
    own = {(folder / name).resolve() for name in live.own_files}
    known = read_account_files(folder).sound
    for name in (live.id, live.paper_id):
        if name in known and known[name].path.resolve() not in own:
            raise UsageError(f"the id {name!r} is that of {known[name].path}", hint="name another one with --account")


def record_live(live: LiveAccount, folder: Path) -> dict[str, Any]:
    """Read the account once, under the policy of the folder, in the form of a snapshot file.

    Raises CredentialsMissing, CredentialsRefused, AccountUnreadable.
    """
    loaded = _policy_of(folder)
    block = {key: value for key, value in live.block(live.credentials).items() if value is not None}
    account = Account(
        id=live.id,
        venue=live.venue,
        quote=live.quote,
        file=folder / live.own_files[0],
        loaded=loaded,
        rulebook=rulebook_of(loaded.policy),
        broker=RetryingBroker(open_broker(block, Path(), present), time.sleep),
        store=FileStore.of(folder / "data", live.id),
        clock=present,
        overrides={},
        identity=identity_of(block, Path()),
    )
    with waiting(f"Reading {live.id} at {live.venue}"):
        return record(account)


def account_files(live: LiveAccount, folder: Path, recording: Mapping[str, Any]) -> Mapping[str, str]:
    """Write the account's two files, by their names in the folder; ``recording`` says what to propose to protect."""
    live_file, paper_file, recorded = live.own_files
    place = " in its sandbox" if live.sandbox else ""
    copy = {"file": f"../../data/paper/{live.paper_id}.json", "start_from": f"../../{recorded}"}
    return {
        live_file: (
            f"{_HEAD}name: {scalar(live.id)}\n"
            f"description: {scalar(f'The live account {live.id} at {live.venue}{place}.')}\n"
            f"extends: ../default.yaml\n{_HINTS.format(protected=_proposals(live, folder, recording))}"
            + account_block(live.block(_seen_from(live.credentials, folder / _ACCOUNTS)))
        ),
        paper_file: (
            f"{_HEAD}name: {scalar(live.paper_id)}\n"
            f"description: {scalar(f'A paper copy of {live.id}, to practise on.')}\n"
            f"extends: {scalar(f'{live.id}.yaml')}  # the same rules, on paper\n"
            + account_block({"id": live.paper_id, "venue": PAPER, "quote": live.quote, "options": copy})
        ),
    }


def _proposals(live: LiveAccount, folder: Path, recording: Mapping[str, Any]) -> str:
    """Write a commented line for what an owner may want to keep: the coin that pays fees, what nobody can price."""
    snapshot, policy = snapshot_from_document(recording), _policy_of(folder).policy
    views = observe(snapshot, policy, Progress(), snapshot.taken_at).positions
    fees = traits_of(live.venue).fee_asset
    reasons = {view.position.symbol: "pays the fees" for view in views if view.asset == fees}
    for view in views:
        if view.price.status in _UNPRICED:
            reasons.setdefault(view.position.symbol, _UNPRICED[view.price.status])
    reasons = reasons or {f"BTC/{live.quote}": "cold storage"}
    return "".join(f"#   - {{symbol: {scalar(symbol)}, reason: {why}}}\n" for symbol, why in reasons.items())


def _policy_of(folder: Path) -> LoadedPolicy:
    own = folder / "policies/default.yaml"
    return load_policy(own if own.is_file() else shipped_policy("default"))


def _ensure_shape(option: str, key: str, value: str) -> None:
    shape = account_schema()["properties"][key]
    if re.search(shape["pattern"], value) is None:
        raise UsageError(f"{option}: {shape['patternErrorMessage']}")


def _seen_from(reference: str, folder: Path) -> str:
    """Return a reference to a file as the account file in a folder has to name it."""
    kind, _, name = reference.partition(":")
    path = Path(name.strip())
    if kind != "file" or path.is_absolute() or name.strip().startswith("~"):
        return reference
    return f"file:{os.path.relpath(path.parent.resolve() / path.name, folder.resolve())}"
