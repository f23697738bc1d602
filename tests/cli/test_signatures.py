"""Plans that have to be signed: by whom, with what, and everything that is no signature of the plan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jsonschema import Draft7Validator

from exitplan.executor.accounts.account import Account
from exitplan.executor.api import apply, open_account
from exitplan.executor.apply.apply import apply_plan
from exitplan.executor.apply.events import ApplyResult
from exitplan.executor.store.saved_plan import load_plan
from exitplan.ruleset.errors import PlanIsUnsigned
from exitplan.ruleset.planning.plan_types import Plan
from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import Ran, xp
from tests.cli.test_apply_command import change

ACCOUNT = Path("policies/accounts/demo.yaml")
ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH")


def key(name: str) -> str:
    """Make a key pair, and give the line of its public half."""
    assert xp("keygen", name).code == 0
    return Path(f"{name}.pub").read_text(encoding="utf-8").strip()


def require(*lines: str, signatures: int | None = None) -> None:
    """Have the demo account require signatures of these keys."""
    text = ACCOUNT.read_text(encoding="utf-8")
    rule = "".join(f"      - {line}\n" for line in lines)
    more = "" if signatures is None else f"    signatures: {signatures}\n"
    block = f"account:\n  require_signature:\n    keys:\n{rule}{more}"
    ACCOUNT.write_text(text.replace("account:\n", block, 1), encoding="utf-8")


@pytest.fixture
def signed(folder: Path) -> Path:
    """Work where plans need alice's signature, with a plan that she has signed."""
    require(key("alice"))
    assert xp("plan", "--out", "plan.json", "--sign", "alice").code == 0
    return folder / "plan.json"


def refused(ran: Ran, *words: str) -> None:
    """Expect that a plan was refused for its signatures, with nothing sent or begun."""
    assert (ran.code, xp("history", "--json").json["runs"]) == (6, [])
    assert [word for word in words if word not in ran.err] == []


# --- what is let through ---------------------------------------------------------------------------------------------


def test_a_plan_signed_by_its_maker_is_applied(signed: Path) -> None:
    before = signed.read_bytes()
    assert xp("apply", signed, "--dry-run").code == 0
    assert xp("apply", signed).code == 0
    assert signed.read_bytes() == before


def test_a_plan_signed_by_an_approver_is_applied(folder: Path) -> None:
    require(key("alice"), key("bob"))
    xp("plan", "--out", "plan.json")
    refused(xp("apply", "plan.json"), "plans of the account platform need a signature", "has none", "alice, bob")
    ran = xp("sign", "plan.json", "--key", "bob")
    assert ran.code == 0
    assert "Exit" in ran.out  # the approver sees what is signed
    assert "the only signature" in ran.out
    assert xp("apply", "plan.json").code == 0


def test_two_signatures_are_of_two_keys(folder: Path) -> None:
    require(key("alice"), key("bob"), signatures=2)
    xp("plan", "--out", "plan.json", "--sign", "alice")
    xp("sign", "plan.json", "--key", "alice")
    sig = Path("plan.json.sig")
    sig.write_text(sig.read_text(encoding="utf-8") * 2, encoding="utf-8")
    refused(xp("apply", "plan.json"), "need 2 signatures", "has 1", "who may: bob")
    assert "one of 2" in xp("sign", "plan.json", "--key", "bob").out
    assert xp("apply", "plan.json").code == 0


