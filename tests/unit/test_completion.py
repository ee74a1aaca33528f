"""Completion: what may stand at a place of a ruleset that is being typed."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rules_engine import RulesetError, load_ruleset
from rules_engine.completion import Completion, complete
from rules_engine.completion.outline import cursor_at, outline
from rules_engine.loading import ruleset_schema
from rules_engine.loading.sources import names
from rules_engine.registry import default_registry

HEAD = "rules_engine: 1\nid: mine\nkind: protocol\nextends: [tace_ici_hcc]\n"


@cache
def schema() -> dict[str, Any]:
    return ruleset_schema()


@cache
def texts() -> dict[str, str]:
    return {name: path.read_text(encoding="utf-8") for name, path in names(default_registry()).items()}


def at(marked: str) -> Completion:
    """What is offered at the mark `|`."""
    before, _mark, after = marked.partition("|")
    line = before.count("\n") + 1
    column = len(before.rpartition("\n")[2]) + 1
    kinds = {name: re.findall(r"^kind: *(\w+)", text, flags=re.MULTILINE)[0] for name, text in texts().items()}
    return complete(before + after, line, column, schema=schema(), rulesets=kinds, text_of=texts().get)


def labels(marked: str) -> list[str]:
    return [one.label for one in at(marked).suggestions]


def test_an_empty_file_is_begun_with_what_every_ruleset_needs() -> None:
    assert labels("|")[:3] == ["rules_engine", "id", "kind"]
    assert labels("rules_engine: 1\nkind: |") == ["criterion", "grading", "protocol"]


@pytest.mark.parametrize(
    ("marked", "offered"),
    [
        ("extends: [|", "ema"),  # an unfinished list
        ("extends:\n  - e|", "ema"),
        ("extends:\n- e|", "ema"),
        ("options:\n  new_|", "new_therapy"),
        ("options:\n  new_therapy: |", "censor"),
        ("options: {origin: first_tace, new_|", "new_therapy"),
        ("options: {origin: first_tace,\n  new_therapy: c|", "censor"),  # over two lines
        ("endpoints:\n  P|", "PFS"),  # what the base defines
        ("endpoints:\n  MINE: {like: |", "PFS"),
        ("endpoints:\n  MINE: {like: PFS, response: |", "overall"),
        ("endpoints:\n  MINE:\n    like: PFS\n    options:\n      new_therapy: |", "censor"),
        ("responses:\n  mine: {criterion: |", "recist_1_1"),
        ("adverse_events: {grading: |", "ctcae_v5"),
        ("analyses:\n  mine: {estimator: kaplan_meier, endpoints: [PFS, |", "OS"),
        ("analyses:\n  mine:\n    estimator: kaplan_meier\n    options: {|", "conf_type"),
    ],
)
def test_what_may_stand_there_is_offered(marked: str, offered: str) -> None:
    assert offered in labels(
        HEAD + marked if not marked.startswith("extends") else HEAD.replace("extends: [tace_ici_hcc]\n", "") + marked
    )


def test_the_options_of_one_estimator_are_not_those_of_another() -> None:
    begun = HEAD + "analyses:\n  mine:\n    estimator: {}\n    options: {{|"
    assert "landmarks_months" in labels(begun.format("kaplan_meier"))
    assert "landmarks_months" not in labels(begun.format("cox"))


def test_keys_that_are_there_are_not_offered_again() -> None:
    assert "title" in labels(HEAD + "|")
    assert "title" not in labels(HEAD + "|\ntitle: Mine\n")
    assert "origin" not in labels(HEAD + "options: {origin: first_tace, |")


def test_a_suggestion_replaces_the_word_that_was_begun_and_says_what_it_means() -> None:
    found = at(HEAD + "options:\n  new_therapy: cen|")
    assert (found.start, found.end) == (16, 19)
    assert found.suggestions[0].insert == "censor"
    assert "censored at the last adequate assessment" in found.suggestions[0].detail


@pytest.mark.parametrize("option", ["new_therapy", "origin", "pd_date", "death_handling"])
def test_every_value_that_is_offered_is_one_that_the_loader_takes(option: str) -> None:
    offered = at(HEAD + f"options: {{{option}: |").suggestions
    assert len(offered) > 1
    for one in offered:
        assert "none of the choices" not in told_of({**PLAIN, "options": {option: one.label}})
    assert "none of the choices" in told_of({**PLAIN, "options": {option: "something_else"}})


PLAIN = {"rules_engine": 1, "id": "mine", "kind": "protocol", "extends": ["tace_ici_hcc"]}


def told_of(ruleset: dict[str, Any]) -> str:
    """What the loader says of a ruleset."""
    try:
        load_ruleset(ruleset)
    except RulesetError as error:
        return str(error)
    return ""


def test_nothing_is_offered_in_comments_and_in_texts_over_several_lines() -> None:
    assert labels(HEAD + "# ti|") == []
    assert labels(HEAD + "title: Mine # ti|") == []
    assert cursor_at(HEAD + "note: >\n  some te", 6, 10) is None


def test_an_outline_is_what_a_yaml_reader_reads() -> None:
    for name, text in texts().items():
        whole = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506  (texts alone)
        read = outline(text)
        assert list(read) == list(whole), name
        for section, stated in whole.items():
            if isinstance(stated, dict) and section != "cutoffs":
                assert list(read[section]) == list(stated), (name, section)


WORDS = [*"{}[]:,-#|>'\" \n", "  ", "- ", ": ", "options", "endpoints", "PFS", "like", "é", "\t"]


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from([*"{}[]:,-#|>'\" \n", "  ", "- ", ": ", "options", "endpoints", "PFS", "like", "é", "\t"]),
        max_size=40,
    ),
    st.data(),
)
def test_no_text_and_no_place_is_too_strange(parts: list[str], data: st.DataObject) -> None:
    text = HEAD + "".join(parts)
    lines = text.split("\n")
    line = data.draw(st.integers(1, len(lines)))
    column = data.draw(st.integers(1, len(lines[line - 1]) + 1))
    found = complete(text, line, column, schema=schema(), rulesets={}, text_of=lambda _name: None)
    assert 1 <= found.start <= found.end == column
