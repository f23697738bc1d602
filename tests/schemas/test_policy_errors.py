"""Every way in which a policy can be wrong, with the place and the words of its message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from exitplan.schemas.loading.diagnostics import Diagnostic
from exitplan.schemas.policies import load_policy
from tests.schemas.conftest import POLICY, place_of, problems_of_policy

Write = Callable[[str, str], Path]


def spoiled(write: Write, old: str, new: str) -> tuple[tuple[Diagnostic, ...], str]:
    assert old in POLICY
    text = POLICY.replace(old, new, 1)
    return problems_of_policy(write("p.yaml", text)), text


MISTAKES: list[dict[str, str]] = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake["new"][:40] for mistake in MISTAKES])
def test_a_mistake_is_told_once_in_its_place(write: Write, mistake: dict[str, str]) -> None:
    found, text = spoiled(write, mistake["old"], mistake["new"])
    (error,) = [problem for problem in found if problem.severity == "error"]
    line, column = place_of(mistake["at"], text)
    assert (error.mark.line, error.mark.column) == (line, column)
    path = f"{mistake['path']}: " if mistake["path"] else ""
    assert error.line.startswith(f"{error.mark.file}:{line}:{column}: error: {path}")
    assert mistake["words"] in error.line


def test_a_problem_shows_its_line_with_a_caret(write: Write) -> None:
    found, _ = spoiled(write, "tracked: false", "trackd: false")
    assert found[0].excerpt.splitlines() == [
        "     8 |   - {id: legacy.untracked, category: LEGACY_NON_COMPLIANT, when: {trackd: false}}",
        "       |                                                                   ^",
    ]


def test_all_mistakes_are_told_at_once_sorted_by_place(write: Write) -> None:
    text = POLICY.replace("trackd", "x").replace("tracked: false", "trackd: false").replace("1.00}", "1%}")
    text = text.replace("when: dust, action: close", "action: close").replace("{lt: $dust", "{lt: $dst")
    found = problems_of_policy(write("p.yaml", text))
    assert [problem.mark.line for problem in found] == [3, 5, 8, 10]


def test_a_number_finer_than_facts_are_is_a_warning(write: Write) -> None:
    loaded = load_policy(write("p.yaml", POLICY.replace("1.00}", "1e-8}")))
    assert (loaded.warnings[0].severity, loaded.warnings[0].mark.line) == ("warning", 3)
    assert "finer than facts are" in loaded.warnings[0].line


def test_a_parameter_that_nobody_uses_is_a_warning(write: Write) -> None:
    loaded = load_policy(write("p.yaml", POLICY.replace("1.00}", "1.00, my_own: [a, b]}")))
    (warning,) = loaded.warnings
    assert warning.line.endswith("warning: parameters.my_own: parameter 'my_own' is used by no condition")


@pytest.mark.parametrize("value", ["sk_live_51Habc", "{key: sk_live_51Habc}", "[sk_live_51Habc]"])
def test_a_credential_is_refused_and_never_repeated(write: Write, value: str) -> None:
    found = problems_of_policy(write("p.yaml", f"{POLICY}account: {{credentials: {value}}}\n"))
    assert found[0].path == ("account", "credentials")
    assert all("51Habc" not in problem.text for problem in found)


@pytest.mark.parametrize("key", ["apiKey", "api_key", "secret", "password", "privateKey"])
def test_a_credential_among_the_options_is_refused_and_never_repeated(write: Write, key: str) -> None:
    found = problems_of_policy(write("p.yaml", f"{POLICY}account: {{options: {{{key}: 51Habc}}}}\n"))
    assert "credentials have no place here" in found[0].line
    assert "51Habc" not in found[0].text


def test_a_credential_under_any_key_is_never_repeated(write: Write) -> None:
    found = problems_of_policy(write("p.yaml", f"{POLICY}api_secret: 51Habc\n"))
    assert "51Habc" not in found[0].text


def test_an_address_with_a_password_is_refused_and_never_repeated(write: Write) -> None:
    found = problems_of_policy(write("p.yaml", f"{POLICY}account: {{base_url: 'https://me:51Habc@x'}}\n"))
    assert "51Habc" not in found[0].text


def test_an_override_out_of_range_names_the_command_line(write: Write) -> None:
    (found,) = problems_of_policy(write("p.yaml", POLICY), max_positions=20_000)
    assert found.line == (
        "command line: error: parameters.max_positions: a number from 0 to 10000 is expected, found the number 20000"
    )


@pytest.mark.parametrize("text", ["[]", "x", "1", "null", "~"])
def test_a_policy_is_a_mapping(write: Write, text: str) -> None:
    (found,) = problems_of_policy(write("p.yaml", text))
    assert "a mapping is expected" in found.message


def test_messages_hold_nothing_that_a_terminal_would_obey(write: Write) -> None:
    (found,) = problems_of_policy(write("p.yaml", POLICY.replace("name: small", 'name: small\n"a\u202eb": 1')))
    assert "\u202e" not in found.text


@pytest.mark.parametrize("count", [3, 400])
def test_a_policy_of_many_conditions_is_read(write: Write, count: int) -> None:
    rules = "".join(f"  - {{id: r{number}, category: DEFERRED, when: dust}}\n" for number in range(count))
    loaded = load_policy(write("p.yaml", POLICY.replace("classification:\n", f"classification:\n{rules}")))
    assert len(loaded.policy.classification) == count + 2
