"""The panel of single subjects: what it tells is what `explain` tells; its data cannot leave their element."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine
from rules_engine.engine import Result
from rules_engine.explain.courses import courses_of
from rules_engine.explain.many_subjects import tell_endpoints_of
from rules_engine.pages import Interactive, Page, Section, render_html, render_markdown
from rules_engine.report.subject_panel import MOST_SUBJECTS, encoded
from rules_engine.simulator import simulate

CUTOFF = "2025-12-31"
HOSTILE = "</script><script>document.title='broken'</script><!--\u2028x"


@pytest.fixture(scope="module")
def result() -> Result:
    """A run on ten made-up subjects, one of them with a name that is markup."""
    study = simulate(10, 3)
    first = study["subjects"]["subject"][0]
    renamed = {name: rows.with_columns(pl.col("subject").replace({first: HOSTILE})) for name, rows in study.items()}
    return Engine("tace_ici_hcc").run(renamed, data_cutoff=CUTOFF)


@pytest.fixture(scope="module")
def page(result: Result, tmp_path_factory: pytest.TempPathFactory) -> str:
    return result.report(tmp_path_factory.mktemp("report") / "report.html").read_text(encoding="utf-8")


def of_page(page: str) -> dict[str, Any]:
    found = re.search(r'id="subject-panel-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def test_many_subjects_are_told_as_each_of_them_alone(result: Result) -> None:
    subjects = result.subjects["subject"].to_list()[1:3]
    told = tell_endpoints_of(
        subjects, result.study.tables, result.derived.timepoints, result.ruleset, result.registry, result.data_cutoff
    )
    for subject in subjects:
        assert told[subject] == list(result.explain(subject).endpoints)


def test_the_sum_of_a_course_is_that_of_its_lesions(result: Result) -> None:
    subjects = result.subjects["subject"].to_list()
    derived = result.derived
    courses = courses_of(
        subjects, result.study.tables, derived.timepoints, derived.baselines, result.ruleset, result.registry,
        result.data_cutoff,
    )  # fmt: skip
    compared = 0
    for course in courses:
        for path in course.trajectories:
            for day, total in path.sums:
                sizes = [dict(lesion.points).get(day) for lesion in path.lesions]
                if total is not None and None not in sizes:
                    assert total == sum(size or 0 for size in sizes)
                    compared += 1
    assert compared > 20


def test_every_sentence_of_an_endpoint_is_in_the_data_of_the_panel(result: Result, page: str) -> None:
    data, subject = of_page(page), result.subjects["subject"][1]
    place = next(number for number, one in enumerate(data["subjects"]) if one["subject"] == subject)
    for story, (_ending, steps) in zip(
        result.explain(subject).endpoints, data["subjects"][place]["stories"], strict=True
    ):
        told = [[data["texts"][data["sentences"][one][0]] for one in data["steps"][step][1]] for step in steps]
        assert told == [
            *([sentence.text for sentence in step.sentences] for step in story.steps),
            [sentence.text for sentence in story.conclusion],
        ]


def test_a_name_that_is_markup_stays_a_text(page: str) -> None:
    assert HOSTILE in {one["subject"] for one in of_page(page)["subjects"]}
    assert page.count("<script") == 2  # the data and the script of the panel
    assert "<!--" not in page
    assert "\u2028" not in page.split('id="subject-panel-data">')[1].split("</script>")[0]


def test_the_policy_of_the_page_allows_its_own_script_alone() -> None:
    script = "document.title = 'run';"
    page = render_html(Page("P", [], [Section("a", "A", [Interactive("x", script, {"k": "<&>"}, "closed")])]))
    # sha256 of the script above, by openssl dgst -sha256 -binary | base64
    assert "script-src 'sha256-4YVSUJ3XAXhGfKLmFrFLyaQ3xhkQZjG1kdNK+e9txHA='" in page
    assert "unsafe-eval" not in page
    assert '{"k":"\\u003c\\u0026\\u003e"}' in page


def test_without_scripts_a_sentence_stands_in_place_of_the_panel() -> None:
    page = Page("P", [], [Section("a", "A", [Interactive("x", "run()", {}, "See the index.")])])
    assert "<noscript><p" in render_html(page)
    assert "See the index." in render_markdown(page)
    assert "run()" not in render_markdown(page)


def test_a_large_study_has_a_panel_of_some_and_says_so(result: Result) -> None:
    from dataclasses import replace

    from rules_engine.report.subject_panel import subject_panel

    number = 2 * MOST_SUBJECTS + 1
    names = [f"S{place:05}" for place in range(number)]
    asked: list[str] = []

    def courses(subjects: Any) -> list[Any]:
        asked.extend(subjects)
        return []

    view = replace(result._report_view, subjects=pl.DataFrame({"subject": names[::-1]}), courses=courses)
    section = subject_panel(view)
    assert asked == names[::3]
    assert f"Of {number:,} subjects every third" in section.blocks[0].text  # type: ignore[union-attr]


def test_nobody_to_show_is_no_panel() -> None:
    assert encoded([], date(2025, 12, 31))["subjects"] == []


def test_a_plugin_that_cannot_tell_its_story_costs_the_page_this_section_alone(result: Result) -> None:
    from dataclasses import replace

    from rules_engine.errors import PluginError
    from rules_engine.report import render_report

    def failing(_subjects: Any) -> list[Any]:
        raise PluginError.at("event 'theirs'", "its `tell` failed", "repair or uninstall that plugin")

    page = render_report(replace(result._report_view, courses=failing))
    section = page.partition('id="subject"')[2].partition("</section>")[0]
    assert "its `tell` failed" in section
    assert "<script" not in page
    assert 'id="survival"' in page


def test_collected_responses_are_visits_as_well() -> None:
    tables = simulate(6, 2)
    collected = tables["response_assessments"]
    document = {
        "rules_engine": 1, "id": "collected", "kind": "protocol", "title": "Collected", "extends": ["ema"],
        "responses": {"inv": {"collected_as": collected["criterion"][0]}},
        "endpoints": {"PFS": {"like": "PFS", "response": "inv"}},
        "options": {"origin": "first_tace"},
    }  # fmt: skip
    result = Engine(document).run(tables, data_cutoff=CUTOFF)
    for course in result._courses(result.subjects["subject"].to_list()):
        stated = collected.filter(pl.col("subject") == course.subject)
        assert len(course.visits) == stated.height
        assert course.trajectories == []
        assert {visit.stream for visit in course.visits} <= {"inv"}
