"""Where the keys to a live venue come from, and how they are kept out of sight.

An account file names credentials and never holds them: ``env:NAME``, ``keyring:NAME`` or ``file:PATH``. No
message of this module repeats a value, an unknown key or a line of a file: any of them may be a secret that
stands in the wrong place.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never, final

from exitplan.ruleset.errors import CredentialsMissing
from exitplan.ruleset.language.problems import nearest
from exitplan.schemas.loading.diagnostics import FileHasProblems, Source
from exitplan.schemas.loading.json_loader import json_document, parse_json
from exitplan.schemas.loading.text import decoded, display_name
from exitplan.schemas.loading.yaml_loader import Document, parse_yaml

MOST_BYTES = 65_536
"""The largest credentials file that is read."""

FIELDS = ("api_key", "api_secret", "api_password")
REQUIRED = FIELDS[:2]
COINBASE_FIELDS = {"name": "api_key", "privateKey": "api_secret"}
"""The keys of the file that Coinbase lets its users download, and what they are here."""

_FORMS = "write env:NAME, keyring:NAME or file:PATH"
_WORD = re.compile(r"[A-Za-z0-9+=]{16,}")
_LONG_WORD = 24
"""Letters of one case and digits without a break: a name has hyphens or underscores somewhere."""
_UUID = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PEM = "-----BEGIN "
_LINE_BREAK = re.compile(r"(?:\\r)?\\n|\r\n?")
_FOREIGN = {
    "api_key": re.compile(r"[^!-~]"),
    "api_secret": re.compile(r"[^!-~]"),
    "api_password": re.compile(r"[^ -~]"),
}
_FOREIGN_IN_PEM = re.compile(r"[^ -~\n]")


@final
class Secret:
    """A text that shows itself only where :meth:`reveal` is called; it cannot be pickled, copied or dumped."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself, for a signature or a request and nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "[hidden]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce_ex__(self, _protocol: object) -> Never:
        raise TypeError("a secret cannot be pickled or copied")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a venue asks of a client; ``reference`` is where it was read from and holds nothing secret.

    ``api_password`` is the passphrase that some venues want beside key and secret.
    """

    reference: str
    api_key: Secret
    api_secret: Secret
    api_password: Secret | None = None

    def fingerprint(self) -> str:
        """Identify this API key among others, in any process; the key cannot be worked out from it."""
        return hashlib.blake2b(self.api_key.reveal().encode(), person=b"exitplan", digest_size=12).hexdigest()

    def secrets(self) -> tuple[Secret, ...]:
        """List all that must never be shown."""
        return tuple(secret for secret in (self.api_key, self.api_secret, self.api_password) if secret is not None)


def read_credentials(reference: str, base: Path, environ: Mapping[str, str]) -> Credentials:
    """Read the credentials that an account file refers to.

    ``env:NAME`` reads the variables NAME_API_KEY, NAME_API_SECRET and NAME_API_PASSWORD of ``environ``,
    ``keyring:NAME`` the users api_key, api_secret and api_password of that service in the system's keyring,
    ``file:PATH`` a JSON or YAML mapping, relative to ``base``, that nobody else may read. The password may be
    absent. Raises CredentialsMissing naming what is missing or wrong, never a value.
    """
    kind, _, name = reference.partition(":")
    reader = _READERS.get(kind)
    if reader is None or not name.strip():
        # What stands there is not repeated: it may be a key that was pasted in place of a reference.
        raise CredentialsMissing("the account's credentials are not a reference", hint=_FORMS)
    is_there = kind == "file" and os.path.exists(base / name.strip())  # noqa: PTH110 - a NUL in it is no error here
    if not is_there and looks_secret(name):
        raise CredentialsMissing(f"what follows {kind}: looks like a key or a secret itself", hint=_FORMS)
    return reader(name.strip(), base, environ)


def looks_secret(name: str) -> bool:
    """Check whether a key or a secret was pasted in place of the name of where it is."""
    if _PEM in name:
        return True
    return any(_is_random(word) for word in _WORD.findall(name)) or _UUID.search(name) is not None


def _is_random(word: str) -> bool:
    has_digit, has_lower, has_upper = (any(map(is_one, word)) for is_one in (str.isdigit, str.islower, str.isupper))
    return has_digit and ((has_lower and has_upper) or len(word) >= _LONG_WORD)


def _from_environment(name: str, _base: Path, environ: Mapping[str, str]) -> Credentials:
    if not VARIABLE.fullmatch(name):
        raise CredentialsMissing("what follows env: is not the name of a variable", hint="write it as in env:KRAKEN")
    variables = {field: f"{name}_{field.upper()}" for field in FIELDS}
    values = {field: environ.get(variable) for field, variable in variables.items()}
    exports = ", ".join(f"export {variables[field]}=..." for field in REQUIRED)
    return _credentials(
        f"env:{name}",
        values,
        lambda field: f"the environment variable {variables[field]}",
        hint=f"set it in the shell that runs exitplan: {exports}",
    )


def ask_keyring(name: str, users: Iterable[str]) -> dict[str, str | None]:
    """Ask the system's keyring for what it holds of users of a service; raises CredentialsMissing."""
    try:
        import keyring  # noqa: PLC0415 - only who keeps keys there needs the package
    except ImportError:
        raise CredentialsMissing("the Python package keyring is not installed", hint="pip install keyring") from None
    failure = None
    values: dict[str, str | None] = {}
    try:
        values = {user: keyring.get_password(name, user) for user in users}
    except Exception as error:  # noqa: BLE001 - the keyring's backends are plug-ins and raise what they like
        failure = type(error).__name__
    if failure is not None:
        hint = "unlock the keyring, or use env: or file: where there is none"
        raise CredentialsMissing(f"the keyring cannot be asked for {_service(name)} ({failure})", hint=hint)
    return values


