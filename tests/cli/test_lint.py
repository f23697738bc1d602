"""``exitplan lint``: findings with their places, for people and programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.policies import SHIPPED
from exitplan.schemas.shapes.answers import ANSWERS
from exitplan.workbench.lint import CHECKS
from tests.cli.conftest import xp

POLICY = """\
version: 1
name: x
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 10}}}
  - {id: smaller, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}}
  - {id: odd, category: ZOMBIE_LEGACY, when: {tracked: false}}   # exitplan: ignore P111 because nothing is odd here
exits:
  - {id: gone, when: {category: LEGACY_NON_COMPLIANT}, action: close}
"""


def write(folder: Path, text: str = POLICY) -> Path:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_finding_has_its_place_and_a_position_that_shows_it(nothing: Path) -> None:
    ran = xp("lint", write(nothing).name)
    lines = ran.out.splitlines()
    assert ran.code == 1
    assert lines[0].startswith("x.yaml:5:5: warning P102: smaller never decides")
    assert any(line.startswith("x.yaml:7:1: warning P105: a position can be ZOMBIE_LEGACY by odd") for line in lines)
    assert "    such as an ordinary position with tracked false, " in ran.out
    assert lines[-1] == "1 policy: 4 warnings, 0 for information."


def test_json_fits_its_schema(nothing: Path) -> None:
    silent = POLICY.replace("nothing is odd here", "x").replace("P111", "P105 of exits")
    ran = xp("lint", write(nothing, silent).name, "--json")
    Draft7Validator(ANSWERS["lint"]()).validate(ran.json)
    assert [finding["code"] for finding in ran.json["findings"]] == ["P102", "P106"]
    assert [finding["rule"] for finding in ran.json["findings"]] == ["smaller", "gone"]
    assert [(one["code"], one["because"], one["comment_line"]) for one in ran.json["ignored"]] == [("P105", "x", 6)]


def test_shipped_policies_are_found_by_name_and_what_they_inherit_is_told_once() -> None:
    ran = xp("lint", "default", "default", "published")
    assert ran.code == 0
    assert ran.out.splitlines() == ["3 policies: nothing found, 5 ignored with a reason."]


def test_a_policy_that_is_wrong_is_told_as_validate_does(nothing: Path) -> None:
    ran = xp("lint", write(nothing, POLICY.replace("value_usd", "value_us")))
    assert ran.code == 65
    assert "did you mean 'value_usd'" in ran.err


def test_where_there_is_no_policy_nothing_is_clean(nothing: Path) -> None:
    (nothing / "empty").mkdir()
    assert xp("lint", "empty").code == 64


def test_github_shows_each_finding_at_its_line(nothing: Path) -> None:
    ran = xp("lint", write(nothing).name, "--format", "github")
    assert ran.out.splitlines()[0] == (
        "::warning file=x.yaml,line=5,col=5,title=P102 never-decides::"
        "smaller never decides: all it matches is decided by small before it"
    )


# --- SARIF ---

MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "name", "shortDescription", "help", "defaultConfiguration"],
    "properties": {
        "id": {"pattern": "^P[0-9]{3}$"},
        "name": {"pattern": "^[A-Z][A-Za-z]+$"},
        "shortDescription": MESSAGE,
        "fullDescription": MESSAGE,
        "help": MESSAGE,
        "defaultConfiguration": {"required": ["level"], "properties": {"level": {"enum": ["warning", "note"]}}},
    },
}
REGION = {"required": ["startLine", "startColumn"], "additionalProperties": {"type": "integer", "minimum": 1}}
RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "suppressions"],
    "properties": {
        "ruleId": {"pattern": "^P[0-9]{3}$"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["warning", "note"]},
        "message": MESSAGE,
        "locations": {
            "minItems": 1,
            "items": {
                "required": ["physicalLocation"],
                "properties": {
                    "physicalLocation": {
                        "required": ["artifactLocation", "region"],
                        "properties": {
                            "artifactLocation": {
                                "required": ["uri"],
                                "properties": {"uri": {"format": "uri-reference"}},
                            },
                            "region": REGION,
                        },
                    }
                },
            },
        },
        "suppressions": {"items": {"required": ["kind"], "properties": {"kind": {"enum": ["inSource", "external"]}}}},
    },
}
SARIF: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema", "version", "runs"],
    "properties": {
        "$schema": {"format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {
            "minItems": 1,
            "items": {
                "additionalProperties": False,
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {"rules": {"uniqueItems": True, "items": RULE}},
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"items": RESULT},
                },
            },
        },
    },
}
"""What lint uses of the schema of SARIF 2.1.0 (OASIS), which it was checked against as well."""


def test_sarif_has_every_finding_at_its_place_with_its_rule_and_what_is_ignored_as_suppressed(nothing: Path) -> None:
    silent = POLICY.replace("nothing is odd here", "that is so").replace("P111", "P105 of exits")
    log = json.loads(xp("lint", write(nothing, silent).name, "--format", "sarif").out)
    Draft7Validator(SARIF).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [code.value for code in CHECKS]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    first, second, third = run["results"]
    assert (first["ruleId"], first["level"], first["suppressions"]) == ("P102", "warning", [])
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "x.yaml"},
        "region": {"startLine": 5, "startColumn": 5},
    }
    assert "such as an ordinary position" in third["message"]["text"]
    assert (second["suppressions"], third["suppressions"]) == (
        [],
        [{"kind": "inSource", "justification": "that is so"}],
    )


# --- --fix ---


def test_fix_shows_how_a_file_changes_and_writes_it(nothing: Path) -> None:
    path = write(nothing)
    ran = xp("lint", path.name, "--fix")
    text = path.read_text(encoding="utf-8")
    assert "-  - {id: smaller, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}}" in ran.out.splitlines()
    assert "x.yaml: 2 findings mended; proved to do the same with every position" in ran.out
    assert "smaller" not in text
    assert "# exitplan: ignore P111" in text
    assert "exits" not in text, "the only exit never ran"


def test_what_cannot_be_mended_is_told(nothing: Path) -> None:
    path = write(nothing, POLICY.replace("exits:\n", "exits:\n  # sold at once\n"))
    ran = xp("lint", path.name, "--fix")
    assert "not mended, as it could not be proved to change nothing: x.yaml:" in ran.out
    assert "# sold at once\n  - {id: gone" in path.read_text(encoding="utf-8")


def test_fix_leaves_the_policies_that_come_with_exitplan() -> None:
    assert xp("lint", "default", "--fix").code == 0


def test_with_json_fix_prints_the_document_alone(nothing: Path) -> None:
    ran = xp("lint", write(nothing).name, "--fix", "--json")
    assert "P102" not in [finding["code"] for finding in ran.json["findings"]]


# --- validate ---


def test_validate_shows_the_warnings_of_lint_and_does_not_fail_for_them(nothing: Path) -> None:
    ran = xp("validate", write(nothing).name)
    assert ran.code == 0
    assert "x.yaml:5:5: warning: classification[1]: P102: smaller never decides" in ran.out
    assert "     5 |   - {id: smaller" in ran.out
    assert ran.out.splitlines()[-1] == "1 file checked: 0 errors, 4 warnings."


def test_validate_leaves_out_what_a_comment_silences(nothing: Path) -> None:
    silent = POLICY.replace("ignore P111 because", "ignore P102 of smaller because")
    later = "parameters: {few: 3}   # exitplan: ignore P100 because it is for later"
    silent = silent.replace("classification:", f"{later}\nclassification:")
    ran = xp("validate", write(nothing, silent).name)
    assert "P102" not in ran.out
    assert "few" not in ran.out


def test_validate_tells_what_is_inherited_once(nothing: Path) -> None:
    write(nothing)
    (nothing / "y.yaml").write_text("version: 1\nname: y\nextends: x.yaml\n", encoding="utf-8")
    assert xp("validate", "x.yaml", "y.yaml").out.count("P102") == 1


@pytest.mark.parametrize("kind", ["info", "contradiction"])
def test_validate_tells_neither_what_is_for_information_nor_anything_twice(kind: str, nothing: Path) -> None:
    when = "{tracked: false}" if kind == "info" else "{value_usd: {lt: 1, gt: 5}}"
    text = f"version: 1\nname: x\nclassification:\n  - {{id: a, category: ZOMBIE_LEGACY, when: {when}}}\n"
    text += "  - {id: b, category: ZOMBIE_LEGACY, when: {any: [{tracked: false}, {side: short}]}}\n"
    text += "exits:\n  - {id: z, when: {category: ZOMBIE_LEGACY}, action: close}\n"
    ran = xp("validate", write(nothing, text).name)
    assert ran.out.count("warning:") == (0 if kind == "info" else 1)


ORG = "version: 1\nname: org\nnever:\n  - {when: {strategy: core}, do: sell, because: the desk manages it}\n"


def test_an_outer_policy_has_invariants_that_no_policy_may_break(nothing: Path) -> None:
    (nothing / "org.yaml").write_text(ORG, encoding="utf-8")
    ran = xp("lint", "default", "conservative", "--under", "org.yaml")
    assert ran.code == 1
    assert ran.out.count("P201: dust would close a position") == 1
    assert "never sell where strategy = core (the desk manages it)" in ran.out
    refused = xp("validate", "--under", "org.yaml", SHIPPED / "conservative.yaml", SHIPPED)
    assert refused.code == 65
    assert refused.out.count("error: exits[0]: dust would close a position") == 1
    kept = ORG.replace("strategy: core", "protected: true")
    (nothing / "org.yaml").write_text(kept, encoding="utf-8")
    assert xp("validate", "--under", "org.yaml", SHIPPED).code == 0
    (nothing / "org.yaml").write_text("version: 1\nname: org\n", encoding="utf-8")
    assert "has no invariants" in xp("lint", "default", "--under", "org.yaml").err
