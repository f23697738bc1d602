from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from exitplan.ruleset.language.policy import Dust
from exitplan.schemas.policies import load_policy
from tests.schemas.conftest import POLICY, problems_of_policy

Write = Callable[[str, str], Path]
RULE = "category: DEFERRED, when: dust"


@pytest.fixture
def extend(write: Write) -> Callable[[str], Path]:
    """Write a base policy and a file that extends it with some text."""
    write("base.yaml", POLICY)
    return lambda text: write("leaf.yaml", f"version: 1\nextends: base.yaml\n{text}")


def ids(path: Path, block: str = "classification") -> list[str]:
    return [rule["id"] for rule in load_policy(path).document[block]]


def test_mappings_merge_by_key_and_the_later_file_wins(extend: Callable[[str], Path]) -> None:
    loaded = load_policy(extend("parameters: {dust_usd_threshold: 5, max_positions: 3}\nguards: {max_actions: 7}"))
    assert loaded.document["parameters"] == {"dust_usd_threshold": 5, "max_positions": 3}
    assert loaded.policy.max_positions == 3
    assert loaded.document["name"] == "small"


def test_what_is_said_of_dust_merges_by_key(extend: Callable[[str], Path], write: Write) -> None:
    extend("dust: {convert: true, max_cost_pct: 0.2}")
    loaded = load_policy(write("top.yaml", "version: 1\nextends: leaf.yaml\ndust: {max_cost_pct: 0.1}"))
    assert loaded.document["dust"] == {"convert": True, "max_cost_pct": Decimal("0.1")}
    assert loaded.policy.dust == Dust(convert=True, max_cost_pct=Decimal("0.1"))
    assert loaded.marks["dust", "convert"].file.endswith("leaf.yaml")


def test_a_definition_is_replaced_whole(extend: Callable[[str], Path]) -> None:
    loaded = load_policy(extend("definitions: {dust: {account_pct: {lt: 0.01}}}"))
    assert list(loaded.document["definitions"]["dust"]) == ["account_pct"]


def test_a_rule_with_the_same_id_replaces_in_place(extend: Callable[[str], Path]) -> None:
    path = extend(f"classification: [{{id: zombie.dust, {RULE}}}]")
    assert ids(path) == ["zombie.dust", "legacy.untracked"]
    assert load_policy(path).document["classification"][0]["category"] == "DEFERRED"


def test_a_rule_is_dropped_by_remove(extend: Callable[[str], Path]) -> None:
    assert ids(extend("classification: [{id: zombie.dust, remove: true}]")) == ["legacy.untracked"]


def test_a_new_rule_goes_to_the_end(extend: Callable[[str], Path]) -> None:
    assert ids(extend(f"classification: [{{id: new, {RULE}}}]"))[-1] == "new"


@pytest.mark.parametrize("before", ["legacy.untracked", "[legacy.untracked]"])
def test_a_new_rule_goes_before_the_one_it_names(extend: Callable[[str], Path], before: str) -> None:
    path = extend(f"classification: [{{id: new, before: {before}, {RULE}}}]")
    assert ids(path) == ["zombie.dust", "new", "legacy.untracked"]
    assert "before" not in load_policy(path).document["classification"][1]


def test_a_new_rule_goes_before_the_first_of_those_it_names(extend: Callable[[str], Path]) -> None:
    path = extend(f"classification: [{{id: new, before: [legacy.untracked, zombie.dust], {RULE}}}]")
    assert ids(path)[0] == "new"


def test_before_moves_a_rule_that_is_there_already(extend: Callable[[str], Path]) -> None:
    path = extend(f"classification: [{{id: legacy.untracked, before: zombie.dust, {RULE}}}]")
    assert ids(path) == ["legacy.untracked", "zombie.dust"]


def test_protect_merges_by_symbol_in_any_spelling(write: Write) -> None:
    write("base.yaml", f"{POLICY}protect: [{{symbol: A/USD, reason: mine}}, {{symbol: B/USD}}]\n")
    text = "version: 1\nextends: base.yaml\nprotect: [{symbol: A-USD, reason: ours}, {symbol: B/USD, remove: true}]\n"
    loaded = load_policy(write("leaf.yaml", text))
    assert [(entry.name, entry.reason) for entry in loaded.policy.protect] == [("A/USD", "ours")]


def test_the_account_block_is_apart_and_its_options_merge(write: Write) -> None:
    write("base.yaml", f"{POLICY}account: {{id: a, venue: paper, options: {{fee: 1, file: x}}}}\n")
    loaded = load_policy(write("leaf.yaml", "version: 1\nextends: base.yaml\naccount: {id: b, options: {fee: 2}}\n"))
    assert loaded.account == {"id": "b", "venue": "paper", "options": {"fee": 2, "file": "x"}}
    assert "account" not in loaded.document


def test_marks_name_the_file_that_had_the_last_word(extend: Callable[[str], Path]) -> None:
    path = extend(f"parameters: {{max_positions: 3}}\nclassification: [{{id: new, before: zombie.dust, {RULE}}}]")
    marks = load_policy(path, {"stale_order_minutes": 5}).marks
    assert (Path(marks[("classification", 0)].file).name, marks[("classification", 0)].line) == ("leaf.yaml", 4)
    assert (Path(marks[("classification", 1)].file).name, marks[("classification", 1)].line) == ("base.yaml", 7)
    assert (marks[("parameters", "max_positions")].line, marks[("parameters", "max_positions")].column) == (3, 29)
    assert str(marks[("parameters", "stale_order_minutes")]) == "command line"


def test_overrides_are_the_last_layer(extend: Callable[[str], Path]) -> None:
    loaded = load_policy(extend("parameters: {max_positions: 3}"), {"max_positions": 2})
    assert loaded.policy.max_positions == 2


