"""No secret comes through, in whatever form it stands in a text."""

from __future__ import annotations

import base64
import html
import json
import pickle
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitplan.brokers.live.credentials import Credentials, Secret
from exitplan.brokers.live.redaction import MASK, Redactor

PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
SECRETS = st.text(PRINTABLE, min_size=8, max_size=88).filter(lambda text: text not in MASK)
BODY = st.text("ABCDEFxyz0189+/", min_size=64, max_size=64)
PEMS = st.lists(BODY, min_size=1, max_size=4).map(
    lambda lines: "\n".join(["-----BEGIN EC PRIVATE KEY-----", *lines, "Zz09==", "-----END EC PRIVATE KEY-----"])
)

FORMS: list[Callable[[str], str]] = [
    str,
    lambda value: json.dumps({"k": value}),
    lambda value: json.dumps({"k": value}).replace("/", "\\/"),
    lambda value: json.dumps(json.dumps({"k": value})),
    lambda value: repr({"k": value}),
    lambda value: value.replace("\n", "\\n"),
    lambda value: value.replace("\n", "\r\n"),
    quote,
    quote_plus,
    lambda value: quote(value, safe="").lower() if value.islower() else quote(value, safe=""),
    lambda value: urlencode({"k": value}),
    lambda value: base64.b64encode(value.encode()).decode(),
    lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
]

