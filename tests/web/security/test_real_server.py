"""A real server on loopback: over TLS, and with clients that are slow, rude or gone."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from exitplan.executor.metrics.serving import Address
from exitplan.ruleset.errors import ExitplanError
from exitplan.web.serving import Place, Wish, listening, place_of, serving
from tests.web.visit import PASSWORD, Desk


@contextmanager
def served(desk: Desk, wish: Wish = Wish()) -> Iterator[Place]:  # noqa: B008 - it is frozen
    with listening(Address("127.0.0.1", 0)) as (listener, address):
        place = place_of(wish, address)
        known = desk.changed(hosts=place.hosts, is_https=place.is_https)
        with serving(known.app, place, listener):
            yield place


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "chain.pem").write_bytes(made.public_bytes(kind))
    (folder / "key.pem").write_bytes(key.private_bytes(kind, form, serialization.NoEncryption()))
    return folder / "chain.pem", folder / "key.pem"


def test_over_tls_somebody_logs_in_and_the_cookie_stays_sealed(desk: Desk, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    with served(desk, Wish(certificate=chain, key=key)) as place:
        url = f"https://localhost:{place.address.port}"
        with httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=str(chain)), timeout=20) as client:
            page = client.get("/login")
            mark = page.text.split('name="csrf" value="')[1][:64]
            fields = {"csrf": mark, "name": "anna", "password": PASSWORD}
            answer = client.post("/login", data=fields, headers={"Origin": url})
            assert answer.status_code == 303
            assert client.cookies["__Host-exitplan"]
            assert client.get("/test/look").status_code == 200
            assert "strict-transport-security" in answer.headers


def test_what_is_no_certificate_is_told(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    wish = Wish(certificate=tmp_path / "x.pem", key=tmp_path / "x.pem")
    with pytest.raises(ExitplanError, match="the certificate or its key cannot be used"), served(desk, wish):
        pass


def test_an_address_that_is_taken_is_told() -> None:
    taken = listening(Address("127.0.0.1", 0))
    with taken as (_, address), pytest.raises(ExitplanError, match="cannot listen on"), listening(address):
        pass


def test_who_is_slow_rude_or_gone_disturbs_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.web.security.guard.LONGEST", 0.2)
    with served(desk) as place:
        where = (place.address.host, place.address.port)
        head = f"POST /login HTTP/1.1\r\nHost: {place.address}\r\nContent-Length: 100\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        with socket.create_connection(where, 20) as rude, socket.create_connection(where, 20) as gone:
            rude.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
            gone.sendall(f"{head}{kind}half".encode())
            gone.close()
            with socket.create_connection(where, 20) as slow:
                slow.sendall(f"{head}{kind}half".encode())
                answer = slow.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 400")
            assert httpx.get(f"{place.url}/login", timeout=20).status_code == 200


def send_again(connection: socket.socket, what: bytes, times: int, pause: float = 0) -> None:
    for _ in range(times):
        connection.sendall(what)
        time.sleep(pause)


def ended(connection: socket.socket) -> bool:
    """Wait until the other side has ended a connection."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("said", ["", "GET /login HTTP/1.1\r\nHost: x\r\n"])
def test_who_never_asks_gives_up_the_place_to_others(desk: Desk, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr("exitplan.web.connections.LONGEST_HEAD", 0.2)
    with served(desk) as place, socket.create_connection((place.address.host, place.address.port), 10) as idle:
        idle.sendall(said.encode())
        assert ended(idle)


def test_a_head_that_dribbles_in_after_an_answer_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.web.connections.LONGEST_HEAD", 0.2)
    with served(desk) as place, socket.create_connection((place.address.host, place.address.port), 10) as slow:
        slow.sendall(f"HEAD /static/icon.svg HTTP/1.1\r\nHost: {place.address}\r\n\r\n".encode())
        assert slow.recv(65_536).startswith(b"HTTP/1.1 200")
        slow.sendall(b"GET / HTTP")
        assert ended(slow)


def test_a_body_that_dribbles_in_after_its_answer_holds_no_place(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.web.connections.LONGEST_HEAD", 0.3)
    with served(desk) as place, socket.create_connection((place.address.host, place.address.port), 10) as slow:
        slow.sendall(f"POST /nothing HTTP/1.1\r\nHost: {place.address}\r\nContent-Length: 9000\r\n\r\n".encode())
        assert slow.recv(65_536).startswith(b"HTTP/1.1 404")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_again(slow, b"x", 40, pause=0.05)


def test_who_asks_and_never_reads_holds_no_place(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.web.connections.LONGEST_PAUSE", 0.3)
    with served(desk) as place, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(5)
        deaf.connect((place.address.host, place.address.port))
        asked = f"GET /static/exitplan.css HTTP/1.1\r\nHost: {place.address}\r\n\r\n".encode()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_again(deaf, asked * 10, 10_000)
