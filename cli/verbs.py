"""The verbs of the command line, each loaded when it is asked for, so that ``exitplan --help`` is quick."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: its name (with ``_`` for ``-`` that of its module), its group, and what it does in a line."""

    name: str
    panel: str
    summary: str

    @property
    def module(self) -> str:
        """The module of the verb; a word of Python's is none, so it has ``_`` behind it."""
        module = self.name.replace("-", "_")
        return f"{module}_" if iskeyword(module) else module


_START, _WORK, _ALONE = "Start", "Plan and apply", "Run unattended"
_LOOK, _KEEP, _TOOLS = "Look closer", "Keep in order", "Tools"
VERBS = {
    verb.name: verb
    for verb in (
        Verb("init", _START, "Make a folder with policies and an account to try."),
        Verb("venues", _START, "Show the venues, and what each of them can do."),
        Verb("validate", _START, "Check files: every problem with file, line and column."),
        Verb("test", _START, "Test policies: cases in YAML, and what a plan makes of them."),
        Verb("lint", _START, "Prove which rules of a policy can never decide."),
        Verb("compare", _START, "Prove which positions two policies treat otherwise."),
        Verb("simulate", _START, "Try a policy over several cycles, at prices that move."),
        Verb("health", _START, "Train, measure and explain models of positions' health."),
        Verb("fmt", _START, "Lay out policies and tests in the one canonical way."),
        Verb("plan", _WORK, "Show what would be done to an account, and why."),
        Verb("show", _WORK, "Show a saved plan, even one that can no longer be applied."),
        Verb("sign", _WORK, "Sign a saved plan, for an account that requires it."),
        Verb("apply", _WORK, "Carry out a plan, once, and verify the account after it."),
        Verb("diff", _WORK, "Compare two saved plans."),
        Verb("verify", _WORK, "Run the four checks of a clean account; nothing is traded."),
        Verb("run", _WORK, "Run the whole protocol: classify, cancel, exit, verify."),
        Verb("gate", _WORK, "Check that the account was recently verified CLEAN."),
        Verb("halt", _WORK, "Stop sending orders, for all accounts or one."),
        Verb("resume", _WORK, "End a halt."),
        Verb("watch", _ALONE, "Plan accounts again and again, and apply what is allowed."),
        Verb("pending", _ALONE, "List the plans that wait for a person, or show one."),
        Verb("approve", _ALONE, "Approve a plan that waits."),
        Verb("reject", _ALONE, "Reject a plan that waits, and say why."),
        Verb("alerts", _ALONE, "List alerts, follow them, or deliver them to channels."),
        Verb("incidents", _ALONE, "List incidents: what has gone wrong for too long."),
        Verb("ack", _ALONE, "Acknowledge an incident: no further step is told."),
        Verb("serve", _ALONE, "Serve the dashboard: look, approve and halt in a browser."),
        Verb("top", _ALONE, "Watch all accounts in the terminal, live."),
        Verb("users", _ALONE, "Say who may use the dashboard, and make tokens for programs."),
        Verb("fleet", _ALONE, "Work on many accounts, kept in Postgres, with many workers."),
        Verb("metrics", _ALONE, "Show Prometheus how the accounts stand and what was done."),
        Verb("install-service", _ALONE, "Print a systemd unit or cron line that watches accounts."),
        Verb("positions", _LOOK, "List every position: its worth, its category and why."),
        Verb("explain", _LOOK, "Explain a position: its facts, the rules, what decided."),
        Verb("eval", _LOOK, "Try a condition on positions: true or false, part by part."),
        Verb("status", _LOOK, "Show unwinds under way, escalations and the last run."),
        Verb("history", _LOOK, "List past runs: when, which plan, and with what result."),
        Verb("report", _LOOK, "Report what was closed, and what it cost."),
        Verb("lots", _LOOK, "Report what exits realised, lot by lot."),
        Verb("groups", _LOOK, "List groups of accounts, and which plan was cut off."),
        Verb("policies", _LOOK, "List, show and test the shipped policies; show an account's."),
        Verb("graph", _LOOK, "Draw which policy extends which, as Mermaid or DOT."),
        Verb("doctor", _KEEP, "Check the engine, the files of accounts, and their venues."),
        Verb("backup", _KEEP, "Copy journal, state, tracker and alerts, also during a run."),
        Verb("restore", _KEEP, "Put a backup back, after looking for orders sent since."),
        Verb("prune", _KEEP, "Remove old runs from the journal."),
        Verb("resolve", _KEEP, "Record the outcome of an order that the venue cannot report."),
        Verb("unlock", _KEEP, "Break the lease of an account whose holder hangs."),
        Verb("retry", _KEEP, "Let a failed exit be tried again."),
        Verb("adopt", _KEEP, "Register a position with the tracker, as one of a strategy."),
        Verb("forget", _KEEP, "Take the record of a position out of the tracker."),
        Verb("accept-balance", _KEEP, "Confirm that a changed or empty balance is right."),
        Verb("snapshot", _KEEP, "Record an account in a snapshot file."),
        Verb("state", _KEEP, "Import or export the state file, or take over a tracker."),
        Verb("keygen", _TOOLS, "Make a key pair that plans are signed with."),
        Verb("lsp", _TOOLS, "Serve editors: the language server for policies."),
        Verb("schema", _TOOLS, "Print a JSON Schema, or list them."),
    )
}