MANGLED: dict[str, Callable[[str], str]] = {
    "HTML by number": lambda value: "".join(f"&#{ord(letter)};" for letter in value),
    "HTML by hexadecimal number": lambda value: "".join(f"&#x{ord(letter):X};" for letter in value),
    "HTML, what must be": lambda value: html.escape(value).replace("/", "&#x2F;").replace("+", "&#43;"),
    "JSON by number": lambda value: "".join(f"\\u{ord(letter):04x}" for letter in value),
    "JSON in JSON": lambda value: json.dumps(json.dumps("".join(f"\\u{ord(letter):04x}" for letter in value))),
    "Python's bytes": lambda value: "".join(f"\\x{ord(letter):02x}" for letter in value),
    "every character of an address": lambda value: "".join(f"%{ord(letter):02X}" for letter in value),
    "twice so": lambda value: "".join(f"%25{ord(letter):02x}" for letter in value),
    "hexadecimal": lambda value: value.encode().hex(),
    "HEXADECIMAL": lambda value: value.encode().hex().upper(),
    "hexadecimal by pairs": lambda value: value.encode().hex(" "),
    "its bytes in hexadecimal": lambda value: base64.b64decode(value + "=" * (-len(value) % 4)).hex(),
    "upper case": str.upper,
    "lower case": str.lower,
    "over lines": lambda value: "\n  ".join(value[start : start + 9] for start in range(0, len(value), 9)),
    "as quoted parts": lambda value: '" + "'.join(value[start : start + 5] for start in range(0, len(value), 5)),
    "by hyphens": "-".join,
    "without its end": lambda value: value[: len(value) // 2] + "...",
    "without its beginning": lambda value: "..." + value[len(value) // 2 :],
    "its middle": lambda value: value[8:28],
}


def redactor(secret: str, key: str = "some-key", password: str | None = None) -> Redactor:
    return Redactor(Credentials("env:k", Secret(key), Secret(secret), Secret(password) if password else None))


@pytest.mark.parametrize("form", FORMS)
@given(secret=SECRETS | PEMS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_secret_is_taken_out_in_every_form(form: Callable[[str], str], secret: str, before: str, after: str) -> None:
    cleaned = redactor(secret)(f"{before}{form(secret)}{after}")
    assert not any(secret in piece or form(secret) in piece for piece in cleaned.split(MASK))
    assert MASK in cleaned


@pytest.mark.parametrize("mangle", MANGLED.values(), ids=MANGLED)
@given(raw=st.binary(min_size=36, max_size=64))
def test_a_secret_is_taken_out_however_it_is_spelled_or_cut(mangle: Callable[[str], str], raw: bytes) -> None:
    secret = base64.b64encode(raw).decode().rstrip("=")
    said = mangle(secret)
    cleaned = redactor(secret)(f"the venue says: 9. {said} .9")
    assert MASK in cleaned
    signs = len(secret) - len(secret.strip("+/"))  # at its ends they may stay, each with up to twelve characters
    assert len(cleaned.replace(MASK, "")) <= len("the venue says: 9.  .9") + 20 + 12 * signs


@given(secret=SECRETS, texts=st.lists(st.text(PRINTABLE, max_size=6), max_size=4), data=st.data())
def test_no_secret_is_left_wherever_and_however_often_it_stands(
    secret: str, texts: list[str], data: st.DataObject
) -> None:
    text = "".join(data.draw(st.permutations([*texts, secret, secret[: len(secret) // 2], secret])))
    assert not any(secret in piece for piece in redactor(secret)(text).split(MASK))


@given(lines=st.lists(BODY, min_size=2, max_size=4, unique=True))
def test_one_line_of_a_pem_text_is_a_secret_too(lines: list[str]) -> None:
    pem = "\n".join(["-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----"])
    cleaned = redactor(pem)(f"could not read {lines[1]} of {' '.join(lines)}: {''.join(lines)}")
    assert not any(line in piece for line in lines for piece in cleaned.split(MASK))


@given(prefix=st.binary(max_size=5), suffix=st.binary(max_size=5), secret=SECRETS)
def test_a_secret_inside_a_longer_base64_text_is_taken_out(prefix: bytes, suffix: bytes, secret: str) -> None:
    encoded = base64.b64encode(prefix + secret.encode() + suffix).decode()
    assert MASK in redactor(secret)(encoded)


def test_secrets_that_overlap_leave_no_end_behind() -> None:
    assert redactor("ABCDABCD")("xABCDABCDABCDx") == f"x{MASK}x"


def test_key_secret_and_password_are_all_taken_out() -> None:
    cleaned = redactor("the-secret", key="the-key", password="a pass phrase")  # noqa: S106 - stands in for one
    assert cleaned("the-key the-secret 'a pass phrase' a+pass+phrase") == f"{MASK} {MASK} '{MASK}' {MASK}"


def test_a_text_without_secrets_stays_as_it_is() -> None:
    text = 'kraken {"error":["EAPI:Invalid signature"]} for BTC/USD: design=3, key in line 4, password unknown, 100 %'
    assert redactor("abcdefgh")(text) == text


SIGNED = [
    ("GET /api/v3/order?symbol=BTCUSDT&signature=0a1b2c&x=1", "GET /api/v3/order?symbol=BTCUSDT&signature=*&x=1"),
    ("https://v/order?sign=Zm9v%3D", "https://v/order?sign=*"),
    ("{'API-Key': 'abc', 'API-Sign': 'x/y+z=='}", "{'API-Key': '*', 'API-Sign': '*'}"),
    ("{'API-Sign': b'x/y+z=='}", "{'API-Sign': b'*'}"),
    ('{"OK-ACCESS-PASSPHRASE":"pp","OK-ACCESS-SIGN":"s\\/t="}', '{"OK-ACCESS-PASSPHRASE":"*","OK-ACCESS-SIGN":"*"}'),
    ('"{\\"signature\\": \\"abc\\"}"', '"{\\"signature\\": \\"*\\"}"'),
    ("X-BAPI-SIGN: 99aa\r\nX-BAPI-TIMESTAMP: 5", "X-BAPI-SIGN: *\r\nX-BAPI-TIMESTAMP: 5"),
    ("APCA-API-SECRET-KEY=abc;APCA-API-KEY-ID=def", "APCA-API-SECRET-KEY=*;APCA-API-KEY-ID=*"),
    ("Authorization: Bearer abc.def.ghi\nAccept: x", "Authorization: *\nAccept: x"),
    ("{'Authorization': 'Basic dTpw', 'Accept': 'x'}", "{'Authorization': '*', 'Accept': 'x'}"),
    ("sent bearer 0123456789abcdef01", "sent bearer *"),
    ("token eyJhbGciOi.eyJzdWIiOi.c2ln-_x expired", "token * expired"),
]


@pytest.mark.parametrize(("text", "cleaned"), SIGNED)
def test_what_is_signed_is_taken_out_without_knowing_it(text: str, cleaned: str) -> None:
    assert Redactor(None)(text) == cleaned.replace("*", MASK)


@given(text=st.lists(st.sampled_from([text for text, _ in SIGNED]) | st.text()).map(" ".join), secret=SECRETS)
def test_what_is_clean_stays_as_it_is(text: str, secret: str) -> None:
    cleaned = redactor(secret)(text)
    assert redactor(secret)(cleaned) == cleaned


def test_a_redactor_shows_nothing_of_what_it_knows() -> None:
    knowing = redactor("the-secret")
    assert "the-secret" not in repr(knowing)
    with pytest.raises(TypeError):
        pickle.dumps(knowing)


@pytest.mark.parametrize("part", ["a-", "eyJ-", "eyJ.", "sign ", "authorization", "bearer ", "\\", "key_"])
def test_no_reply_makes_it_slow(part: str) -> None:
    started = time.process_time()
    redactor("the-secret", password="a" * 40)(part * 20_000)
    assert time.process_time() - started < 2
