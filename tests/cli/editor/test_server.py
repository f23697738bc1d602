"""The language server as an editor meets it: the real process, over its stdin and stdout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exitplan.ruleset.model.fact_registry import POSITION_FACTS
from exitplan.schemas.layout.printing import laid_out
from tests.cli.conftest import xp
from tests.cli.editor.client import Editor

BASE = """\
version: 1
name: base
parameters: {max_positions: 5, small: 10}
definitions:
  tiny: {value_usd: {lt: $small}}
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: tiny}
  - {id: smaller, category: ZOMBIE_LEGACY, when: {value_usd: {lt: 5}}}
exits:
  - {id: gone, when: {category: ZOMBIE_LEGACY}, action: close}
"""
CHILD = """\
version: 1
name: child
extends: base.yaml
parameters: {max_positions: 3}
classification:
  - {id: small, category: ZOMBIE_LEGACY, when: {value_usd: {lt: $small}, tracked: true}}
  - {id: mine, before: smaller, category: LEGACY_NON_COMPLIANT, when: {any: [tiny, {side: long}]}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    editor = Editor(tmp_path_factory.mktemp("project"))
    yield editor
    assert editor.close() == 0


@pytest.fixture
def editor(server: Editor) -> Iterator[Editor]:
    """The editor, with both policies saved and none open."""
    for name, text in (("base.yaml", BASE), ("child.yaml", CHILD)):
        (server.folder / name).write_text(text, encoding="utf-8")
    server.texts.clear()
    yield server
    for name in list(server.texts):
        server.notify("textDocument/didClose", textDocument={"uri": server.uri(name)})


def messages(problems: list[dict[str, Any]]) -> list[str]:
    return [problem["message"] for problem in problems]


def test_problems_are_those_of_validate_in_the_same_words(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = BASE.replace("value_usd: {lt: 5}", "value_us: {lt: 5}").replace("action: close", "action: clos")
    problems = editor.open("base.yaml", wrong)
    (editor.folder / "wrong.yaml").write_text(wrong, encoding="utf-8")
    monkeypatch.chdir(editor.folder)
    printed = xp("validate", "wrong.yaml").out
    (editor.folder / "wrong.yaml").unlink()
    assert len(problems) == 2
    for problem in problems:
        start = problem["range"]["start"]
        place = f"wrong.yaml:{start['line'] + 1}:{start['character'] + 1}"
        assert f"{place}: error: {problem['message']}\n" in printed


def test_a_problem_is_under_its_word_also_behind_what_takes_two_units(editor: Editor) -> None:
    text = BASE.replace("id: smaller, category", "because: 🙂 é, id: smaller, categry")
    problem = next(one for one in editor.open("base.yaml", text) if "categry" in one["message"])
    line = text.splitlines()[problem["range"]["start"]["line"]]
    units = line.encode("utf-16-le")
    start, end = (problem["range"][side]["character"] * 2 for side in ("start", "end"))
    assert units[start:end].decode("utf-16-le") == "categry"


def test_lint_is_told_with_its_code_and_its_proof(editor: Editor) -> None:
    problems = editor.open("base.yaml")
    (problem,) = [one for one in problems if one.get("code") == "P102"]
    assert problem["message"] == "smaller never decides: all it matches is decided by small before it"
    assert problem["severity"] == 2
    assert problem["range"]["start"]["line"] == 7


def test_what_is_typed_counts_and_not_what_is_saved(editor: Editor) -> None:
    assert not [one for one in editor.open("child.yaml") if one["severity"] == 1]
    broken = editor.type("child.yaml", CHILD.replace("max_positions: 3", "max_positons: 3"))
    assert any("did you mean 'max_positions'" in message for message in messages(broken))
    assert not [one for one in editor.type("child.yaml", CHILD) if one["severity"] == 1]


def test_a_change_of_an_open_base_is_told_in_what_extends_it(editor: Editor) -> None:
    editor.open("base.yaml")
    assert not [one for one in editor.open("child.yaml") if one["severity"] == 1]
    editor.type("base.yaml", BASE.replace("smaller", "smallest"))
    problems = [one for one in editor.problems("child.yaml") if one["severity"] == 1]
    assert any("there is no 'smaller' to put it before" in message for message in messages(problems))
    editor.type("base.yaml", BASE.replace("value_usd", "value_us"))
    problems = [one for one in editor.problems("child.yaml") if "base.yaml:5:10: " in one["message"]]
    assert [one["range"]["start"] for one in problems] == [{"line": 2, "character": 9}], "at extends"


@pytest.mark.parametrize(
    "tail",
    ["  - {id: a, when: {", '  - {id: "x', "\t- a", "  - {id: a]", " x", "  - id: a\n   b: c\n", "? [", "%", "&a *b"],
)  # fmt: skip
def test_broken_yaml_is_told_and_everything_else_goes_on(editor: Editor, tail: str) -> None:
    problems = editor.open("child.yaml", CHILD + tail)
    assert [one for one in problems if one["severity"] == 1]
    assert "side of the position" in editor.hover("child.yaml", "side")
    assert editor.target("child.yaml", "base.yaml") == ("base.yaml", 0)
    assert "long" in editor.offers("child.yaml", "{side: ")


def test_facts_say_what_they_mean_and_what_they_hang_on(editor: Editor) -> None:
    editor.open("base.yaml")
    shown = editor.hover("base.yaml", "value_usd")
    assert POSITION_FACTS["value_usd"].meaning in shown
    assert "(number, the account's quote currency)" in shown
    assert "Absent without a price." in shown
    assert "- With the price_status ok, and only then, value_usd and price_basis are known" in shown
    assert "Less than." in editor.hover("base.yaml", "lt:")


def test_names_show_what_they_come_to_through_extends(editor: Editor) -> None:
    editor.open("child.yaml")
    assert "`small` is `10`, set in base.yaml:3:39" in editor.hover("child.yaml", "$small")
    assert "`max_positions` is `3`, set in " in editor.hover("child.yaml", "max_positions")
    assert "`tiny` is `{value_usd: {lt: $small}}`" in editor.hover("child.yaml", "tiny")
    assert "how many positions an account may hold" in editor.hover("child.yaml", "max_positions").lower()


def test_a_rule_shows_what_is_proved_of_it(editor: Editor) -> None:
    editor.open("base.yaml")
    assert "smaller never decides: all it matches is decided by small before it" in editor.hover("base.yaml", "smaller")
    assert "Proved: some position or order is decided by it." in editor.hover("base.yaml", "gone")


def test_a_broken_file_shows_what_it_was_when_it_was_good(editor: Editor) -> None:
    editor.open("child.yaml")
    editor.hover("child.yaml", "$small")
    editor.type("child.yaml", CHILD + "  - {id: [")
    assert "`small` is `10`" in editor.hover("child.yaml", "$small")


@pytest.mark.parametrize(
    ("typed", "behind", "wanted", "unwanted"),
    [
        ("  - {id: new, ", "id: new, ", ["category", "when", "because", "before"], ["tracked", "lt"]),
        ("  - {id: new, when: {", "new, when: {", ["tracked", "any", "not"], ["category", "lt", "ours"]),
        ("  - {id: new, when: {value_usd: {", "new, when: {value_usd: {", ["lt", "gte", "exists"], ["tracked", "in_"]),
        ("  - {id: new, when: {side: ", "new, when: {side: ", ["long", "short"], ["tracked", "buy"]),
        ("  - {id: new, when: {tracked: ", "new, when: {tracked: ", ["true", "false"], ["long"]),
        ("  - {id: new, when: {value_usd: {lt: $", "new, when: {value_usd: {lt: $", ["$small", "$max_positions"], []),
        ("  - {id: new, when: ", "new, when: ", ["tiny"], []),
        ("  - {id: new, category: ", "new, category: ", ["ZOMBIE_LEGACY", "DEFERRED"], ["STRATEGY_ALIGNED"]),
        ("  - {id: new, before: ", "new, before: ", ["small", "smaller", "mine"], ["gone"]),
        ("  - {id: ", "}\n  - {id: new", [], []),
        ("  - id: new\n    wh", "\n    wh", ["when", "category"], ["tracked"]),
        ("  - id: new\n    when:\n      tra", "\n      tra", ["tracked", "tiny"], ["category"]),
        ("orders:\n  - {id: o, when: {", "id: o, when: {", ["ours", "reduce_only"], ["pnl_pct"]),
        ("gua", "\ngua", ["guards", "exits", "cap"], ["tracked"]),
        ("guards:\n  ", "guards:\n  ", ["max_run_pct", "max_actions"], ["tracked"]),
        ("cap: {scope: ", "cap: {scope: ", ["all", "legacy"], []),
    ],
)  # fmt: skip
def test_what_may_be_written_is_offered(
    editor: Editor, typed: str, behind: str, wanted: list[str], unwanted: list[str]
) -> None:
    editor.open("child.yaml")  # once good, so that its names are known
    editor.type("child.yaml", CHILD + typed)
    if not wanted:
        return
    offered = editor.offers("child.yaml", behind)
    assert set(wanted) <= set(offered)
    assert not set(unwanted) & set(offered)


def test_an_offer_has_its_meaning_and_replaces_the_word_that_was_begun(editor: Editor) -> None:
    editor.open("child.yaml", CHILD + "  - {id: new, when: {val")
    items = editor.at("completion", "child.yaml", "new, when: {val", after=True)["items"]
    item = next(one for one in items if one["label"] == "value_usd")
    assert POSITION_FACTS["value_usd"].meaning in item["documentation"]
    edit = item["textEdit"]["range"]
    assert edit["end"]["character"] - edit["start"]["character"] == len("val")


def test_policies_are_offered_to_extend(editor: Editor) -> None:
    editor.open("child.yaml", "version: 1\nname: x\nextends: \n")
    assert "base.yaml" in editor.offers("child.yaml", "extends: ")
    assert "child.yaml" not in editor.offers("child.yaml", "extends: ")


def test_definitions_are_found_through_extends(editor: Editor) -> None:
    editor.open("child.yaml")
    assert editor.target("child.yaml", "base.yaml") == ("base.yaml", 0)
    assert editor.target("child.yaml", "$small") == ("base.yaml", 2)
    assert editor.target("child.yaml", "tiny") == ("base.yaml", 4)
    assert editor.target("child.yaml", "smaller") == ("base.yaml", 7)
    assert editor.target("child.yaml", "small,") == ("base.yaml", 6), "the rule that it replaces"
    assert editor.target("child.yaml", "mine") is None
    assert editor.target("child.yaml", "side") is None


def test_definitions_are_found_in_a_base_that_is_not_saved(editor: Editor) -> None:
    editor.open("base.yaml", "# one line more\n" + BASE)
    editor.open("child.yaml")
    assert editor.target("child.yaml", "tiny") == ("base.yaml", 5)


def test_a_slip_is_mended_by_the_nearest_right_name(editor: Editor) -> None:
    problems = editor.open("child.yaml", CHILD.replace("tracked: true", "trackd: true"))
    (problem,) = [one for one in problems if "trackd" in one["message"]]
    document = {"uri": editor.uri("child.yaml")}
    asked = {"textDocument": document, "range": problem["range"], "context": {"diagnostics": [problem]}}
    (action,) = editor.ask("textDocument/codeAction", **asked)
    (edit,) = action["edit"]["changes"][editor.uri("child.yaml")]
    line = editor.texts["child.yaml"].splitlines()[edit["range"]["start"]["line"]]
    start, end = edit["range"]["start"]["character"], edit["range"]["end"]["character"]
    assert (action["kind"], edit["newText"]) == ("quickfix", "tracked")
    assert line[:start] + edit["newText"] + line[end:] == CHILD.splitlines()[5]


def test_files_of_tests_are_checked_and_completed_too(editor: Editor) -> None:
    text = "policy: base.yaml\ncases:\n  - name: one\n    given: {value_usd: 1, side: lon}\n    expect: {rule: small}\n"
    problems = editor.open("x.test.yaml", text)
    assert any("side is one of long, short, found lon" in message for message in messages(problems))
    assert POSITION_FACTS["value_usd"].meaning in editor.hover("x.test.yaml", "value_usd")
    assert editor.target("x.test.yaml", "base.yaml") == ("base.yaml", 0)
    assert "expect" in editor.offers("x.test.yaml", "name: one\n    ")


def test_a_document_is_laid_out_as_fmt_does(editor: Editor) -> None:
    text = BASE.replace("{max_positions: 5, small: 10}", "{max_positions: 5,   small:   10 }   # why")
    editor.open("base.yaml", text)
    document = {"uri": editor.uri("base.yaml")}
    options = {"tabSize": 2, "insertSpaces": True}
    (edit,) = editor.ask("textDocument/formatting", textDocument=document, options=options)
    assert edit["newText"] == laid_out(text.encode(), "x")
    editor.type("base.yaml", text + "  - {")
    assert editor.ask("textDocument/formatting", textDocument=document, options=options) == []


def test_without_pygls_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exitplan.cli.commands.lsp.find_spec", lambda _: None)
    ran = xp("lsp")
    assert ran.code == 1
    assert "pip install 'exitplan[lsp]'" in ran.err


def test_other_documents_are_left_alone(editor: Editor) -> None:
    (editor.folder / "x.txt").write_text("a: [", encoding="utf-8")
    assert editor.open("x.txt") == []
    assert editor.hover("x.txt", "a") == ""