HIDDEN = {"settle": "resolve", "policy": "policies"}
"""Former names, which keep working and are not listed."""

_SET_UP, _AT_WORK, _IN_ORDER = "Set up", "Work", "Look and keep in order"
_NEW_POLICY = "Change a policy"
FLEET_VERBS = {
    verb.name: verb
    for verb in (
        Verb("init", _SET_UP, "Make or upgrade the tables of a fleet, and of its accounts."),
        Verb("import", _SET_UP, "Take accounts into the fleet from account files."),
        Verb("export", _SET_UP, "Write the accounts of the fleet as account files."),
        Verb("remove", _SET_UP, "Take accounts out of the fleet."),
        Verb("worker", _AT_WORK, "Work on the shards of a fleet, beside other workers."),
        Verb("tick", _AT_WORK, "Give every account of the fleet a round, once."),
        Verb("status", _IN_ORDER, "Show workers, shards, the last tick, and how the accounts stand."),
        Verb("accounts", _IN_ORDER, "List the accounts of the fleet."),
        Verb("drain", _IN_ORDER, "Give a worker, an account, a shard or a venue no new cycle."),
        Verb("rebalance", _IN_ORDER, "Bring the shards to about one size, with few moves."),
        Verb("dead", _IN_ORDER, "List the accounts that were set aside, and revive them."),
        Verb("prune", _IN_ORDER, "Remove old runs, alerts and rollouts of all accounts."),
        Verb("plan", _NEW_POLICY, "Show what another policy would change in the fleet."),
        Verb("rollout", _NEW_POLICY, "Give the accounts of a fleet another policy, stage by stage."),
    )
}
"""The verbs of ``exitplan fleet``, in modules of a folder of their own."""


_MODELS = "Health models"
HEALTH_VERBS = {
    verb.name: verb
    for verb in (
        Verb("train", _MODELS, "Train a model, and measure it on what it has not seen."),
        Verb("evaluate", _MODELS, "Measure a model on what it has not seen, and accept or refuse it."),
        Verb("explain", _MODELS, "Show what a model weighs, what it was trained on, and how good it is."),
    )
}
"""The verbs of ``exitplan health``, in modules of a folder of their own."""


class LoadedVerbs(MutableMapping[str, Any]):
    """The verbs as commands of Typer, by name; reading one imports its module."""

    def __init__(self, verbs: Mapping[str, Verb] = VERBS, package: str = "exitplan.cli.commands") -> None:
        """Start with none loaded; their modules are in ``package``."""
        self._verbs, self._package = verbs, package
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - the class of Typer's commands has no public name
        """Return a verb, loading it; raises KeyError for a name that is none."""
        name = HIDDEN.get(name, name)
        if name not in self._loaded and name in self._verbs:
            module = importlib.import_module(f"{self._package}.{self._verbs[name].module}")
            command = typer.main.get_command(module.app)
            command.name = name
            self._loaded[name] = command
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401 - as above
        """Put a command in place of a verb."""
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        """Forget a loaded verb."""
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        """Walk the names, in the order of the help."""
        return iter(self._verbs)

    def __len__(self) -> int:
        """Count the verbs."""
        return len(self._verbs)


def verb_app(*, has_verbs: bool = False, group: type[TyperGroup] | None = None) -> typer.Typer:
    """Make the Typer app of one verb, or of one that has verbs of its own, which a ``group`` loads as it needs them."""
    return typer.Typer(
        cls=group,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=has_verbs or group is not None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
