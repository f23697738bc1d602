"""Build exitplan as users do, and install it where there is no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from tools.locks import ROOT, read_pins

_BUILD_BACKEND = "import setuptools.build_meta, sys; print(setuptools.build_meta.build_sdist(sys.argv[1]))"
_NOT_CHECKED_OUT = shutil.ignore_patterns(
    ".git",
    ".venv*",
    "build",
    "dist",
    "*.egg-info",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    ".coverage*",
    "data",
    "out",
)


def copy_checkout(target: Path) -> Path:
    """Copy what a fresh clone holds, with its links as links; nothing is built in the checkout itself."""
    return Path(shutil.copytree(ROOT, target, symlinks=True, ignore=_NOT_CHECKED_OUT))


def build_wheel(source: Path, target: Path) -> Path:
    """Build a wheel from a folder or an archive; the build backend is the locked one."""
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target), str(source))
    (wheel,) = target.glob("exitplan-*.whl")
    return wheel


def build_sdist(source: Path, target: Path) -> Path:
    """Build a source archive."""
    target.mkdir()
    run([sys.executable, "-c", _BUILD_BACKEND, str(target)], cwd=source)
    (archive,) = target.glob("exitplan-*.tar.gz")
    return archive


def fill_wheelhouse(folder: Path) -> Path:
    """Pack every installed release that exitplan's locks name into a wheel again, as if it had been downloaded."""
    folder.mkdir()
    for lock in ("build", "runtime"):
        for pin in read_pins((ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")):
            try:
                _pack(metadata.distribution(pin.name), folder)
            except metadata.PackageNotFoundError:
                assert pin.requirement.marker is not None, f"{pin.key} is not installed"
    return folder


def _pack(distribution: metadata.Distribution, folder: Path) -> None:
    tags = HeaderParser().parsestr(distribution.read_text("WHEEL") or "").get_all("Tag", [])
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*(tag.split("-") for tag in tags), strict=True))
    name = distribution.name.replace("-", "_").replace(".", "_")
    with zipfile.ZipFile(folder / f"{name}-{distribution.version}-{tag}.whl", "w") as wheel:
        for file in distribution.files or ():
            if ".." not in file.parts and file.suffix != ".pyc" and file.name not in {"INSTALLER", "REQUESTED"}:
                wheel.write(str(file.locate()), str(file))


def make_environment(folder: Path) -> Path:
    """Make an environment with nothing in it; returns its interpreter."""
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


def install(python: Path, wheelhouse: Path, source: Path, *flags: str) -> None:
    """Install exitplan and what it declares, as pip resolves it, from the wheelhouse alone."""
    offline = ["--no-index", "--find-links", str(wheelhouse), "--no-cache-dir", "--no-compile"]
    pip("--python", str(python), "install", *offline, *flags, str(source))


def pip(*arguments: str) -> None:
    """Run the locked pip."""
    run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments])


def run(command: Iterable[str | Path], cwd: Path | None = None, **environment: str) -> str:
    """Run a command with no variables but these; returns its output, and shows all of it where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