def _from_keyring(name: str, _base: Path, _environ: Mapping[str, str]) -> Credentials:
    values, service = ask_keyring(name, FIELDS), _service(name)
    return _credentials(
        f"keyring:{name}",
        values,
        lambda field: f"{field} of {service} in the keyring",
        hint=f"keyring set {service} api_key, and the same for api_secret",
    )


def _service(name: str) -> str:
    return shlex.quote(display_name(Path(name)))


def _from_file(name: str, base: Path, _environ: Mapping[str, str]) -> Credentials:
    try:
        path = base / Path(name).expanduser()
    except RuntimeError:
        raise CredentialsMissing("the home folder in the path of the credentials file cannot be found") from None
    shown = display_name(path)
    values = _named_values(_document(read_private(path, shown), path.suffix, shown), shown)
    return _credentials(f"file:{shown}", values, lambda field: f"{field} in {shown}")


def read_private(path: Path, shown: str, what: str = "credentials file") -> bytes:
    """Read a file that is ours alone; what is checked is the open file, so that nobody can swap it in between.

    ``what`` it is is told in messages. Raises CredentialsMissing.
    """
    try:
        # Without O_NONBLOCK a named pipe would let us wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is not possible"
        raise CredentialsMissing(f"the {what} {shown} cannot be opened: {reason}") from None
    try:
        _check_private(os.fstat(descriptor), f"{what} {shown}", shown)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise CredentialsMissing(f"the {what} {shown} is larger than {MOST_BYTES:,} bytes")
    return content


def _check_private(status: os.stat_result, named: str, shown: str) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise CredentialsMissing(f"the {named} is not a regular file")
    if status.st_uid != os.geteuid():
        hint = "copy it to a file of your own, with mode 0600"
        raise CredentialsMissing(f"the {named} belongs to another user", hint=hint)
    if mode & 0o077:
        hint = f"chmod 600 {shlex.quote(shown)}"
        raise CredentialsMissing(f"the {named} is open to others (mode {mode:04o})", hint=hint)


