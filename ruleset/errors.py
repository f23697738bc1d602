"""Every error a person can meet, drawn as a tree.

::

    ExitplanError                      1   something went wrong; the base of all below
    |-- AccountUnreadable              1   balances or orders could not be read: no plan, no apply
    |   |-- ClockIsOff                 1   this machine's clock differs from the venue's, which refuses what it is asked
    |   `-- CredentialsRefused         3   the venue refuses the credentials, or they may not do what was asked
    |-- AccountIsAnother               1   the account at the venue is not the one that is remembered
    |-- BalanceHasChanged              1   what is held is not what a person has just accepted
    |-- DataFolderUnusable             1   the data folder cannot be written
    |-- EngineDisagreement             1   the rule engine and its check disagree: no plan
    |-- EngineMissing                  1   the rule engine cannot be imported
    |-- CredentialsMissing             3   a live venue without its credentials
    |-- RefusedByGuard                 5   a guard of the policy refuses the plan
    |   `-- AccountIsHalted            5   a halt file exists
    |-- RehearsalFailed                5   a venue that was asked to check an order did not say that it would take it
    |-- PlanIsUnusable                 6   the base of the next six
    |   |-- NotWaiting                 6   the plan that waited for a person does so no more
    |   |-- PlanIsAltered              6   its content does not match its own hash
    |   |-- PlanIsExpired              6   its validity has run out
    |   |-- PlanIsStale                6   account, policy, quantity or price moved
    |   |-- PlanIsUnsigned             6   it lacks a signature that its account requires
    |   `-- PlanIsUsed                 6   its run has ended already
    |-- AccountIsLocked                7   somebody else is writing to this account
    |   |-- AccountIsInGroupRun        7   it takes part in a plan of its group that has not come to its end
    |   `-- TickIsRunning              7   the fleet is at work on an earlier tick
    |-- CancelledByUser                8   the person said no, or pressed Ctrl-C
    |-- OutcomeUnknown                 9   the venue has not told what became of an order
    |-- UsageError                    64   the command line asks for something impossible
    |   |-- NoSuchSymbol              64   the account holds no such symbol
    |   `-- NoSuchAccount             64   no account file carries this id
    `-- FileIsInvalid                 65   a file that a person can edit is wrong

Each class carries ``exit_code`` and each instance may carry a ``hint``: one sentence that says what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class ExitplanError(Exception):
    """Report a failure that a person can act on; ``str()`` is the fact, ``hint`` the way out."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep the message and the optional hint."""
        super().__init__(message)
        self.hint = hint


class AccountUnreadable(ExitplanError):
    """Balances or open orders could not be read, so nothing may be planned or sent.

    ``retry_after`` is how many seconds the venue asks to be left alone, where it says so.
    """

    def __init__(self, message: str, *, hint: str | None = None, retry_after: float | None = None) -> None:
        """Keep the pause that the venue asks for beside the message."""
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class ClockIsOff(AccountUnreadable):
    """This machine's clock differs from the venue's, so it refuses what is signed with our time."""

    def __init__(self, message: str) -> None:
        """Keep the message; the hint is always the same."""
        super().__init__(message, hint="set the clock of this machine, as by NTP; nothing is sent until it is right")


class CredentialsRefused(AccountUnreadable):
    """The venue refuses the credentials, or they may not do what was asked."""

    exit_code = 3


class AccountIsAnother(ExitplanError):
    """Venue, address or API key of the account are not those that its journal and state are about."""


class BalanceHasChanged(ExitplanError):
    """What the account holds is not what a person has just looked at and accepted."""


class DataFolderUnusable(ExitplanError):
    """The data folder cannot be written, so nothing may be sent."""


class EngineMissing(ExitplanError):
    """The rule engine's C extension is missing, or was built without the definition that Python 3.13 needs."""

    def __init__(self, reason: str) -> None:
        """Return the one command that builds it as it has to be."""
        build = 'CC="cc -DPyEval_CallObject=PyObject_CallObject" pip install --no-cache-dir --force-reinstall --no-deps'
        super().__init__(
            f"the rule engine durable-rules cannot be imported: {reason}",
            hint=f"build it anew: {build} durable-rules==2.0.28",
        )


class EngineDisagreement(ExitplanError):
    """The rule engine failed, lost a fact, or answered otherwise than the check: the account gets no plan.

    ``reproducer`` is a JSON text holding the rules and facts of the case.
    """

    def __init__(self, message: str, *, reproducer: str = "", hint: str | None = None) -> None:
        """Keep the reproducer beside the message."""
        super().__init__(message, hint=hint)
        self.reproducer = reproducer


class CredentialsMissing(ExitplanError):
    """A live venue is asked for without usable credentials."""

    exit_code = 3


class RefusedByGuard(ExitplanError):
    """A guard of the policy refuses the plan."""

    exit_code = 5


class RehearsalFailed(ExitplanError):
    """A venue that was asked to check an order did not say that it would take it."""

    exit_code = 5


class AccountIsHalted(RefusedByGuard):
    """A halt file exists: nothing is sent until somebody resumes."""


class PlanIsUnusable(ExitplanError):
    """A saved plan must not be applied as it stands."""

    exit_code = 6


class NotWaiting(PlanIsUnusable):
    """A plan that waited for a person does so no more: it was superseded, rejected or applied."""


class PlanIsAltered(PlanIsUnusable):
    """The content of a plan does not match the hash it carries."""


class PlanIsExpired(PlanIsUnusable):
    """The validity of a plan has run out."""


class PlanIsStale(PlanIsUnusable):
    """The account, the policy, a quantity or a price moved since the plan was made."""


class PlanIsUnsigned(PlanIsUnusable):
    """A plan has not the signatures that its account requires."""


class PlanIsUsed(PlanIsUnusable):
    """The run of this plan has ended already."""


class AccountIsLocked(ExitplanError):
    """Another process holds the account's lease."""

    exit_code = 7


class AccountIsInGroupRun(AccountIsLocked):
    """The account takes part in a plan over its group that was not carried out to its end."""


class TickIsRunning(AccountIsLocked):
    """The fleet is at work on an earlier tick, so no other is begun."""


class CancelledByUser(ExitplanError):
    """The person said no, or pressed Ctrl-C."""

    exit_code = 8


class OutcomeUnknown(ExitplanError):
    """The venue has not told what became of an order."""

    exit_code = 9


class UsageError(ExitplanError):
    """The command line asks for something impossible."""

    exit_code = 64


class NoSuchSymbol(UsageError):
    """The account holds no position with this symbol."""


class NoSuchAccount(UsageError):
    """No account file carries this id."""


class FileIsInvalid(ExitplanError):
    """A file that a person can edit is wrong; the message holds every problem, one a line."""

    exit_code = 65
