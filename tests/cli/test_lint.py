"""``exitplan lint``: findings with their places, for people and programs."""

from __future__ import annotations

from pathlib import Path

from jsonschema import Draft7Validator

from exitplan.schemas.policies import SHIPPED
from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp

POLICY = """\
version: 1
name: x
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: "< 10"}}
  - {id: smaller, category: ZOMBIE_LEGACY, when: {value_usd: "< 5"}}
exits:
  - {id: gone, when: {category: LEGACY_NON_COMPLIANT}, action: close}
"""


def write(folder: Path, text: str = POLICY) -> Path:
    path = folder / "x.yaml"
    path.write_text(text.replace('"< 10"', "{lt: 10}").replace('"< 5"', "{lt: 5}"), encoding="utf-8")
    return path


def test_a_finding_has_its_place_and_a_position_that_shows_it(nothing: Path) -> None:
    ran = xp("lint", write(nothing).name)
    lines = ran.out.splitlines()
    assert ran.code == 1
    assert lines[0].startswith("x.yaml:5:5: warning P102: smaller never decides")
    assert any("a position can be ZOMBIE_LEGACY by small and have no exit" in line for line in lines)
    assert "    such as an ordinary position with value_usd " in ran.out
    assert lines[-1] == "1 policy: 3 warnings, 0 for information."


def test_json_fits_its_schema(nothing: Path) -> None:
    ran = xp("lint", write(nothing).name, "--json")
    Draft7Validator(ANSWERS["lint"]()).validate(ran.json)
    assert [finding["code"] for finding in ran.json["findings"]] == ["P102", "P101", "P105"]


def test_shipped_policies_are_found_by_name_and_what_they_inherit_is_told_once() -> None:
    ran = xp("lint", "default", "default")
    assert ran.code == 0
    assert ran.out.count("zombie.unknown-asset") == 1
    assert ran.out.splitlines()[-1] == "2 policies: 0 warnings, 2 for information."


def test_a_policy_that_is_wrong_is_told_as_validate_does(nothing: Path) -> None:
    ran = xp("lint", write(nothing, POLICY.replace("value_usd", "value_us")))
    assert ran.code == 65
    assert "did you mean 'value_usd'" in ran.err


def test_where_there_is_no_policy_nothing_is_clean(nothing: Path) -> None:
    (nothing / "empty").mkdir()
    assert xp("lint", "empty").code == 64


ORG = "version: 1\nname: org\nnever:\n  - {when: {strategy: core}, do: sell, because: the desk manages it}\n"


def test_an_outer_policy_has_invariants_that_no_policy_may_break(nothing: Path) -> None:
    (nothing / "org.yaml").write_text(ORG, encoding="utf-8")
    ran = xp("lint", "default", "conservative", "--under", "org.yaml")
    assert ran.code == 1
    assert ran.out.count("P201: dust would close a position") == 1
    assert "never sell where strategy = core (the desk manages it)" in ran.out
    refused = xp("validate", "--under", "org.yaml", SHIPPED / "conservative.yaml", SHIPPED)
    assert refused.code == 65
    assert refused.out.count("default.yaml:54:5: error: exits[0]: dust would close a position") == 1
    kept = ORG.replace("strategy: core", "protected: true")
    (nothing / "org.yaml").write_text(kept, encoding="utf-8")
    assert xp("validate", "--under", "org.yaml", SHIPPED).code == 0
    (nothing / "org.yaml").write_text("version: 1\nname: org\n", encoding="utf-8")
    assert "has no invariants" in xp("lint", "default", "--under", "org.yaml").err
