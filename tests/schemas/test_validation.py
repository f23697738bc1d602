from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exitplan.schemas.policies import SHIPPED, load_policy, shipped_policy
from exitplan.schemas.validation import policies_in, validate_paths
from tests.schemas.conftest import POLICY

Write = Callable[[str, str], Path]


def test_every_shipped_policy_is_good_and_without_warnings() -> None:
    results = validate_paths([SHIPPED])
    assert len(results) >= 2
    assert all(result.ok and not result.diagnostics for result in results)


def test_every_shipped_policy_begins_with_a_line_for_editors() -> None:
    for path in policies_in(SHIPPED):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).resolve().is_file()


def test_the_default_policy_is_shipped() -> None:
    assert load_policy(shipped_policy("default")).policy.name == "default"


def test_a_folder_means_the_policies_in_it_and_below(write: Write, tmp_path: Path) -> None:
    write("b.yml", POLICY)
    write("sub/a.yaml", POLICY)
    write(".hidden/c.yaml", "broken: [")
    write("note.txt", "x")
    assert [path.name for path in policies_in(tmp_path)] == ["b.yml", "a.yaml"]
    assert [result.ok for result in validate_paths([tmp_path])] == [True, True]


def test_a_folder_without_policies_is_an_error(tmp_path: Path) -> None:
    (result,) = validate_paths([tmp_path])
    assert not result.ok


def test_a_mistake_in_a_shared_base_is_told_once(write: Write, tmp_path: Path) -> None:
    write("base.yaml", POLICY.replace("tracked: false", "trackd: false"))
    write("one.yaml", "version: 1\nextends: base.yaml\n")
    write("two.yaml", "version: 1\nextends: base.yaml\nnam: x\n")
    results = validate_paths([tmp_path])
    assert [len(result.diagnostics) for result in results] == [1, 0, 1]
    assert [result.repeated for result in results] == [0, 1, 1]
    assert not any(result.ok for result in results)


def test_warnings_do_not_make_a_file_bad(write: Write) -> None:
    (result,) = validate_paths([write("p.yaml", POLICY.replace("1.00}", "1.00, mine: x}"))])
    assert result.ok
    assert len(result.diagnostics) == 1


def test_a_missing_file_is_told_like_any_other_problem(tmp_path: Path) -> None:
    (result,) = validate_paths([tmp_path / "none.yaml"])
    assert result.diagnostics[0].line == f"{tmp_path}/none.yaml: error: there is no such file"


def test_a_json_file_of_no_known_kind_is_taken_for_a_policy(write: Write) -> None:
    (result,) = validate_paths([write("x.json", "{}")])
    assert (result.kind, result.ok) == ("policy", False)
