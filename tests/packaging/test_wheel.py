"""What users install: one package, complete, and undisturbed by folders of the same names beside it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.packaging.wheels import (
    build_sdist,
    build_wheel,
    copy_checkout,
    fill_wheelhouse,
    install,
    make_environment,
    run,
)
from tools.locks import ROOT

ROOMS = ("brokers", "cli", "dropin", "executor", "fleet", "policies", "ruleset", "schemas", "web", "workbench")
HELD = 20
BOT = """
import brokers, cli, executor, ruleset, schemas
from exitplan import LegacyPositionExitProtocol, PositionTracker, get_broker_integration

assert brokers.connect() == executor.connect() == schemas.connect() == "the bot's own"
tracker = PositionTracker("data/positions.json")
protocol = LegacyPositionExitProtocol(tracker, get_broker_integration("paper"), dry_run=True)
print(protocol.run_full_protocol()["phase1_classification"]["total_positions"])
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("clone") / "exitplan")


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_wheelhouse(tmp_path_factory.mktemp("wheelhouse") / "wheels")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    return make_environment(tmp_path / "environment")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A bot whose folders and files have the names of exitplan's rooms."""
    folder = tmp_path / "bot"
    for room in ("brokers", "executor", "schemas"):
        (folder / room).mkdir(parents=True)
        (folder / room / "__init__.py").write_text('def connect():\n    return "the bot\'s own"\n')
    for module in ("cli.py", "ruleset.py"):
        (folder / module).write_text("")
    (folder / "bot.py").write_text(BOT)
    return folder


def files_in(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_the_wheel_has_one_top_level_name(wheel: Path) -> None:
    package, dist_info = sorted({name.split("/")[0] for name in files_in(wheel)})
    assert package == "exitplan"
    assert dist_info.endswith(".dist-info")


def test_the_wheel_has_every_file_of_the_rooms(wheel: Path) -> None:
    rooms = [ROOT / "exitplan", *(ROOT / room for room in ROOMS)]
    files = [path for room in rooms for path in room.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    expected = {path.relative_to(ROOT).as_posix() for path in files}
    expected = {name if name.startswith("exitplan/") else f"exitplan/{name}" for name in expected}
    packed = {name for name in files_in(wheel) if name.startswith("exitplan/")}
    assert packed == expected
    assert {"exitplan/py.typed", "exitplan/brokers/paper/demo-account.json"} <= packed
    assert sum(name.endswith(".schema.json") for name in packed) >= 6
    assert sum(name.endswith(".yaml") for name in packed) >= 5


def test_a_wheel_from_the_source_archive_is_the_same(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    archive = build_sdist(checkout, tmp_path / "sdist")
    assert files_in(build_wheel(archive, tmp_path)) == files_in(wheel)


def test_what_is_installed_works_beside_folders_of_the_same_names(
    wheel: Path, wheelhouse: Path, environment: Path, project: Path
) -> None:
    install(environment, wheelhouse, wheel)
    exitplan = environment.with_name("exitplan")
    run([exitplan, "init", "."], project)
    assert int(run([environment, "bot.py"], project)) == HELD
    assert f"{HELD} positions" in run([exitplan, "plan", "--out", "plan.json"], project)
    assert f"{HELD} positions" in run([environment, "-m", "exitplan", "plan"], project)
    assert "Applied: 16 done." in run([exitplan, "apply", "plan.json"], project)


@pytest.mark.thorough
def test_a_fresh_clone_is_built_and_installed_with_what_its_build_requires(
    checkout: Path, wheel: Path, wheelhouse: Path, environment: Path
) -> None:
    install(environment, wheelhouse, checkout, "--no-deps")
    (site_packages,) = environment.parents[1].glob("lib/python*/site-packages")
    assert all((site_packages / name).is_file() for name in files_in(wheel))