def _document(content: bytes, suffix: str, shown: str) -> Document:
    try:
        source = decoded(content, shown)
        if suffix == ".json" or (suffix not in {".yaml", ".yml"} and source.text.lstrip().startswith("{")):
            return _json(source)
        return parse_yaml(content, shown)
    except FileHasProblems as error:
        first = error.diagnostics[0]
        where, twice = first.mark, "is there twice" in first.message
    # Only the place is told, and outside the except, so that no traceback leads to a line of the file.
    what = "a key is there twice" if twice else "it cannot be read as JSON or YAML text"
    raise CredentialsMissing(f"{where}: {what}")


def _json(source: Source) -> Document:
    return json_document(source, parse_json(source))


def _named_values(document: Document, shown: str) -> dict[str, str | None]:
    """Return the values of a file by our names for them."""
    entries = document.value
    if not isinstance(entries, dict):
        raise CredentialsMissing(f"{shown} does not hold a mapping", hint="write api_key: ... and api_secret: ...")
    names = COINBASE_FIELDS if COINBASE_FIELDS.keys() & entries.keys() else {field: field for field in FIELDS}
    for key in entries:
        if key not in names:
            raise _unknown_key(document, key, names)
    return {names[key]: _text(document, key, value) for key, value in entries.items()}


def _unknown_key(document: Document, key: str, names: Iterable[str]) -> CredentialsMissing:
    near = nearest(key, names)
    known = f"it may hold {', '.join(names)} and nothing else"
    mark = document.marks[(key,)].key or document.marks[(key,)]
    return CredentialsMissing(f"{mark}: unknown key", hint=f"did you mean {near!r}?" if near else known)


def _text(document: Document, key: str, value: Any) -> str | None:  # noqa: ANN401 - any JSON or YAML value
    if value is None or isinstance(value, str):
        return value
    raise CredentialsMissing(f"{document.marks[(key,)]}: {key} is not text", hint="put the value in quotes")


def _credentials(
    reference: str, values: Mapping[str, str | None], place: Callable[[str], str], hint: str | None = None
) -> Credentials:
    """Clean and check what was found; ``place`` words where a field is looked for."""
    clean = {field: restored(text) for field, text in values.items() if text is not None}
    missing = [
        f"{place(field)} {'is empty' if field in clean else 'is missing'}" for field in REQUIRED if not clean.get(field)
    ]
    if missing:
        raise CredentialsMissing("; ".join(missing), hint=hint)
    for field, text in clean.items():
        if (wrong := _complaint(field, text)) is not None:
            raise CredentialsMissing(f"{place(field)} {wrong}", hint="copy it from the venue again")
    password = clean.get("api_password")
    return Credentials(
        reference, Secret(clean["api_key"]), Secret(clean["api_secret"]), Secret(password) if password else None
    )


def _complaint(field: str, text: str) -> str | None:
    """Return what is wrong with a value, without any of its characters."""
    is_pem = field == "api_secret" and text.startswith(_PEM)
    foreign = (_FOREIGN_IN_PEM if is_pem else _FOREIGN[field]).search(text)
    if foreign is not None:
        return f"holds a blank, invisible or foreign character at position {foreign.start() + 1}"
    if is_pem and "-----END " not in text:
        return "is cut off: it begins as a PEM text and does not end as one"
    return None


def restored(text: str) -> str:
    """Strip what surrounds a value, and give a PEM text its lines back that a variable could not hold."""
    stripped = text.strip()
    return _LINE_BREAK.sub("\n", stripped).strip() if stripped.startswith(_PEM) else stripped


_READERS: Mapping[str, Callable[[str, Path, Mapping[str, str]], Credentials]] = {
    "env": _from_environment,
    "keyring": _from_keyring,
    "file": _from_file,
}
