"""Immune-related events, the post-embolisation syndrome, causality, deaths and unspecified terms: rules of the ruleset."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine import grading
from rules_engine.errors import RulesetError, UsageError
from rules_engine.grading.causality import read_actions, read_causality
from rules_engine.grading.documents import rules_of_version
from rules_engine.loading import load_ruleset

from tests.strategies.safety import context, graded_events, protocol_options

TREATMENTS = [
    {"subject": "1", "component": "tace", "start_date": "2024-03-01"},
    {"subject": "1", "component": "tace", "start_date": "2024-05-01"},
    {"subject": "1", "component": "ici", "start_date": "2024-03-10", "last_date": date(2024, 9, 1)},
]
OPTIONS = protocol_options()


def graded(*events: dict[str, Any], **subject: Any) -> pl.DataFrame:
    rows = [{"subject": "1", "grade": "2", **event} for event in events]
    return graded_events(rows, context([{"subject": "1", **subject}], TREATMENTS), **OPTIONS)


def event(term: str, day: str, **more: Any) -> dict[str, Any]:
    return {"term": term, "start_date": day, **more}


def found(out: pl.DataFrame) -> list[str]:
    return grading.event_findings(out.lazy()).collect()["rule_id"].str.replace("grading.events.", "").sort().to_list()


# Immune-related -------------------------------------------------------------------------------------------------------

TREATED = {"treated_with": "steroid", "treated_from": "2024-05-10", "related_to": "ici"}


@pytest.mark.parametrize(
    ("more", "recorded", "derived"),
    [
        ({"immune_related": True}, True, False),
        ({"immune_related": True, **TREATED}, True, False),  # what the study says is not mixed with the rule
        ({"immune_related": False, **TREATED}, False, False),
        (TREATED, False, True),
        ({**TREATED, "related_to": "tace;ici"}, False, True),
        ({**TREATED, "related_to": None}, False, True),  # missing causality counts as related
        ({**TREATED, "related_to": "tace"}, False, False),
        ({**TREATED, "related_to": "none"}, False, False),
        ({**TREATED, "treated_with": "Hormone; other"}, False, True),
        ({**TREATED, "treated_with": "loperamide"}, False, False),
        ({**TREATED, "treated_with": None}, False, False),
        ({**TREATED, "treated_from": "2024-05-31"}, False, True),  # day 30
        ({**TREATED, "treated_from": "2024-06-01"}, False, False),
        ({**TREATED, "treated_from": "2024-04-30"}, False, False),  # before the onset
        ({**TREATED, "treated_from": "2024-05"}, False, True),  # may have been in time
        ({**TREATED, "treated_from": None}, False, True),
    ],
)
def test_immune_related_as_recorded_or_else_by_rule(more: dict[str, Any], recorded: bool, derived: bool) -> None:
    out = graded(event("Colitis", "2024-05-01", **more))
    answers = [
        out[column].str.split(";").list.contains("immune_related").fill_null(value=False).item()
        for column in ("groups_recorded", "groups_derived")
    ]
    assert answers == [recorded, derived]


def test_only_terms_of_the_list_are_immune_related_by_rule() -> None:
    out = graded(event("Fever", "2024-05-01", **TREATED), event("Diarrhoea", "2024-05-01", **TREATED))
    assert out["groups_derived"].to_list() == [None, "immune_related"]


def test_other_hepatobiliary_disorders_are_immune_related_where_hepatitis_was_specified() -> None:
    term = "Hepatobiliary disorders - Other, specify"
    out = graded(
        event(term, "2024-05-01", specification="Immune Hepatitis", **TREATED),
        event(term, "2024-05-01", specification="cyst", **TREATED),
        event(f"{term}: autoimmune hepatitis", "2024-05-01", **TREATED),
        event(term, "2024-05-01", **TREATED),
    )
    assert out["groups_derived"].to_list() == ["immune_related", None, "immune_related", None]
    assert out["analysis_term"].to_list() == ["Immune hepatitis", "Cyst", "Autoimmune hepatitis", term]
    assert found(out) == ["other_not_specified"]


def test_infusion_reactions_are_a_group_of_their_own() -> None:
    out = graded(event("Cytokine release syndrome", "2024-03-10"))
    assert out["groups_derived"].to_list() == ["infusion_reaction"]


# Post-embolisation syndrome -------------------------------------------------------------------------------------------


def test_two_of_fever_pain_and_nausea_soon_after_tace_are_a_syndrome() -> None:
    out = graded(
        event("Fever", "2024-03-01", grade="1"),
        event("Vomiting", "2024-03-08", grade="2"),  # day 7
        event("Alanine aminotransferase increased", "2024-03-03", grade="3"),  # belongs, and counts as no part
        event("Abdominal pain", "2024-03-09", grade="4"),  # day 8
        event("Cough", "2024-03-02"),
        event("Fever", "2024-05-02"),  # alone after the second session
        event("Fatigue", "2024-05-02"),
    )
    assert out["syndrome"].to_list() == ["post_embolisation"] * 3 + [None] * 4
    assert out["syndrome_session"].unique().drop_nulls().to_list() == [date(2024, 3, 1)]
    assert out["syndrome_grade"].to_list() == [3, 3, 3, None, None, None, None]
    assert out["is_counted"].all()  # each component keeps its own line


@pytest.mark.parametrize(
    ("terms", "is_one"),
    [
        (("Nausea", "Vomiting"), False),  # one part
        (("Abdominal pain", "Hepatic pain"), False),
        (("Hepatic pain", "Nausea"), True),
        (("Fatigue", "Fever"), False),
        (("Fever", "Blood bilirubin increased"), False),
    ],
)
def test_parts_are_counted_not_terms(terms: tuple[str, ...], is_one: bool) -> None:
    out = graded(*(event(term, "2024-03-02") for term in terms))
    assert out["syndrome"].is_not_null().all() == is_one
    assert out["syndrome"].is_null().all() != is_one


def test_an_event_belongs_to_the_last_session_before_it() -> None:
    close = [*TREATMENTS, {"subject": "1", "component": "tace", "start_date": "2024-03-05"}]
    rows = [
        {"subject": "1", "grade": "1", **event(term, day)}
        for term, day in (("Fever", "2024-03-04"), ("Nausea", "2024-03-06"))
    ]
    out = graded_events(rows, context([{"subject": "1"}], close), **OPTIONS)
    assert out["syndrome"].to_list() == [None, None]  # one part after each session


@pytest.mark.parametrize(
    "word", ["Post-embolisation syndrome", "POSTEMBOLIZATION SYNDROME", "post\u2013embolization syndrome."]
)
def test_a_syndrome_that_is_reported_is_coded_and_its_components_are_not_counted_again(word: str) -> None:
    out = graded(
        event(word, "2024-03-02", grade="2"), event("Fever", "2024-03-02", grade="3"), event("Cough", "2024-03-02"),
        event("Fever", "2024-05-02"),
    )  # fmt: skip
    assert out["ctcae_term"][0] == "General disorders and administration site conditions - Other, specify"
    assert out["analysis_term"].to_list() == ["Post-embolisation syndrome", "Fever", "Cough", "Fever"]
    assert out["term_match"][0] == "synonym"
    assert out["is_counted"].to_list() == [True, False, True, True]
    assert out["in_window"].all()
    assert found(out) == []


def test_a_reported_syndrome_without_a_session_stands_for_itself() -> None:
    out = graded(event("Post-embolisation syndrome", "2024-08-01"), event("Fever", "2024-08-01"))
    assert out["syndrome"].to_list() == ["post_embolisation", None]
    assert out["is_counted"].all()


def test_events_without_a_day_are_no_part_of_a_syndrome() -> None:
    out = graded(event("Fever", "2024-03-02"), {"term": "Nausea", "start_date": None})
    assert out["syndrome"].null_count() == 2


# Options --------------------------------------------------------------------------------------------------------------


def test_a_group_that_names_no_term_is_refused_where_it_is_stated() -> None:
    options = {"event_groups": {"immune_related": {"terms": ["Colitis", "Colitits"]}}}
    with pytest.raises(RulesetError) as refused:
        load_ruleset("tace_ici_safety", overrides={"adverse_events": {"options": options}})
    (problem,) = refused.value.problems
    assert "'Colitits' is no term of version 5.0" in problem.what
    assert "did you mean 'Colitis'?" in problem.remedy
    assert "event_groups.immune_related.terms.1" in str(problem)


def test_a_group_that_names_no_term_is_refused_by_the_library_too() -> None:
    with pytest.raises(UsageError, match="did you mean 'Fever'"):
        graded_events(
            [], context([{"subject": "1"}], TREATMENTS), event_groups={"hot": {"label": "Hot", "terms": ["Feber"]}}
        )


# Causality and actions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "components"),
    [
        ("tace;ici", "ici;tace"), (" TACE ; ICI ", "ici;tace"), ("ici, tace", "ici;tace"), ("Y", "unspecified"),
        ("Possibly Related", "unspecified"), ("none", "none"), ("NOT RELATED", "none"), ("N", "none"), ("", None), (" ; ", None),
    ],
)  # fmt: skip
def test_causality_in_the_words_of_studies(text: str, components: str | None) -> None:
    assert read_causality(text, rules_of_version("5.0").event_words) == components


@pytest.mark.parametrize(
    ("text", "withdrawn", "interrupted", "reduced"),
    [
        ("DRUG WITHDRAWN", "unspecified", None, None),
        ("ici: DRUG WITHDRAWN; tace: dose not changed", "ici", None, None),
        ("ICI: drug withdrawn; TACE: Drug Withdrawn", "ici;tace", None, None),
        ("tace: DOSE DELAYED; ici: DOSE REDUCED", None, "tace", "ici"),
        ("NOT APPLICABLE", None, None, None),
    ],
)
def test_actions_in_the_words_of_studies(text: str, withdrawn: str, interrupted: str, reduced: str) -> None:
    actions = read_actions(text, rules_of_version("5.0").event_words)
    assert actions == {"withdrawn": withdrawn, "interrupted": interrupted, "reduced": reduced}


def test_a_missing_causality_counts_as_related_and_none_does_not() -> None:
    out = graded(*(event("Fever", "2024-08-01", related_to=text) for text in (None, "none", "tace", "Y")))
    assert out["is_related"].to_list() == [True, False, True, True]
    assert out["related_components"].to_list() == [None, "none", "tace", "unspecified"]


# Deaths, grades and terms ---------------------------------------------------------------------------------------------


def test_grade_5_is_held_against_the_deaths_of_the_study() -> None:
    fatal = event("Hepatic failure", "2024-08-01", grade="5", outcome="FATAL", serious=True)
    assert found(graded(fatal)) == ["death_not_recorded"]
    assert found(graded(fatal, death_date="2024-08-03")) == []
    assert found(graded({**fatal, "outcome": None}, death_date="2024-08-03")) == ["grade5_not_fatal"]
    assert found(graded({**fatal, "grade": "4"}, death_date="2024-08-03")) == ["fatal_not_grade5"]
    assert found(graded({**fatal, "term": "Fatigue", "grade": "3"}, death_date="2024-08")) == [
        "fatal_not_grade5", "fatal_term_has_no_grade5",
    ]  # fmt: skip


def test_a_death_term_beside_a_cause_is_found() -> None:
    out = graded(
        event("Hepatic failure", "2024-08-01", grade="5", fatal=True, serious=True),
        event("Death NOS", "2024-08-01", grade="5", fatal=True, serious=True),
        death_date="2024-08-03",
    )
    assert found(out) == ["several_deaths"] * 2


def test_seriousness_and_hospital_against_the_grade() -> None:
    out = graded(
        event("Fever", "2024-08-01", grade="4", serious=False), event("Fever", "2024-08-01", grade="2", hospitalised=True),
        event("Fever", "2024-08-01", grade="3", hospitalised=True, serious=True), event("Fever", "2024-08-01", grade="4"),
    )  # fmt: skip
    assert out["consistency_codes"].to_list() == ["SER_GRADE", "SER_GRADE", None, None]


@pytest.mark.parametrize(
    ("grade", "number", "code"),
    [
        ("3", 3, "OK"), ("3.0", 3, "OK"), (" Grade 3 ", 3, "OK"), ("G3", 3, "OK"), ("grade3", 3, "OK"), ("III", None, "GRADE_NOT_INTEGER"),
        ("7", None, "GRADE_NOT_INTEGER"), ("3.5", None, "GRADE_NOT_INTEGER"), ("2-3", None, "GRADE_NOT_INTEGER"),
        ("-3", None, "GRADE_NOT_INTEGER"), ("0", None, "GRADE_ZERO"), ("severe", None, "GRADE_NOT_INTEGER"), (None, None, None),
        ("5", 5, "OK"),
    ],
)  # fmt: skip
def test_grades_as_studies_write_them(grade: str | None, number: int | None, code: str | None) -> None:
    out = graded(event("Fever", "2024-08-01", grade=grade))
    assert out.select("atoxgrn", "grade_code", "grade").row(0) == (number, code, grade)


def test_events_without_a_grade_are_counted_by_subject() -> None:
    out = graded(event("Fever", "2024-08-01", grade=None), event("Cough", "2024-08-01", grade=None))
    findings = grading.event_findings(out.lazy()).collect()
    assert findings.select("rule_id", "subject", "record").row(0) == ("grading.events.grade_missing", "1", "1")
    assert findings["message"][0].startswith("2 event record(s)")


def test_a_specification_that_is_a_term_of_its_own_is_found() -> None:
    out = graded(event("Gastrointestinal disorders - Other, specify", "2024-08-01", specification="Nausea"))
    assert found(out) == ["other_has_term"]
    named = graded(event("Cardiac disorders - Other, specify", "2024-08-01", decoded_term="Extrasystoles"))
    assert named["analysis_term"].to_list() == ["Extrasystoles"]
    assert found(named) == []


# When an event was ----------------------------------------------------------------------------------------------------


def test_before_on_and_after_treatment() -> None:
    out = graded(
        *(event("Fever", day) for day in ("2024-02-01", "2024-03-01", "2024-09-01", "2024-09-02", "2024-10-01"))
    )
    assert out["before_treatment"].to_list() == [True, False, False, False, False]
    assert out["on_treatment"].to_list() == [False, True, True, False, False]
    assert out["days_after_treatment"].to_list() == [None, None, None, 1, 30]


def test_a_window_may_end_before_a_new_therapy() -> None:
    new = [*TREATMENTS, {"subject": "1", "component": None, "kind": "systemic", "start_date": "2024-07-01"}]
    rows = [{"subject": "1", "grade": "1", **event("Fever", day, end_date=day)} for day in ("2024-06-30", "2024-07-01")]
    for cut, expected in ((True, [True, False]), (False, [True, True])):
        of_subject = context([{"subject": "1"}], new, {"cut_at_new_therapy": cut})
        out = graded_events(rows, of_subject, **OPTIONS)
        assert out["in_window"].to_list() == expected
        assert out["before_new_therapy"].to_list() == [True, False]