def test_a_plan_that_was_interrupted_goes_on_with_its_signature_alone(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([False, False, True])

    def stopping(account: Account, plan: Plan, **how: Any) -> ApplyResult:
        return apply_plan(account, plan, **{**how, "stopped": lambda: next(asked)})

    with monkeypatch.context() as patched:
        patched.setattr("exitplan.executor.operation.apply_plan", stopping)
        assert xp("apply", signed).code == 8
    beside = Path("plan.json.sig").rename("kept")
    assert xp("apply", signed).code == 6
    beside.rename("plan.json.sig")
    assert xp("apply", signed).code == 0


def test_a_folder_of_plans_is_signed_and_applied(folder: Path) -> None:
    require(key("alice"))
    assert xp("plan", "--all", "--out", "plans", "--sign", "alice").code == 0
    assert {"platform.plan.json", "platform.plan.json.sig"} <= {path.name for path in Path("plans").iterdir()}
    assert xp("apply", "plans").code == 0


def test_an_account_that_requires_none_asks_for_none(saved: Path) -> None:
    Path("plan.json.sig").write_text("whatever", encoding="utf-8")
    assert xp("apply", saved).code == 0


def test_looking_and_dry_runs_need_no_signature(folder: Path) -> None:
    require(key("alice"))
    codes = [xp(*line.split()).code for line in ("run --dry-run", "run --verify-only", "apply --dry-run")]
    assert codes == [2, 2, 0]


# --- what is not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [["run"], ["apply", "--auto-approve"], ["run", "--all"]])
def test_a_plan_that_is_made_now_is_refused_with_the_way_to_do_it(folder: Path, line: list[str]) -> None:
    require(key("alice"))
    ran = xp(*line)
    refused(ran, "one that is made now has none")
    assert line[-1] == "--all" or "exitplan sign plan.json" in ran.err


def test_a_refreshed_plan_is_another_one(signed: Path) -> None:
    refused(xp("apply", signed, "--refresh", "--auto-approve"), "made now")


def test_programs_are_refused_too(signed: Path) -> None:
    account = open_account()
    with pytest.raises(PlanIsUnsigned):
        apply(account)
    with pytest.raises(PlanIsUnsigned):
        apply(account, load_plan(signed))
    assert apply(account, signed).exit_code == 0


def another_plan() -> None:
    sig = Path("plan.json.sig").read_bytes()
    xp("plan", "--target", "NEAR/USD", "--out", "plan.json")
    Path("plan.json.sig").write_bytes(sig)


def spoil(*, where: int) -> Callable[[], None]:
    """Change one letter of the signature's text."""

    def do() -> None:
        path = Path("plan.json.sig")
        lines = path.read_text(encoding="utf-8").splitlines()
        letter = lines[where][10]
        lines[where] = lines[where][:10] + ("A" if letter != "A" else "B") + lines[where][11:]
        path.write_text("\n".join(lines), encoding="utf-8")

    return do


def by_a_stranger() -> None:
    Path("plan.json.sig").unlink()
    xp("keygen", "mallory")
    xp("sign", "plan.json", "--key", "mallory")


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "missing": (lambda: Path("plan.json.sig").unlink(), "has none"),
    "empty": (lambda: Path("plan.json.sig").write_text("", encoding="utf-8"), "has none"),
    "of another plan": (another_plan, "of another plan"),
    "of a plan that was altered and hashed anew": (
        lambda: change(Path("plan.json"), expires_at="2099-01-01T00:00:00Z"),
        "of another plan",
    ),
    "by an unknown key": (by_a_stranger, "does not list the key"),
    "spoilt in its magic": (spoil(where=1), "exitplan can read"),
    "spoilt in its end": (spoil(where=-2), ""),
    "in another form": (lambda: Path("plan.json.sig").write_bytes(b"\x1b[31muntrusted comment"), "none of the forms"),
    "a key in place of a signature": (lambda: shutil.copy("alice", "plan.json.sig"), "none of the forms"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_signature_of_the_plan_sends_nothing(signed: Path, case: str) -> None:
    spoiler, words = WRONG[case]
    spoiler()
    refused(xp("apply", signed), words)
    refused(xp("apply", signed, "--dry-run"), words)


def test_a_new_plan_in_the_place_of_a_signed_one_has_no_signature(signed: Path) -> None:
    xp("plan", "--out", signed)
    assert not Path("plan.json.sig").exists()


def test_a_signature_for_something_else_is_none(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("exitplan.executor.signing.sshsig.NAMESPACE", "git")
        xp("sign", signed, "--key", "alice")
    refused(xp("apply", signed), "is for 'git' and not for 'exitplan'")


def test_a_key_that_was_struck_out_approves_no_more(signed: Path) -> None:
    text = ACCOUNT.read_text(encoding="utf-8")
    ACCOUNT.write_text(text.replace(Path("alice.pub").read_text(encoding="utf-8").strip(), key("bob")))
    refused(xp("apply", signed), "does not list the key")


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_is_ours_alone_and_not_written_over(folder: Path) -> None:
    line = key("alice")
    assert Path("alice").stat().st_mode & 0o777 == 0o600
    assert line.startswith("ssh-ed25519 AAAA")
    assert line.endswith(" alice")
    before = Path("alice").read_bytes()
    assert "is there already" in xp("keygen", "alice").err
    Path("alice.pub").unlink()
    assert xp("keygen", "alice").code == 1
    assert (Path("alice").read_bytes(), Path("alice.pub").exists()) == (before, False)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_key_that_is_open_to_others_is_refused(saved: Path, mode: int) -> None:
    key("alice")
    Path("alice").chmod(mode)
    ran = xp("sign", saved, "--key", "alice")
    assert (ran.code, Path("plan.json.sig").exists()) == (3, False)
    assert "chmod 600 alice" in ran.err


def private(kind: Any, password: bytes | None = None, form: str = "OpenSSH") -> str:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    text = kind.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), hidden)
    return str(text.decode())


OTHER_KEYS: dict[str, tuple[Callable[[], str], str]] = {
    "rsa": (lambda: private(generate_private_key(65537, 2048)), "is not an ed25519 key"),
    "with a passphrase": (lambda: private(Ed25519PrivateKey.generate(), b"x", "PKCS8"), "ssh-keygen -Y sign"),
    "nothing": (lambda: "", "cannot be read"),
    "garbage": (lambda: "\x1b[31mgarbage", "cannot be read"),
    "cut off": (lambda: private(Ed25519PrivateKey.generate())[:200], "cannot be read"),
}


@pytest.mark.parametrize("case", OTHER_KEYS)
def test_what_is_no_usable_key_is_told_without_its_text(saved: Path, case: str) -> None:
    make, words = OTHER_KEYS[case]
    text = make()
    Path("other").write_text(text, encoding="utf-8")
    Path("other").chmod(0o600)
    ran = xp("sign", saved, "--key", "other")
    assert ran.code == 3
    assert words in ran.err
    assert not any(line in ran.err for line in text.splitlines() if len(line) > 8)


@pytest.mark.parametrize("form", ["PKCS8", "OpenSSH"])
def test_keys_come_from_variables_as_credentials_do(saved: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("ALICE_SIGNING_KEY", private(Ed25519PrivateKey.generate(), form=form).replace("\n", "\\n"))
    assert xp("sign", saved, "--key", "env:ALICE").code == 0
    assert "BOB_SIGNING_KEY is missing" in xp("sign", saved, "--key", "env:BOB").err


def test_keys_come_from_the_keyring(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = private(Ed25519PrivateKey.generate())
    monkeypatch.setattr("keyring.get_password", lambda service, user: {("desk", "signing_key"): text}[service, user])
    assert xp("sign", saved, "--key", "keyring:desk").code == 0


def test_a_key_pasted_in_place_of_a_reference_is_not_repeated(saved: Path) -> None:
    text = private(Ed25519PrivateKey.generate())
    ran = xp("sign", saved, "--key", text)
    assert ran.code == 3
    assert text.splitlines()[1] not in ran.err + ran.out


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("keys: []", "require_signature"),
        ("keys: [ssh-rsa AAAAB3NzaC1yc2E alice]", "ed25519 .pub file"),
        ('keys: ["-----BEGIN OPENSSH PRIVATE KEY-----"]', "something that is not shown"),
        ("{}", "'keys' is missing"),
        ("signatures: 0", ""),
        ("key: x", "keys"),
    ],
)
def test_a_rule_that_cannot_hold_is_an_error_with_its_line(folder: Path, entry: str, words: str) -> None:
    text = ACCOUNT.read_text(encoding="utf-8")
    rule = "  require_signature: {}\n" if entry == "{}" else f"  require_signature:\n    {entry}\n"
    ACCOUNT.write_text(text.replace("account:\n", f"account:\n{rule}", 1), encoding="utf-8")
    for ran in (xp("validate", ACCOUNT), xp("plan")):
        assert ran.code == 65
        assert f"{ACCOUNT}:" in ran.out + ran.err
        assert words in ran.out + ran.err


def test_more_signatures_than_keys_are_an_error(folder: Path) -> None:
    line = key("alice")
    require(line, f"{line} again", signatures=2)
    ran = xp("validate", ACCOUNT)
    assert ran.code == 65
    assert "2 signatures are wanted, and there are 1 different keys" in ran.out + ran.err


def test_an_account_opened_under_another_policy_keeps_its_rule(signed: Path) -> None:
    shutil.copy("policies/default.yaml", "other.yaml")
    xp("plan", "--policy", "other.yaml", "--out", "plan.json")
    refused(xp("apply", "plan.json", "--policy", "other.yaml"), "has none")


# --- who has signed --------------------------------------------------------------------------------------------------


def test_show_says_who_has_signed_and_what_is_missing(folder: Path) -> None:
    require(key("alice"), key("bob"), signatures=2)
    xp("plan", "--out", "plan.json", "--sign", "alice")
    xp("keygen", "mallory")
    xp("sign", "plan.json", "--key", "mallory")
    out = xp("show", "plan.json").out
    assert "Signed by alice (SHA256:" in out
    assert "Not counted: that of SHA256:" in out
    assert "1 of the 2 that policies/accounts/demo.yaml requires" in out
    told = xp("show", "plan.json", "--json").json
    assert [(entry["name"], entry["ok"]) for entry in told["signatures"]] == [("alice", True), (None, False)]
    assert told["signatures_needed"] == 2


def test_show_of_a_plan_that_nobody_has_to_sign_is_the_plan(saved: Path) -> None:
    assert xp("show", saved, "--json").json == json.loads(saved.read_bytes())


@pytest.mark.parametrize("kind", ["keygen", "sign"])
def test_answers_fit_their_schemas(saved: Path, kind: str) -> None:
    made = xp("keygen", "alice", "--json")
    ran = made if kind == "keygen" else xp("sign", saved, "--key", "alice", "--json")
    Draft7Validator(ANSWERS[kind]()).validate(ran.json)


# --- with OpenSSH ----------------------------------------------------------------------------------------------------


def openssh(*words: str, given: bytes = b"") -> None:
    subprocess.run(["ssh-keygen", *words], input=given, check=True, capture_output=True, env=dict(os.environ))  # noqa: S607 - as found


@ssh_keygen
def test_a_signature_of_ssh_keygen_counts(folder: Path) -> None:
    openssh("-q", "-t", "ed25519", "-N", "", "-C", "carol", "-f", "carol")
    require(Path("carol.pub").read_text(encoding="utf-8").strip())
    xp("plan", "--out", "plan.json")
    openssh("-Y", "sign", "-n", "exitplan", "-f", "carol", "plan.json")
    assert xp("apply", "plan.json").code == 0


@ssh_keygen
def test_a_key_of_ssh_keygen_signs_and_ssh_keygen_verifies(folder: Path) -> None:
    openssh("-q", "-t", "ed25519", "-N", "", "-C", "carol", "-f", "carol")
    line = Path("carol.pub").read_text(encoding="utf-8").strip()
    xp("plan", "--out", "plan.json", "--sign", "carol")
    Path("allowed").write_text(f"carol {line}\n", encoding="utf-8")
    content = Path("plan.json").read_bytes()
    openssh("-Y", "verify", "-n", "exitplan", "-f", "allowed", "-I", "carol", "-s", "plan.json.sig", given=content)


@ssh_keygen
def test_a_key_with_a_passphrase_signs_through_ssh_keygen(saved: Path) -> None:
    openssh("-q", "-t", "ed25519", "-N", "passphrase", "-f", "carol")
    ran = xp("sign", saved, "--key", "carol")
    assert ran.code == 3
    assert "ssh-keygen -Y sign -n exitplan" in ran.err
