"""Signatures beside plans, and whether a plan has those that its account requires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from exitplan.executor.signing.sshsig import PublicKey, read_signatures
from exitplan.executor.store.files import write_atomically
from exitplan.ruleset.errors import FileIsInvalid, PlanIsUnsigned
from exitplan.ruleset.planning.plan_text import plan_bytes
from exitplan.ruleset.planning.plan_types import Plan

if TYPE_CHECKING:  # an account of no group needs nothing of groups
    from exitplan.executor.signing.keys import SigningKey
    from exitplan.ruleset.groups.group_plan import GroupPlan

MOST_BYTES = 65_536
"""The largest file of signatures that is read."""

Signed: TypeAlias = "Plan | GroupPlan"
"""What is signed: the plan of an account, or that of a group, with those of all its accounts in it."""


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """Who may approve plans of an account, and how many of them have to; ``file`` is where it says so."""

    keys: tuple[PublicKey, ...]
    needed: int
    file: Path

    @classmethod
    def of(cls, block: Mapping[str, Any], file: Path) -> SignatureRule | None:
        """Read it from an account block that was checked; None where plans need no signature."""
        rule = block.get("require_signature")
        if rule is None:
            return None
        keys = dict.fromkeys(PublicKey.of_line(str(line)) for line in rule["keys"])
        return cls(tuple(keys), int(rule.get("signatures", 1)), file)

    def wanted(self, account: str) -> str:
        """Say what an account requires, and where that is written."""
        count = f"{self.needed} signatures" if self.needed > 1 else "a signature"
        return f"plans of the account {account} need {count} ({self.file})"

    def named(self, key: PublicKey) -> PublicKey | None:
        """Return a key as the account lists it, with whose it is; None where it is not listed."""
        return next((known for known in self.keys if known == key), None)


@dataclass(frozen=True, slots=True)
class Checked:
    """One signature beside a plan: by which key, where that can be told, and what is wrong with it."""

    key: PublicKey | None
    problem: str | None = None

    def __str__(self) -> str:
        """Say whose it is, and what is wrong with it."""
        if self.problem is None:
            return "" if self.key is None else self.key.name
        return f"a signature {self.problem}" if self.key is None else f"that of {self.key.name} {self.problem}"


def signatures_file(plan: Path) -> Path:
    """Return the file that stands beside a plan and holds its signatures."""
    return plan.with_name(f"{plan.name}.sig")


def load_signatures(plan: Path) -> str:
    """Read the signatures beside a plan's file; empty where there are none. Raises FileIsInvalid."""
    path = signatures_file(plan)
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FileIsInvalid(f"{path}: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise FileIsInvalid(f"{path} is larger than {MOST_BYTES:,} bytes", hint="it holds signatures and nothing else")
    return content.decode("utf-8", "replace")


def signed_bytes(plan: Signed) -> bytes:
    """Return what a signature of a plan covers: all bytes of its file."""
    if isinstance(plan, Plan):
        return plan_bytes(plan)
    from exitplan.ruleset.groups.writing import group_plan_bytes  # noqa: PLC0415 - as above

    return group_plan_bytes(plan)


def check_signatures(plan: Signed, text: str, rules: Sequence[SignatureRule] = ()) -> tuple[Checked, ...]:
    """Check every signature of a text against a plan, and where there are rules, whether its key is listed in one."""
    message = signed_bytes(plan)
    files = " and ".join(str(rule.file) for rule in rules)
    checked: list[Checked] = []
    for _, signature in read_signatures(text):
        if signature is None:
            checked.append(Checked(None, "is not one of an ed25519 key that exitplan can read"))
            continue
        listed = next((known for rule in rules if (known := rule.named(signature.key)) is not None), None)
        unlisted = None if listed or not rules else f"does not count: {files} does not list the key"
        checked.append(Checked(listed or signature.key, signature.problem(message) or unlisted))
    if text.strip() and not checked:
        checked.append(Checked(None, "is in none of the forms that OpenSSH writes"))
    return tuple(checked)


def ensure_signed(rule: SignatureRule | None, account: str, plan: Signed, text: str | None) -> None:
    """Raise PlanIsUnsigned unless a plan has the signatures that an account of it requires.

    ``text`` holds them, and is None for a plan that is in no file. Two signatures of one key count once.
    """
    if rule is None:
        return
    if text is None:
        ensure_may_be_new(rule, account, None if isinstance(plan, Plan) else plan.group.name)
        return
    checked = check_signatures(plan, text, [rule])
    good = {entry.key for entry in checked if entry.problem is None}
    if len(good) >= rule.needed:
        return
    wrong = "; ".join(dict.fromkeys(str(entry) for entry in checked if entry.problem))
    has = f"has {len(good)}" if checked else "has none"
    names = ", ".join(key.comment or key.fingerprint for key in rule.keys if key not in good)
    raise PlanIsUnsigned(
        f"{rule.wanted(account)}, and the plan {has}{f': {wrong}' if wrong else ''}",
        hint=f"have it signed: exitplan sign PLAN --key KEY; who may: {names}",
    )


def ensure_may_be_new(rule: SignatureRule | None, account: str, group: str | None = None) -> None:
    """Raise PlanIsUnsigned where a plan that is made now could not be applied at once, since it has to be signed."""
    if rule is not None:
        what, file = ("", "plan.json") if group is None else (f" --group {group}", "group.json")
        raise PlanIsUnsigned(
            f"{rule.wanted(account)}, and one that is made now has none",
            hint=f"exitplan plan{what} --out {file}, exitplan sign {file} --key KEY, exitplan apply {file}",
        )


def sign_plan(plan: Signed, path: Path, key: SigningKey) -> tuple[Checked, ...]:
    """Add a signature to those beside a plan's file; returns all that stand there then.

    An earlier one of the same key is replaced. Raises DataFolderUnusable.
    """
    others = [text for text, found in read_signatures(load_signatures(path)) if not (found and found.key == key.public)]
    text = "".join([*others, key.sign(signed_bytes(plan))])
    write_atomically(signatures_file(path), text.encode(), mode=path.stat().st_mode & 0o777)
    return check_signatures(plan, text)


def forget_signatures(path: Path) -> None:
    """Remove what was signed of an earlier plan in the place of a new one."""
    signatures_file(path).unlink(missing_ok=True)
