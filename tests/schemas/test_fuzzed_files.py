"""Every reader of files, on whatever bytes: what it cannot use it says, and never raises anything else."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.credentials import read_credentials
from exitplan.brokers.live.shared_level import Level
from exitplan.brokers.paper.account_file import Owner, PaperFile
from exitplan.brokers.paper.options import PaperOptions
from exitplan.brokers.protocol import OrderRequest
from exitplan.executor.alerting.channels import read_channels
from exitplan.executor.signing.keys import read_signing_key
from exitplan.executor.signing.sshsig import read_signatures
from exitplan.executor.store.alert_log import AlertLog
from exitplan.executor.store.saved_plan import load_plan
from exitplan.ruleset.errors import ExitplanError
from exitplan.ruleset.model.snapshot_writing import snapshot_to_document
from exitplan.schemas.documents import load_document
from exitplan.schemas.policies import SHIPPED, load_policy
from exitplan.schemas.validation import validate_paths
from exitplan.workbench.cases.case_file import load_cases
from tests.builders import NOW, order, plan_of, position, record, snapshot
from tests.spoiling import fuzzed, spoilt_bytes, spoilt_structure

Reader = Callable[[Path], object]

ACCOUNT = snapshot(
    position("AAA/USD", 100, locked=1),
    orders=[order("o", "AAA/USD", "sell", 1, price=5)],
    tracked={"AAA/USD": record()},
)
SNAPSHOT = snapshot_to_document(ACCOUNT)
STATE = {
    "format_version": 1,
    "account_state": "CLEAN",
    "unwind_progress": {
        "AAA/USD": {
            "cycle": 1,
            "remaining_pct": "0.75",
            "initial_quantity": "100",
            "started_at": "2026-01-01T00:00:00Z",
            "last_cycle_at": None,
        }
    },
}
POLICY = (SHIPPED / "default.yaml").read_bytes()
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTk=\n-----END SSH SIGNATURE-----\n"
KEYS = {"api_key": "k", "api_secret": "s"}


def as_json(document: object) -> bytes:
    return json.dumps(document).encode()


CHANNELS = b"""\
version: 1
channels:
  desk: {url: env:DESK, kinds: [EXIT_FAILED], severity: warning, repeat: 1h}
  night:
    url: env:NIGHT
    quiet: {from: "22:00", to: "06:00", zone: Europe/Zurich}
    digest: {at: "08:00"}
"""
CASES = b"""\
policy: default
cases:
  - name: dust is sold
    given: {value_usd: 0.5}
    expect: {exit: dust, do: close}
"""
ALERT = b"""\
{"timestamp": "2026-02-18T22:00:00Z", "alert_type": "CLOCK_OFF", "severity": "WARNING", "user_id": "platform"}
"""


def changes() -> bytes:
    """Return the log of a paper account after an order; the file beside it is as it was."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(as_json(SNAPSHOT))
        request = OrderRequest(client_order_id="xp", symbol="AAA/USD", side="sell", type="market", quantity=Decimal(1))
        PaperFile(path, Owner("platform"), PaperOptions()).change(NOW, lambda engine: engine.place(request, NOW))
        return path.with_name(".a.json.log").read_bytes()


CHANGES = changes()


def read_paper(path: Path) -> object:
    """Read a paper account of which the file, or else its log, is spoilt."""
    account = path.with_name("a.json")
    if path != account:
        account.write_bytes(as_json(SNAPSHOT))
    return PaperFile(account, Owner("platform"), PaperOptions()).read(NOW)


READERS: dict[str, tuple[bytes, str, Reader]] = {
    "policy": (POLICY, "p.yaml", load_policy),
    "snapshot": (as_json(SNAPSHOT), "s.json", lambda path: load_document(path, "snapshot")),
    "state": (as_json(STATE), "s.json", lambda path: load_document(path, "state")),
    "tracker": (
        as_json({"positions": SNAPSHOT["tracker"], "last_updated": None}),
        "t.json",
        lambda path: load_document(path, "tracker"),
    ),
    "plan": (as_json(plan_of(ACCOUNT)), "p.json", load_plan),
    "any file": (as_json(plan_of(ACCOUNT)), "p.json", lambda path: validate_paths([path])),
    "credentials": (as_json(KEYS), "k.json", lambda path: read_credentials(f"file:{path}", path.parent, {})),
    "signing key": (
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n",
        "k",
        lambda path: read_signing_key(str(path), path, {}),
    ),
    "signatures": (
        SIGNATURE,
        "p.sig",
        lambda path: list(read_signatures(path.read_bytes().decode("utf-8", "replace"))),
    ),
    "channels": (CHANNELS, "alerts.yaml", read_channels),
    "cases": (CASES, "c.test.yaml", load_cases),
    "alerts": (ALERT, "alerts.jsonl", lambda path: list(AlertLog(path).new())),
    "paper account": (as_json(SNAPSHOT), "a.json", read_paper),
    "paper log": (CHANGES, ".a.json.log", read_paper),
    "rate limit": (bytes(76), "l", lambda path: Level.unpack(path.read_bytes())),
}


WITHOUT_STRUCTURE = {"signing key", "signatures", "rate limit", "paper log"}
STRUCTURED = [kind for kind in READERS if kind not in WITHOUT_STRUCTURE]


def ensure_told(reader: Reader, path: Path, content: bytes) -> None:
    """Read a file: it is used, or what is wrong with it is told; anything else that is raised fails the test."""
    path.write_bytes(content)
    path.chmod(0o600)
    with suppress(ExitplanError):
        reader(path)


@pytest.mark.parametrize("kind", READERS)
@fuzzed()
@given(data=st.data())
def test_spoilt_bytes_are_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content, name, reader = READERS[kind]
    ensure_told(reader, tmp_path / name, data.draw(spoilt_bytes(content)))


@pytest.mark.parametrize("kind", STRUCTURED)
@fuzzed()
@given(data=st.data())
def test_spoilt_structures_are_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content, name, reader = READERS[kind]
    is_yaml = name.endswith(".yaml")
    document = yaml.safe_load(content) if is_yaml else json.loads(content)
    spoilt = data.draw(spoilt_structure(document))
    text = yaml.safe_dump(spoilt).encode() if is_yaml else as_json(spoilt)
    ensure_told(reader, tmp_path / name, text)


@pytest.mark.parametrize("kind", READERS)
def test_large_and_deep_files_are_refused_in_little_memory(tmp_path: Path, kind: str) -> None:
    _, name, reader = READERS[kind]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for content in (
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b"- " * 50_000,
        b"a: &a [1]\n" + b"b: *a\n" * 20_000,
        b"x" * 5_000_000,
    ):
        ensure_told(reader, tmp_path / name, content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_what_is_too_large_or_too_deep_in_a_policy_has_a_line(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    for content, line in ((b"# padding\n" * 500_000, 100_001), (b"".join(b" " * n + b"a:\n" for n in range(200)), 100)):
        path.write_bytes(content)
        with pytest.raises(ExitplanError) as caught:
            load_policy(path)
        assert str(caught.value).startswith(f"{path}:{line}:")
