"""Safety tables as results: who is counted, rates worked out by hand, the order of lines, lines that nobody can fill."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine import grading
from rules_engine.grading import summaries
from rules_engine.grading.exposure import poisson_limits
from rules_engine.vocabulary import ARD_KEY, ARD_SCHEMA

from tests.strategies.safety import context, graded_events, protocol_options, table

#: 100 days from 2024-03-01, both days counted; subject 6 died on day 50, subject 7 was never treated.
END = date(2024, 6, 8)
SUBJECTS: list[dict[str, Any]] = [
    *({"subject": name, "arm": arm, "end_of_study_date": END, "safety_population": True} for name, arm in zip("1234", "AAAB", strict=True)),
    {"subject": "6", "arm": "B", "end_of_study_date": END, "safety_population": True, "death_date": "2024-04-19"},
    {"subject": "7", "arm": "B", "end_of_study_date": END, "safety_population": False},
]  # fmt: skip
TREATMENTS: list[dict[str, Any]] = [
    {"subject": name, "component": "tace", "start_date": "2024-03-01"} for name in ("1", "2", "3", "4", "6")
]
EVENTS: list[dict[str, Any]] = [
    {"subject": "1", "term": "Fever", "grade": "1", "start_date": "2024-03-10", "end_date": "2024-03-12", "related_to": "tace"},
    {"subject": "1", "term": "Fever", "grade": "3", "start_date": "2024-04-01", "end_date": "2024-04-02", "related_to": "none"},
    {"subject": "2", "term": "Nausea", "grade": "2", "start_date": "2024-03-20", "end_date": "2024-03-21", "related_to": "none"},
    {"subject": "4", "term": "Fever", "grade": "1", "start_date": "2024-03-30", "serious": True, "action_taken": "tace: DRUG WITHDRAWN"},
    {"subject": "6", "term": "Vomiting", "grade": None, "start_date": None, "related_to": "none"},
    {"subject": "7", "term": "Fever", "grade": "4", "start_date": "2024-03-30"},
]  # fmt: skip


def summary(events: list[dict[str, Any]] | None = None, **options: Any) -> pl.DataFrame:
    of_subjects = context(SUBJECTS, TREATMENTS)
    out = graded_events(EVENTS if events is None else events, of_subjects, **options)
    people = table("subjects", SUBJECTS)
    chosen = grading.event_options(options)
    return grading.summarise_events(out.lazy(), people, "arm", options=chosen, context=of_subjects).collect()


def numbers(ard: pl.DataFrame, level: str, group: str | None, variable: str = "overview") -> dict[str, float | None]:
    rows = ard.filter(
        pl.col("variable") == variable, pl.col("level") == level, pl.col("group").eq_missing(pl.lit(group))
    )
    return dict(rows.select("statistic", "value").iter_rows())


def test_results_have_the_columns_of_all_results_and_each_number_stands_once() -> None:
    ard = summary(**protocol_options())
    assert ard.schema == pl.Schema(ARD_SCHEMA)
    assert not ard.select(ARD_KEY).is_duplicated().any()
    assert set(ard["group_variable"].drop_nulls()) == {"arm"}


def test_denominators_are_the_safety_population_by_arm() -> None:
    ard = summary()
    sizes = {group: numbers(ard, "population", group)["subjects"] for group in (None, "A", "B")}
    assert sizes == {None: 5, "A": 3, "B": 2}
    assert numbers(ard, "any", None)["subjects"] == 4  # subject 7 was never treated
    assert numbers(ard, "any", "A")["percent"] == pytest.approx(200 / 3)
    assert numbers(ard, "any", "B") | {"percent": 100.0} == numbers(ard, "any", "B")
    assert set(ard.filter(pl.col("group") == "A")["n"]) == {3}


def test_a_subject_in_no_arm_counts_in_total_and_in_no_arm() -> None:
    people = [{**subject, "arm": None if subject["subject"] == "2" else subject["arm"]} for subject in SUBJECTS]
    of_subjects = context(people, TREATMENTS)
    out = graded_events(EVENTS, of_subjects)
    ard = grading.summarise_events(out.lazy(), table("subjects", people), "arm", context=of_subjects).collect()
    assert not ard.select(ARD_KEY).is_duplicated().any()
    assert {group: numbers(ard, "any", group)["subjects"] for group in (None, "A", "B")} == {None: 4, "A": 1, "B": 2}
    assert {group: numbers(ard, "any", group)["events"] for group in (None, "A", "B")} == {None: 5, "A": 2, "B": 2}
    # Only subject 2 had nausea.
    nausea = {group: numbers(ard, "Nausea", group, "term") for group in (None, "A", "B")}
    assert {group: found["subjects"] for group, found in nausea.items()} == {None: 1, "A": 0, "B": 0}
    assert nausea[None]["grade_2"] == 1


def test_time_is_counted_from_the_first_to_the_last_day_or_death() -> None:
    ard = summary()
    assert numbers(ard, "population", "A")["person_years"] == pytest.approx(300 / 365.25)
    assert numbers(ard, "population", "B")["person_years"] == pytest.approx(150 / 365.25)


def test_rates_are_per_hundred_patient_years_until_the_first_event() -> None:
    found = numbers(summary(), "any", "A")
    # Subject 1 until day 10, subject 2 until day 20, subject 3 for all 100 days.
    assert found["person_years"] == pytest.approx(130 / 365.25)
    assert found["rate"] == pytest.approx(2 / (130 / 365.25) * 100)
    assert found["event_rate"] == pytest.approx(3 / (300 / 365.25) * 100)  # three episodes in 300 days
    # Exact Poisson limits of 2 are 0.2422 and 7.2247.
    assert found["rate_lower"] == pytest.approx(0.24221 / (130 / 365.25) * 100, rel=1e-4)
    assert found["rate_upper"] == pytest.approx(7.22469 / (130 / 365.25) * 100, rel=1e-4)


def test_an_event_without_a_day_leaves_the_time_whole() -> None:
    found = numbers(summary(), "Vomiting", "B", "term")
    assert found["person_years"] == pytest.approx(150 / 365.25)
    assert (found["subjects"], found["not_graded"], found["grade_1"], found["grade_ge_3"]) == (1, 1, 0, 0)


def test_a_line_of_severe_events_is_at_risk_until_the_first_severe_one() -> None:
    found = numbers(summary(), "grade_ge_3", "A")
    assert found["person_years"] == pytest.approx((32 + 100 + 100) / 365.25)  # 2024-04-01 is day 32


def test_the_protocol_says_how_time_is_counted() -> None:
    until_treatment = {"until": "treatment", "days_after": 9, "per_patient_years": 1, "days_per_year": 365}
    found = numbers(summary(exposure=until_treatment), "any", "A")
    assert found["person_years"] == pytest.approx((10 + 10 + 10) / 365)  # ten days for each
    assert found["rate"] == pytest.approx(2 / (30 / 365))


@pytest.mark.parametrize(
    ("number", "lower", "upper"),
    [(0, 0, 3.69), (1, 0.03, 5.57), (2, 0.24, 7.22), (10, 4.80, 18.39), (100, 81.36, 121.63)],
)
def test_poisson_limits_are_the_published_ones(number: int, lower: float, upper: float) -> None:
    """Garwood 1936; Armitage, Berry and Matthews, table of limits of a Poisson mean (two decimals)."""
    below, above = poisson_limits(pl.col("n"), 0.95)
    found = pl.DataFrame({"n": [number]}).select(below.alias("lower"), above.alias("upper")).row(0)
    assert found == pytest.approx((lower, upper), abs=0.005)


def test_causality_seriousness_and_discontinuation_have_lines() -> None:
    ard = summary()
    levels = ("related", "related_tace", "serious", "withdrawn", "withdrawn_tace")
    subjects = {level: numbers(ard, level, None)["subjects"] for level in levels}
    # Related: subject 1's first fever, and subject 4, whose causality is missing.
    assert subjects == {"related": 2, "related_tace": 2, "serious": 1, "withdrawn": 1, "withdrawn_tace": 1}
    assert numbers(ard, "withdrawn_ici", None) == {}  # nobody names the component: no line, and no 0
    assert numbers(ard, "Fever", "B", "serious_term")["subjects"] == 1
    assert numbers(ard, "Fever", "A", "serious_term")["subjects"] == 0
    assert numbers(ard, "Fever", None, "related_term") == {
        "events": 2, "subjects": 2, "percent": 40, "grade_ge_3": 0, "percent_grade_ge_3": 0, "grade_5": 0,
        "percent_grade_5": 0,
    }  # fmt: skip


def test_lines_that_journals_print_by_term_have_classes_and_terms() -> None:
    told = set(summary()["variable"])
    assert {
        "related_term",
        "related_tace_soc",
        "related_tace_term",
        "serious_soc",
        "withdrawn_soc",
        "withdrawn_term",
    } <= told
    assert not told & {"interrupted_soc", "reduced_soc", "fatal_soc", "related_grade_ge_3_soc"}


@pytest.mark.parametrize("judged", [True, None])
def test_a_group_is_told_by_term_where_the_study_records_it(judged: bool | None) -> None:
    colitis = {"subject": "1", "term": "Colitis", "grade": "2", "start_date": "2024-03-30", "immune_related": judged}
    told = set(summary([colitis], event_groups=protocol_options()["event_groups"])["variable"])
    assert ("immune_related_term" in told) == (judged is True)


def test_grades_of_a_line_are_of_each_subject_s_worst_event() -> None:
    found = numbers(summary(), "Fever", None, "term")
    assert [found[f"grade_{grade}"] for grade in range(1, 6)] == [1, 0, 1, 0, 0]
    assert (found["events"], found["subjects"], found["grade_ge_3"], found["percent_grade_ge_3"]) == (3, 2, 1, 20)
    overview = summary()
    worst = [numbers(overview, f"worst_grade_{grade}", None)["subjects"] for grade in range(1, 6)]
    assert worst == [1, 1, 1, 0, 0]


def test_lines_stand_in_the_order_of_journals_in_every_arm() -> None:
    more = (("3", "Nausea"), ("3", "Cough"), ("6", "Anxiety"))
    extra = [{"subject": name, "term": term, "grade": "1", "start_date": "2024-04-01"} for name, term in more]
    ard = summary([*EVENTS, *extra])
    for group in (None, "A", "B"):
        terms = ard.filter(pl.col("variable") == "term", pl.col("group").eq_missing(pl.lit(group)))
        socs = ard.filter(pl.col("variable") == "soc", pl.col("group").eq_missing(pl.lit(group)))
        assert socs["level"].unique(maintain_order=True).to_list() == [
            "Gastrointestinal disorders", "General disorders and administration site conditions", "Psychiatric disorders",
            "Respiratory, thoracic and mediastinal disorders",
        ]  # fmt: skip
        assert terms["level"].unique(maintain_order=True).to_list() == [
            "Nausea",
            "Vomiting",
            "Fever",
            "Anxiety",
            "Cough",
        ]


def test_what_a_study_does_not_record_is_not_0() -> None:
    options = protocol_options()
    unknown = summary(**options).filter(pl.col("level") == "immune_related")
    assert unknown["value"].null_count() == unknown.height > 0
    assert set(unknown["note"]) == {"the study records neither the judgement nor the treatment of events"}
    recorded = [{**event, "immune_related": False} for event in EVENTS]
    assert numbers(summary(recorded, **options), "immune_related", None)["subjects"] == 0


def test_events_soon_after_the_last_treatment_are_counted_too() -> None:
    ard = summary(also_count_within_days=[14, 30])
    found = {
        level: numbers(ard, level, None) for level in ("within_14_days", "within_30_days", "within_30_days_serious")
    }
    # Days 9, 19, 29 and 31 after 2024-03-01; the event without a day counts.
    assert [one["subjects"] for one in found.values()] == [2, 4, 1]
    assert "rate" not in found["within_14_days"]


def test_an_event_after_a_new_therapy_is_not_soon_after_the_last_treatment() -> None:
    new_therapy = {"subject": "1", "treatment": "sorafenib", "kind": "systemic", "start_date": "2024-03-05"}
    of_subjects = context(SUBJECTS, [*TREATMENTS, new_therapy])
    options = grading.event_options({"also_count_within_days": [30]})
    out = graded_events(EVENTS[:1], of_subjects).lazy()
    ard = grading.summarise_events(
        out, table("subjects", SUBJECTS), "arm", options=options, context=of_subjects
    ).collect()
    assert numbers(ard, "any", None)["subjects"] == 1
    assert numbers(ard, "within_30_days", None)["subjects"] == 0


def test_a_syndrome_counts_once_for_a_session() -> None:
    parts = [
        {"subject": "3", "term": term, "grade": "2", "start_date": "2024-03-02"}
        for term in ("Fever", "Nausea", "Fatigue")
    ]
    found = numbers(summary([*EVENTS, *parts], **protocol_options()), "post_embolisation", None)
    assert (found["events"], found["subjects"]) == (1, 1)
    reported = [{"subject": "3", "term": "Post-embolisation syndrome", "grade": "2", "start_date": "2024-03-02"}]
    ard = summary([*EVENTS, *parts, *reported], **protocol_options())
    assert numbers(ard, "post_embolisation", None)["events"] == 1
    assert numbers(ard, "Post-embolisation syndrome", None, "term")["subjects"] == 1
    assert numbers(ard, "Fatigue", None, "term") == {}  # not counted again


def test_a_study_without_events_has_its_population_and_zeros() -> None:
    ard = summary([])
    assert numbers(ard, "population", "A")["subjects"] == 3
    assert numbers(ard, "any", "A") == {
        "events": 0, "subjects": 0, "percent": 0, "person_years": pytest.approx(300 / 365.25), "rate": 0, "rate_lower": 0,
        "rate_upper": pytest.approx(3.68888 / (300 / 365.25) * 100, rel=1e-4), "event_rate": 0,
    }  # fmt: skip


def test_a_subject_without_treatment_has_no_time_and_is_in_no_rate() -> None:
    people = [{**SUBJECTS[0]}, {**SUBJECTS[1]}]
    of_subjects = context(people, TREATMENTS[:1])
    out = graded_events([{"subject": "1", "term": "Fever", "grade": "1", "start_date": "2024-03-10"}], of_subjects)
    ard = grading.summarise_events(out.lazy(), table("subjects", people), context=of_subjects).collect()
    assert numbers(ard, "population", None) == {
        "subjects": 2,
        "person_years": pytest.approx(100 / 365.25),
        "without_time": 1,
    }
    assert numbers(ard, "any", None)["person_years"] == pytest.approx(10 / 365.25)


def test_sessions_of_two_subjects_are_two_on_whatever_days() -> None:
    days = [date(7262, 2, 2), date.max]  # a million days apart, as the numbers of the subjects would be
    frame = pl.DataFrame(
        {"_number": [2, 1], "syndrome_session": days, "_episode": [1, 2]}, schema_overrides={"_number": pl.UInt32()}
    )
    assert days[1].toordinal() - days[0].toordinal() == 10**6
    assert frame.select(summaries._session_numbers()).to_series().n_unique() == 2
