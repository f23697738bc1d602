"""Prove that the locks in ``requirements/`` are closed: ``python -m tools.locks``, without network.

A lock is closed where everything that a locked package requires is locked too, in a version that satisfies it, on every
supported Python and system. A package for another system is not installed here, so ``requirements/metadata.json`` holds
what each locked release requires, as published; ``--update`` reads it from the index, and the check compares it with
what is installed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

GROUPS = (
    ("build",),
    ("build", "runtime"),
    ("build", "runtime", "dev"),
    ("build", "runtime", "dev", "bench"),
    ("build", "runtime", "dev", "lock"),
)
"""The sets that are installed together; each has to be closed by itself."""

PYTHONS = ("3.11.0", "3.12.0", "3.13.0")
SYSTEMS = (
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "x86_64"),
    ("darwin", "Darwin", "arm64"),
)

Requires = Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock: a requirement for exactly one version, perhaps only in some environments."""

    requirement: Requirement

    @property
    def name(self) -> str:
        """Return the normalised name."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """Return the one version that is allowed."""
        return next(iter(self.requirement.specifier)).version

    @property
    def key(self) -> str:
        """Return the key of this release in the metadata."""
        return f"{self.name}=={self.version}"

    def is_for(self, environment: Mapping[str, str]) -> bool:
        """Check that the line is installed in this environment."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(dict(environment))


def read_pins(text: str) -> list[Pin]:
    """Read the lines of a lock that name a release; hashes and comments are ignored."""
    lines = (line.split(" \\")[0].strip() for line in text.splitlines())
    return [Pin(Requirement(line)) for line in lines if line and not line.startswith(("#", "--hash"))]


def environments() -> Iterator[dict[str, str]]:
    """Yield the marker environment of each supported Python on each supported system."""
    for python in PYTHONS:
        for sys_platform, system, machine in SYSTEMS:
            yield {
                "implementation_name": "cpython",
                "implementation_version": python,
                "os_name": "posix",
                "platform_machine": machine,
                "platform_python_implementation": "CPython",
                "platform_release": "",
                "platform_system": system,
                "platform_version": "",
                "python_full_version": python,
                "python_version": python.rpartition(".")[0],
                "sys_platform": sys_platform,
                "extra": "",
            }


def find_gaps(roots: Sequence[str], pins: Iterable[Pin], requires: Requires) -> list[str]:
    """Return what the roots and the locked packages require but the lock lacks, each with its origin."""
    lines, gaps = list(pins), dict[str, list[str]]()
    for environment in environments():
        where = "Python {python_version} on {sys_platform} {platform_machine}".format(**environment)
        for gap in dict.fromkeys(_gaps_in(environment, roots, lines, requires)):
            gaps.setdefault(gap, []).append(where)
    return [
        f"{gap} ({places[0]}{f' and {len(places) - 1} more' if places[1:] else ''})" for gap, places in gaps.items()
    ]


def _gaps_in(
    environment: Mapping[str, str], roots: Sequence[str], pins: list[Pin], requires: Requires
) -> Iterator[str]:
    locked = {pin.name: pin for pin in pins if pin.is_for(environment)}
    asked = [("pyproject.toml", _parsed(root), "") for root in roots]
    asked += [(pin.key, _parsed(one), "") for pin in locked.values() for one in requires.get(pin.key, ())]
    asked += [
        (pin.key, _parsed(one), extra)
        for pin in locked.values()
        for extra in pin.requirement.extras
        for one in requires.get(pin.key, ())
    ]
    seen: set[tuple[str, str]] = set()
    while asked:
        who, requirement, extra = asked.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        pin = locked.get(name)
        if pin is None:
            yield f"{who} requires {requirement}, which is not locked"
            continue
        if not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{who} requires {requirement}, but {pin.version} is locked"
        for wanted in requirement.extras:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                asked += [(f"{pin.key}[{wanted}]", _parsed(one), wanted) for one in requires.get(pin.key, ())]


@cache
def _parsed(text: str) -> Requirement:
    return Requirement(text)


def find_problems(root: Path = ROOT) -> list[str]:
    """Return every gap in the locks, and every difference between their metadata and what is installed."""
    locks = {name: read_pins(path.read_text(encoding="utf-8")) for name, path in _lock_files(root).items()}
    requires = json.loads((root / "requirements" / "metadata.json").read_text(encoding="utf-8"))
    keys = {pin.key for pins in locks.values() for pin in pins}
    problems = [f"metadata.json lacks {key}: run make lock" for key in sorted(keys - requires.keys())]
    problems += [
        f"metadata.json names {key}, which no lock holds: run make lock" for key in sorted(requires.keys() - keys)
    ]
    for name in sorted(keys & requires.keys()):
        problems += _disagreements(name, requires[name])
    for group in GROUPS:
        pins = [pin for name in group for pin in locks[name]]
        problems += _conflicts(pins)
        problems += find_gaps([one for name in group for one in _roots(root, name)], pins, requires)
    return list(dict.fromkeys(problems))


def _conflicts(pins: list[Pin]) -> list[str]:
    versions: dict[str, set[str]] = {}
    for pin in pins:
        versions.setdefault(pin.name, set()).add(pin.version)
    return [f"{name} is locked twice: {', '.join(sorted(some))}" for name, some in versions.items() if len(some) > 1]


def _disagreements(key: str, requires: list[str]) -> list[str]:
    name, _, version = key.partition("==")
    try:
        installed = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return []
    if installed.version == version and sorted(installed.requires or []) != sorted(requires):
        return [f"metadata.json tells other requirements of {key} than the installed package: run make lock"]
    return []


def _roots(root: Path, name: str) -> list[str]:
    """Return what a set is resolved from: the project's own dependencies, or one of its dependency groups."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    if name == "runtime":
        return list(project["project"]["dependencies"])
    return [one for one in project["dependency-groups"][name] if isinstance(one, str)]


def _lock_files(root: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((root / "requirements").glob("*.txt"))}


def read_metadata(pins: Iterable[Pin]) -> dict[str, list[str]]:
    """Fetch each locked release, including those for other systems, and read what it requires."""
    published: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for key in sorted({pin.key for pin in pins}):
            published[key] = _published(key, Path(folder) / key)
    return published


def _published(key: str, folder: Path) -> list[str]:
    name, _, version = key.partition("==")
    try:
        installed = metadata.distribution(name)
        if installed.version == version:
            return sorted(installed.requires or [])
    except metadata.PackageNotFoundError:
        pass
    options = ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--quiet"]
    download = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), key]
    if subprocess.run(download, check=False, stderr=subprocess.DEVNULL).returncode:  # noqa: S603 - our own command
        # A package for another system only.
        subprocess.run([*download, "--platform=win_amd64"], check=True)  # noqa: S603 - as above
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        path = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(wheel.read(path).decode("utf-8"))
    return sorted(headers.get_all("Requires-Dist") or [])


def main() -> int:
    """Check the locks, or renew the metadata beside them; return 1 if a lock has a gap."""
    parser = argparse.ArgumentParser(prog="python -m tools.locks", description="Prove that the locks are closed.")
    parser.add_argument("--update", action="store_true", help="renew requirements/metadata.json from the index")
    if parser.parse_args().update:
        pins = [pin for path in _lock_files(ROOT).values() for pin in read_pins(path.read_text(encoding="utf-8"))]
        text = json.dumps(read_metadata(pins), indent=1, sort_keys=True)
        (ROOT / "requirements" / "metadata.json").write_text(f"{text}\n", encoding="utf-8")
        return 0
    problems = find_problems()
    for problem in problems:
        print(f"locks: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
