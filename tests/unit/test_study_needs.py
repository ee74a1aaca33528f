"""What a ruleset needs and a study lacks is one error that names the endpoint and the table."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from rules_engine.endpoints import merge_options
from rules_engine.errors import StudyError
from rules_engine.loading import load_ruleset
from rules_engine.model import CriterionRules, EndpointDefinition, ResponseDefinition, Ruleset
from rules_engine.registry import default_registry
from rules_engine.study import Study, read_study
from rules_engine.study import require_tables as require_tables_of

SUBJECTS = pl.DataFrame({"subject": ["1"], "randomisation_date": ["2024-01-01"], "death_date": [None]})
LESIONS = pl.DataFrame(
    {"subject": ["1"], "visit_date": ["2024-01-01"], "is_baseline": ["Y"], "lesion_id": ["T1"], "role": ["target"]}
)
RESPONSES = pl.DataFrame({"subject": ["1"], "date": ["2024-03-01"], "criterion": ["RECIST 1.1"], "response": ["SD"]})
DERIVED = ResponseDefinition("overall", "derived", CriterionRules("mrecist", "mrecist", {}), assessor="investigator")
COLLECTED = ResponseDefinition("site", "collected", collected_as="recist 1.1", assessor="investigator")


#: The options of an endpoint, complete, that need nothing but subjects.
PLAIN = merge_options(
    load_ruleset(
        {
            "rules_engine": 1, "id": "plain", "kind": "protocol", "title": "Plain", "extends": ["common"],
            "responses": {"any": {"collected_as": "any"}}, "endpoints": {"PFS": {"like": "PFS", "response": "any"}},
        }
    ).endpoints["PFS"].options,
    {"events": ["death"], "new_therapy": "ignore", "curative_conversion": "as_new_therapy"},
)  # fmt: skip


def require_tables(study: Study, rules: Ruleset) -> None:
    require_tables_of(study, rules, default_registry())


def ruleset(stream: str | None = None, document: dict[str, Any] | None = None, **options: Any) -> Ruleset:
    return Ruleset(
        "trial", "protocol", "Trial", document or {}, responses={"overall": DERIVED, "site": COLLECTED},
        endpoints={"PFS": EndpointDefinition("PFS", "time_to_event", "PFS", stream, merge_options(PLAIN, options))},
    )  # fmt: skip


def lacking(rules: Ruleset, **tables: pl.DataFrame) -> list[str]:
    study = read_study({"subjects": SUBJECTS, **tables})
    try:
        require_tables(study, rules)
    except StudyError as error:
        return [problem.where.removeprefix("table ") for problem in error.problems]
    return []


def test_a_study_that_has_what_is_needed_passes() -> None:
    assert (
        lacking(ruleset("overall", origin="randomisation", events=["progression", "death"]), lesion_assessments=LESIONS)
        == []
    )
    assert lacking(ruleset("site"), response_assessments=RESPONSES) == []


@pytest.mark.parametrize(
    ("response", "options", "table"),
    [
        ("overall", {}, "lesion_assessments"),
        ("site", {}, "response_assessments"),
        (None, {"origin": "first_component"}, "treatments"),
        (None, {"response": {"landmark": {"anchor": "first_tace"}}}, "treatments"),
        (None, {"new_therapy": "censor"}, "treatments"),
        (None, {"new_therapy": "ignore", "curative_conversion": "event"}, "treatments"),
        (None, {"repeat_tace": "as_new_therapy", "new_therapy": "event"}, "treatments"),
        (None, {"events": ["discontinuation", "death"]}, "treatments"),
        (None, {"events": ["ttup_kinds"]}, "clinical_events"),
        (None, {"events": ["progression"], "clinical_progression": "event"}, "clinical_events"),
        (None, {"origin": "enrolment"}, "subjects"),
    ],
)
def test_each_need_is_recognised(response: str | None, options: dict[str, Any], table: str) -> None:
    assert lacking(ruleset(response, **options)) == [table]


@pytest.mark.parametrize(
    "options",
    [
        {"new_therapy": "ignore", "curative_conversion": "as_new_therapy"}, {"censoring_rules": ["cutoff"],
        "new_therapy": "censor"},
        {"events": ["death"], "clinical_progression": "event"}, {"origin": "randomisation"},
    ],
)  # fmt: skip
def test_what_is_not_used_is_not_asked_for(options: dict[str, Any]) -> None:
    assert lacking(ruleset(None, **options)) == []


def test_sections_need_their_tables() -> None:
    rules = ruleset(None, {"adverse_events": {"grading": "x"}, "labs": {"grading": "x"}})
    assert lacking(rules) == ["adverse_events", "labs"]


def test_the_message_names_endpoints_reasons_and_the_remedy() -> None:
    with pytest.raises(StudyError) as raised:
        require_tables(read_study({"subjects": SUBJECTS}), ruleset("overall", new_therapy="censor"))
    text = str(raised.value)
    assert "endpoint PFS (response overall)" in text
    assert "endpoint PFS (censoring rule new_therapy)" in text
    assert "add a file treatments.csv or treatments.parquet (column names alone, if there is no such record)" in text


def test_an_empty_table_is_an_answer() -> None:
    none = pl.DataFrame(schema={"subject": pl.String, "treatment": pl.String, "start_date": pl.String})
    assert lacking(ruleset(None, new_therapy="censor"), treatments=none) == []


def test_a_reading_that_nobody_made_is_refused_with_what_there_is() -> None:
    others = LESIONS.with_columns(assessor=pl.lit("independent"))
    with pytest.raises(
        StudyError, match="reads assessor investigator, of which the table has no row; it has assessor independent"
    ):
        require_tables(read_study({"subjects": SUBJECTS, "lesion_assessments": others}), ruleset("overall"))
    mine = RESPONSES.with_columns(criterion=pl.lit("mRECIST"))
    with pytest.raises(StudyError, match="it has assessor investigator, criterion mRECIST"):
        require_tables(read_study({"subjects": SUBJECTS, "response_assessments": mine}), ruleset("site"))