def test_a_chain_is_read_from_the_base_on(write: Write) -> None:
    write("a.yaml", POLICY)
    write("sub/b.yaml", "version: 1\nextends: ../a.yaml\nparameters: {max_positions: 2}\n")
    loaded = load_policy(write("c.yaml", "version: 1\nname: c\nextends: sub/b.yaml\n"))
    assert [path.name for path in loaded.files] == ["a.yaml", "b.yaml", "c.yaml"]
    assert (loaded.document["name"], loaded.policy.max_positions) == ("c", 2)


def test_a_policy_that_is_further_up_or_down_is_offered_with_its_path(write: Write) -> None:
    write("policies/default.yaml", "version: 1\nname: d\n")
    text = "version: 1\nname: c\nextends: default.yaml\n"
    for place, hint in (
        ("policies/accounts/fut.yaml", "did you mean '../default.yaml'?"),
        ("policies/accounts/desk/fut.yaml", "did you mean '../../default.yaml'?"),
        ("above.yaml", "did you mean 'policies/default.yaml'?"),
    ):
        (found,) = problems_of_policy(write(place, text))
        assert "there is no such file" in found.message
        assert found.hint == hint
    (found,) = problems_of_policy(write("nul.yaml", 'version: 1\nname: c\nextends: "default\\0.yaml"\n'))
    assert found.mark.line == 3


def test_a_circle_is_named(write: Write) -> None:
    write("a.yaml", "version: 1\nextends: b.yaml\n")
    (found,) = problems_of_policy(write("b.yaml", "version: 1\nextends: ./a.yaml\n"))
    assert (Path(found.mark.file).name, found.mark.line, found.mark.column) == ("a.yaml", 2, 10)
    loop = [
        Path(name).name
        for name in found.message.removeprefix("the files extend one another in a circle: ").split(" -> ")
    ]
    assert loop == ["b.yaml", "a.yaml", "b.yaml"]


def test_a_circle_through_a_link_is_found(write: Write, tmp_path: Path) -> None:
    path = write("a.yaml", "version: 1\nextends: link.yaml\n")
    (tmp_path / "link.yaml").symlink_to(path)
    assert "in a circle" in problems_of_policy(path)[0].message


def test_more_than_twenty_levels_are_refused(write: Write) -> None:
    for number in range(21):
        write(f"{number}.yaml", f"version: 1\nextends: {number + 1}.yaml\n")
    assert "more than 20 files" in problems_of_policy(write("21.yaml", "version: 1\nextends: 0.yaml\n"))[0].message


def test_a_missing_base_names_the_one_that_was_meant(write: Write) -> None:
    write("default.yaml", POLICY)
    (found,) = problems_of_policy(write("leaf.yaml", "version: 1\nextends: defualt.yaml\n"))
    assert (found.mark.line, found.mark.column, found.hint) == (2, 10, "did you mean 'default.yaml'?")


def test_a_base_that_is_a_folder_is_refused(write: Write, tmp_path: Path) -> None:
    (found,) = problems_of_policy(write("leaf.yaml", f"version: 1\nextends: {tmp_path}\n"))
    assert "this is a folder" in found.message


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{id: zombie.dst, remove: true}", "there is no 'zombie.dst' to remove; did you mean 'zombie.dust'?"),
        (
            f"{{id: new, before: zombie.dst, {RULE}}}",
            "there is no 'zombie.dst' to put it before; did you mean 'zombie.dust'?",
        ),
        (f"{{id: zombie.dust, before: zombie.dust, {RULE}}}", "there is no 'zombie.dust' to put it before"),
    ],
)
def test_an_unknown_id_is_told_with_the_nearest(extend: Callable[[str], Path], entry: str, words: str) -> None:
    (found,) = problems_of_policy(extend(f"classification:\n  - {entry}"))
    assert (Path(found.mark.file).name, found.mark.line) == ("leaf.yaml", 4)
    assert words in found.line


def test_remove_stands_alone(extend: Callable[[str], Path]) -> None:
    (found,) = problems_of_policy(extend("classification: [{id: zombie.dust, remove: true, when: dust}]"))
    assert "'when' has no meaning here" in found.message


def test_remove_needs_something_inherited(write: Write) -> None:
    text = POLICY.replace("exits:\n", "exits:\n  - {id: x, remove: true}\n")
    assert "nothing is inherited here" in problems_of_policy(write("p.yaml", text))[0].line


def test_the_errors_of_all_files_are_told_at_once(write: Write) -> None:
    write("base.yaml", POLICY.replace("tracked: false", "trackd: false"))
    text = "version: 1\nextends: base.yaml\nparameters: {max_positions: many}\nexits: [{id: nix, remove: true}]\n"
    found = problems_of_policy(write("leaf.yaml", text))
    assert [(Path(problem.mark.file).name, problem.mark.line) for problem in found] == [
        ("base.yaml", 8),
        ("leaf.yaml", 3),
        ("leaf.yaml", 4),
    ]


def test_names_of_a_base_that_cannot_be_read_are_not_called_unknown(write: Write) -> None:
    text = f"version: 1\nextends: gone.yaml\nnam: x\nclassification: [{{id: a, {RULE}}}, {{id: b, remove: true}}]\n"
    assert [problem.mark.line for problem in problems_of_policy(write("leaf.yaml", text))] == [2, 3]


def test_a_base_that_is_no_yaml_is_told_in_its_own_place(write: Write) -> None:
    write("base.yaml", "a: [\n")
    (found,) = problems_of_policy(write("leaf.yaml", "version: 1\nextends: base.yaml\n"))
    assert Path(found.mark.file).name == "base.yaml"
