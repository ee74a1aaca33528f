"""Adverse events in named facts: terms, grades, dates, emergence, episodes, flags, summaries."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine import contracts, grading
from rules_engine.errors import UsageError
from rules_engine.grading.documents import rules_of_version
from rules_engine.vocabulary import ARD_SCHEMA

START = date(2024, 3, 1)


def match(text: str) -> tuple[str | None, str]:
    answer = grading.term_match({"text": text})
    return answer["canonical"], answer["method"]


@pytest.mark.parametrize(
    ("text", "term", "method"),
    [
        ("  nausea. ", "Nausea", "exact"),
        (
            "Palmar\u2013plantar\u00a0erythrodysesthesia  syndrome",
            "Palmar-plantar erythrodysesthesia syndrome",
            "exact",
        ),
        ("CARDIAC DISORDERS-OTHER (SPECIFY)", "Cardiac disorders - Other, specify", "exact"),
        ("Cardiac disorders \u2212 other,specify", "Cardiac disorders - Other, specify", "exact"),
        (
            "Musculoskeletal and connective tissue disorders - Other, specify",
            "Musculoskeletal and connective tissue disorder - Other, specify",
            "alias",
        ),
        ("Anaemia", "Anemia", "spelling"),
        ("Diarrhoea", "Diarrhea", "spelling"),
        ("Oesophageal varices haemorrhage", "Esophageal varices hemorrhage", "spelling"),
        ("Gastroesophageal reflux disease", "Gastroesophageal reflux disease", "exact"),
        ("Neutropenia", None, "none"),
        ("Pyrexia", None, "none"),
        ("ALT increased", None, "none"),
        ("", None, "none"),
    ],
)
def test_a_reported_term_is_matched_by_rule_and_never_by_likeness(text: str, term: str | None, method: str) -> None:
    assert match(text) == (term, method)


def test_near_names_are_offered_for_review() -> None:
    nearest = grading.term_match({"text": "Fevers"})["nearest"]
    assert "Fever" in nearest
    assert len(nearest) <= 3


def test_a_study_may_bring_synonyms_to_dictionary_terms_only() -> None:
    record = {"text": "PYREXIA", "synonyms": {"Pyrexia": "Fever"}}
    assert grading.term_match(record) == {"canonical": "Fever", "method": "synonym", "nearest": []}
    with pytest.raises(UsageError, match="Fevr"):
        grading.term_match({"text": "x", "synonyms": {"Pyrexia": "Fevr"}})


@pytest.mark.parametrize(
    ("term", "grade", "code"),
    [
        ("Fever", "3", "OK"),
        ("Fever", "3.0", "OK"),
        ("Fever", " Grade 3", "OK"),
        ("Fever", "G3", "OK"),
        ("Fever", 3, "OK"),
        ("Fever", "III", "GRADE_NOT_INTEGER"),
        ("Fever", "2-3", "GRADE_NOT_INTEGER"),
        ("Fever", "3.5", "GRADE_NOT_INTEGER"),
        ("Fever", "6", "GRADE_NOT_INTEGER"),
        ("Fever", "-1", "GRADE_NOT_INTEGER"),
        ("Fever", "severe", "GRADE_NOT_INTEGER"),
        ("Fever", "0", "GRADE_ZERO"),
        ("Fatigue", "4", "GRADE_NOT_DEFINED"),
        ("Eosinophilia", "2", "GRADE_NOT_DEFINED"),
        ("Hypermagnesemia", "2", "GRADE_NOT_DEFINED"),
        ("Acute kidney injury", "2", "GRADE_NOT_DEFINED"),
        ("Death NOS", "5", "OK"),
        ("Neutropenia", "3", "TERM_UNKNOWN"),
        ("Neutropenia", "7", "GRADE_NOT_INTEGER"),
    ],
)
def test_a_grade_must_be_one_that_the_term_has(term: str, grade: object, code: str) -> None:
    answer = grading.grade_validity({"term": term, "grade": grade})
    assert answer["code"] == code
    assert answer["valid"] == (code in ("OK", "TERM_UNKNOWN"))


def test_validity_depends_on_the_version() -> None:
    record = {"term": "Hyponatremia", "grade": "2"}
    assert grading.grade_validity(record)["valid"]
    assert not grading.grade_validity({**record, "version": "4.03"})["valid"]
    assert grading.grade_validity({"term": "Myocarditis", "grade": 1, "version": "4.03"})["valid"]
    assert not grading.grade_validity({"term": "Myocarditis", "grade": 1})["valid"]


@pytest.mark.parametrize(
    ("record", "flags"),
    [
        ({"term": "Sepsis", "grade": "5", "AESDTH": "Y"}, []),
        ({"term": "Sepsis", "grade": "5", "AEOUT": "FATAL"}, []),
        ({"term": "Sepsis", "grade": "5", "AESDTH": "N"}, ["GRADE5_NOT_FATAL"]),
        ({"term": "Sepsis", "grade": "4", "AEOUT": "fatal"}, ["FATAL_NOT_GRADE5"]),
        ({"term": "Fatigue", "grade": "3", "AESDTH": "Y"}, ["FATAL_NOT_GRADE5", "FATAL_TERM_HAS_NO_GRADE5"]),
        ({"term": "Sepsis", "grade": "4", "AESER": "N"}, ["SER_GRADE"]),
        ({"term": "Sepsis", "grade": "4", "AESER": "Y"}, []),
        ({"term": "Fever", "grade": "2", "AESER": "Y", "AESHOSP": "Y"}, ["SER_GRADE"]),
        ({"term": "Fever", "grade": None, "AESDTH": "Y"}, []),
    ],
)
def test_grade_outcome_and_seriousness_must_fit(record: dict[str, Any], flags: list[str]) -> None:
    assert grading.consistency(record)["flags"] == flags


@pytest.mark.parametrize(
    ("low_term", "high_term", "low", "high", "expected"),
    [
        ("a", "b", "3", None, "-3"),
        ("a", "b", "1", "0", "-1"),
        ("a", "b", "0", "4", "4"),
        ("a", "b", None, "1", "1"),
        ("a", "b", "0", "0", "0"),
        ("a", "b", "0", None, None),
        ("a", "b", None, "0", None),
        ("a", "b", None, None, None),
        (None, "b", None, "0", "0"),
        ("a", None, "0", None, "0"),
        (None, None, None, None, None),
        ("a", "b", "2", "3", "-2"),
    ],
)
def test_two_directions_become_one_signed_grade(
    low_term: str | None, high_term: str | None, low: str | None, high: str | None, expected: str | None
) -> None:
    record = {"ATOXDSCL": low_term, "ATOXDSCH": high_term, "ATOXGRL": low, "ATOXGRH": high}
    assert grading.combine_atoxgr(record)["ATOXGR"] == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"TRTSDT": None, "ASTDT": "2024-03-02"}, None),
        ({"ASTDT": "2024-03-01"}, "Y"),
        ({"ASTDT": None, "AENDT": "2024-02-29"}, None),
        ({"ASTDT": None, "AENDT": "2024-03-01"}, "Y"),
        ({"ASTDT": None, "AENDT": None}, "Y"),
        ({"ASTDT": "2024-02-01", "AENDT": "2024-03-09", "AEITOXGR": "1", "AETOXGR": "2"}, "Y"),
        ({"ASTDT": "2024-02-01", "AENDT": "2024-03-09", "AEITOXGR": "2", "AETOXGR": "2"}, None),
        ({"ASTDT": "2024-02-01", "AENDT": "2024-03-09", "AEITOXGR": None, "AETOXGR": "2"}, "Y"),
        ({"ASTDT": "2024-02-01", "AENDT": "2024-02-28", "AEITOXGR": "1", "AETOXGR": "3"}, None),
        ({"ASTDT": "2024-07-30", "TRTEDT": "2024-06-30", "window_days": 30}, "Y"),
        ({"ASTDT": "2024-07-31", "TRTEDT": "2024-06-30", "window_days": 30}, None),
        ({"ASTDT": "2024-07-31", "TRTEDT": "2024-06-30", "window_days": None}, "Y"),
        ({"ASTDT": "2024-07-31", "TRTEDT": None, "window_days": 30}, "Y"),
    ],
)
def test_an_event_emerges_under_treatment_or_worsens_into_it(record: dict[str, Any], expected: str | None) -> None:
    assert grading.treatment_emergent({"TRTSDT": "2024-03-01", **record})["TRTEMFL"] == expected


@pytest.mark.parametrize(
    ("record", "day", "flag"),
    [
        ({"AESTDTC": "2024-05-17"}, "2024-05-17", None),
        ({"AESTDTC": "2024-05-17T10:30"}, "2024-05-17", None),
        ({"AESTDTC": "2024-05", "TRTSDT": "2024-03-10"}, "2024-05-01", "D"),
        ({"AESTDTC": "2024-05", "TRTSDT": "2024-05-10"}, "2024-05-10", "D"),
        ({"AESTDTC": "2024", "TRTSDT": "2024-05-10"}, "2024-05-10", "M"),
        ({"AESTDTC": "2023", "TRTSDT": "2024-05-10"}, "2023-01-01", "M"),
        ({"AESTDTC": "2024-05", "TRTSDT": "2024-05-10", "AEENDTC": "2024-05-08"}, "2024-05-01", "D"),
        ({"AESTDTC": "2024", "TRTSDT": "2024-05-10", "AEENDTC": "2024-04"}, "2024-01-01", "M"),
        ({"AESTDTC": "2024-05", "TRTSDT": "2024-05-10", "DTHDT": "2024-05-04"}, "2024-05-04", "D"),
        ({"AESTDTC": None, "TRTSDT": "2024-05-10"}, None, None),
    ],
)
def test_an_incomplete_start_moves_onto_the_first_treatment_where_it_may(
    record: dict[str, Any], day: str | None, flag: str | None
) -> None:
    answer = grading.date_imputation(record)
    assert (answer["ASTDT"], answer["ASTDTF"]) == (day, flag)


@pytest.mark.parametrize(
    ("record", "day", "flag"),
    [
        ({"AEENDTC": "2024-02"}, "2024-02-29", "D"),
        ({"AEENDTC": "2024"}, "2024-12-31", "M"),
        ({"AEENDTC": "2024", "DTHDT": "2024-06-05", "EOSDT": "2024-06-10"}, "2024-06-05", "M"),
        ({"AEENDTC": "2024-06", "EOSDT": "2024-06-10"}, "2024-06-10", "D"),
        ({"AEENDTC": "2024-06", "DCUTDT": "2024-06-08"}, "2024-06-08", "D"),
        ({"AEENDTC": None, "EOSDT": "2024-06-10"}, None, None),
    ],
)
def test_an_incomplete_end_is_the_last_day_that_it_may_be(
    record: dict[str, Any], day: str | None, flag: str | None
) -> None:
    answer = grading.date_imputation(record)
    assert (answer["AENDT"], answer["AENDTF"]) == (day, flag)


def record(seq: int, term: str, grade: str | None, day: str | None, **more: Any) -> dict[str, Any]:
    return {
        "USUBJID": "1",
        "AESEQ": seq,
        "AEDECOD": term,
        "AEBODSYS": "Class",
        "AETOXGR": grade,
        "ASTDT": day,
        "TRTEMFL": "Y",
        **more,
    }


def test_occurrence_flags_pick_the_first_record_and_the_first_of_the_worst_grade() -> None:
    records = [
        record(1, "Fever", "3", "2024-01-05", TRTEMFL=None),
        record(2, "Fever", "1", "2024-02-01"),
        record(3, "Fever", "2", "2024-02-03"),
        record(4, "Nausea", "2", "2024-02-03"),
        record(5, "Nausea", "2", "2024-02-02", AEBODSYS="Other"),
        record(6, "Rash", None, None),
    ]
    assert grading.occurrence_flags({"records": records}) == {
        "AOCCFL": [2],
        "AOCCSFL": [2, 5],
        "AOCCPFL": [2, 5, 6],
        "AOCCIFL": [5],
        "AOCCSIFL": [3, 5],
        "AOCCPIFL": [3, 5, 6],
    }


def test_a_summary_counts_each_subject_once_at_the_worst_grade() -> None:
    records = [
        record(1, "Fever", "1", "2024-02-01", AESER="Y", AREL="N"),
        record(2, "Fever", "3", "2024-02-03", AREL="N"),
        record(3, "Nausea", "2", "2024-02-03", USUBJID="2"),
        record(4, "Nausea", None, "2024-02-03", USUBJID="3", AREL="N"),
    ]
    assert grading.summary({"N_safety": 8, "records": records}) == {
        "N": 8,
        "n_records": 4,
        "any": 3,
        "grade_ge3": 1,
        "grade5": 0,
        "serious": 1,
        "related": 1,
        "pct_any": 37.5,
        "worst_grade_by_term": {"Fever": {"3": 1}, "Nausea": {"2": 1, "not graded": 1}},
        "worst_grade_by_soc": {"Class": {"2": 1, "3": 1, "not graded": 1}},
    }


def test_tables_are_sorted_by_frequency_then_name() -> None:
    records = [
        record(1, "Nausea", "1", None, AEBODSYS="Gut"),
        record(2, "Vomiting", "1", None, AEBODSYS="Gut"),
        record(3, "Vomiting", "1", None, AEBODSYS="Gut", USUBJID="2"),
        record(4, "Cough", "1", None, AEBODSYS="Chest"),
        record(5, "Asthma", "1", None, AEBODSYS="Chest", USUBJID="2"),
        record(6, "Rash", "1", None, AEBODSYS="Skin"),
    ]
    assert grading.sort_order({"records": records}) == [
        ["Chest", 2],
        ["  Asthma", 1],
        ["  Cough", 1],
        ["Gut", 2],
        ["  Vomiting", 2],
        ["  Nausea", 1],
        ["Skin", 1],
        ["  Rash", 1],
    ]


def test_exposure_adjusted_rate() -> None:
    subjects = [{"event": True, "years": 0.5}, {"event": False, "years": 1.5}, {"event": "Y", "years": 2}]
    answer = grading.eair({"subjects": subjects, "per_patient_years": 100})
    assert answer == {"n": 2, "person_years": 4.0, "rate": 50.0}
    assert grading.eair({"subjects": []})["rate"] is None


# Frames ---------------------------------------------------------------------------------------------------------------


def event(
    seq: int, term: str, grade: str | None, start: str | None, end: str | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "subject": "1",
        "aeseq": seq,
        "row": seq,
        "term": term,
        "grade": grade,
        "start_date": start,
        "end_date": end,
        **more,
    }


def graded(*rows: dict[str, Any], window: dict[str, Any] | None = None, **options: Any) -> pl.DataFrame:
    subjects = pl.DataFrame(
        [{"subject": "1", "end_of_study_date": date(2024, 12, 1)}, {"subject": "2"}],
        schema=contracts.canonical_schema(contracts.TABLES["subjects"]),
    )
    treatments = pl.DataFrame(
        [
            {"subject": "1", "component": "tace", "start_date": "2024-03-01"},
            {"subject": "1", "component": "ici", "start_date": "2024-04-01", "last_date": date(2024, 6, 30)},
            {"subject": "1", "component": None, "start_date": "2024-01-01"},
        ],
        schema=contracts.canonical_schema(contracts.TABLES["treatments"]),
    )
    context = grading.derive_context(subjects.lazy(), treatments.lazy(), date(2024, 12, 31), window)
    events = pl.LazyFrame(list(rows), schema=contracts.canonical_schema(contracts.TABLES["adverse_events"]))
    rules = rules_of_version("5.0")
    return grading.derive_event_grades(events, rules, grading.EventOptions(**options), context).collect()


def test_events_keep_what_was_reported_and_gain_what_it_means() -> None:
    out = graded(event(1, "Anaemia", "Grade 3", "2024-03", "2024-04", decoded_term="Anaemia", soc="Blood"))
    row = out.row(0, named=True)
    assert (row["term"], row["grade"]) == ("Anaemia", "Grade 3")
    assert (row["ctcae_term"], row["term_match"], row["atoxgr"], row["atoxgrn"]) == ("Anemia", "spelling", "3", 3)
    # Tables show the dictionary's word, not the study's spelling of it.
    assert (row["analysis_term"], row["analysis_soc"]) == ("Anemia", "Blood and lymphatic system disorders")
    assert (row["astdt"], row["astdtf"], row["aendt"], row["aendtf"]) == (START, "D", date(2024, 4, 30), "D")
    assert (row["astdy"], row["aendy"], row["treatment_emergent"], row["in_window"]) == (1, 61, True, True)


def test_there_is_no_study_day_0() -> None:
    out = graded(event(1, "Fever", "1", "2024-02-29"), event(2, "Fever", "1", "2024-03-01"))
    assert out["astdy"].to_list() == [-1, 1]


def test_doubtful_grades_are_kept_coded_and_found() -> None:
    out = graded(
        event(1, "Fatigue", "4", "2024-03-05"),
        event(2, "Fever", "II", "2024-03-05"),
        event(3, "Fever", None, "2024-03-05"),
    )
    assert out["grade"].to_list() == ["4", "II", None]
    assert out["atoxgrn"].to_list() == [4, None, None]
    assert out["grade_code"].to_list() == ["GRADE_NOT_DEFINED", "GRADE_NOT_INTEGER", None]
    found = grading.event_findings(out.lazy()).collect()
    assert found["rule_id"].sort().to_list() == [
        f"grading.events.{code}" for code in ("grade_missing", "grade_not_defined", "grade_not_integer")
    ]


def test_a_fatal_event_asks_for_the_death_whatever_its_grade() -> None:
    out = graded(
        event(1, "Sepsis", "4", "2024-03-05", fatal=True), event(2, "Sepsis", "5", "2024-03-05", outcome="FATAL")
    )
    codes = [set(str(text).split(";")) for text in out["consistency_codes"]]
    assert codes == [{"FATAL_NOT_GRADE5", "DEATH_NOT_RECORDED"}, {"DEATH_NOT_RECORDED"}]


def test_a_subject_dies_of_one_event() -> None:
    fatal = {"fatal": True}
    out = graded(
        event(1, "Sepsis", "5", "2024-05-01", **fatal), event(2, "Hepatic failure", "5", "2024-05-01", **fatal)
    )
    found = grading.event_findings(out.lazy()).collect()
    expected = ["grading.events.death_not_recorded", "grading.events.several_deaths"]
    assert found["rule_id"].sort().to_list() == sorted(expected * 2)


def test_records_of_one_episode_are_one_event_at_the_worst_grade() -> None:
    out = graded(
        event(1, "Fever", "1", "2024-03-02", "2024-03-04"),
        event(2, "Fever", "3", "2024-03-05", "2024-03-06"),  # the next day
        event(3, "Fever", "2", "2024-03-08", "2024-03-09"),  # a day between
        event(4, "Nausea", "1", "2024-03-05", "2024-03-06"),
        event(5, "Rash acneiform", "1", "2024-03-05", "2024-03-06", episode="A"),
        event(6, "Rash acneiform", "2", "2024-04-05", "2024-04-06", episode="A"),
        event(7, "Cough", "1", "2024-03-05"),  # goes on
        event(8, "Cough", "2", "2024-09-05"),
    )
    assert out["episode_id"].to_list() == [1, 1, 2, 1, 1, 1, 1, 1]
    assert out["episode_grade"].to_list() == [3, 3, 2, 1, 2, 2, 2, 2]


def test_episodes_are_found_whatever_the_century() -> None:
    """Two records that touch and one after a gap, before the day from which computers count days, and after."""
    days = [("1965-01-01", "1965-01-05"), ("1965-01-06", "1965-01-09"), ("1965-02-01", "2065-01-01")]
    out = graded(*[event(row, "Fatigue", "1", *ends) for row, ends in enumerate(days, start=1)])
    assert out["episode_id"].to_list() == [1, 1, 2]


def test_the_window_ends_with_the_study() -> None:
    out = graded(
        event(1, "Fever", "1", "2024-12-01"), event(2, "Fever", "1", "2024-12-02"), event(3, "Fever", "1", None)
    )
    assert out["in_window"].to_list() == [True, False, True]
    assert out["treatment_emergent"].to_list() == [True, True, True]


def test_events_after_tace_are_marked() -> None:
    out = graded(*(event(seq, "Fever", "1", f"2024-03-{day}") for seq, day in enumerate(("01", "08", "09"), start=1)))
    assert out["after_tace"].to_list() == [True, True, False]


def test_events_of_a_subject_without_treatment_never_count() -> None:
    out = graded({**event(1, "Fever", "1", "2024-03-05"), "subject": "2"})
    assert out.select("treatment_emergent", "in_window").row(0) == (False, False)


def test_no_events_give_no_rows() -> None:
    assert graded().height == 0


def numbers(ard: pl.DataFrame, **where: str | None) -> dict[tuple[str, str], float]:
    chosen = ard.filter([pl.col(name).eq_missing(pl.lit(value)) for name, value in where.items()])
    return {
        (level, statistic): value
        for level, statistic, value in chosen.select("level", "statistic", "value").iter_rows()
    }


def test_the_summary_counts_events_and_subjects() -> None:
    out = graded(
        event(1, "Fever", "1", "2024-03-02", "2024-03-04", related_to="tace"),
        event(2, "Fever", "3", "2024-03-05", "2024-03-06", related_to="tace;ici"),
        event(3, "Nausea", None, "2024-05-20", "2024-05-21"),
        event(4, "Cough", "2", "2024-12-20", related_to=""),  # after the study
    )
    subjects = pl.LazyFrame(
        {"subject": ["1", "2", "3", "4"], "arm": ["A", "A", "B", "B"], "safety_population": [True] * 3 + [False]}
    )
    ard = grading.summarise_events(out.lazy(), subjects, "arm").collect()
    assert ard.schema == pl.Schema(ARD_SCHEMA)
    overview = numbers(ard, variable="overview", group=None)
    assert overview["any", "events"] == 2
    assert overview["any", "subjects"] == 1
    assert overview["any", "percent"] == pytest.approx(100 / 3)
    assert overview["related_tace", "events"] == 2  # a missing causality counts as related
    assert overview["related_tace_and_ici", "subjects"] == 1
    assert overview["not_graded", "events"] == 1
    assert overview["worst_grade_3", "subjects"] == 1
    assert overview["outside_tace_window", "events"] == 1
    terms = numbers(ard, variable="term", group="A")
    assert (terms["Fever", "events"], terms["Fever", "grade_3"], terms["Fever", "grade_1"]) == (1, 1, 0)
    assert (terms["Nausea", "subjects"], terms["Nausea", "not_graded"]) == (1, 1)
    assert ("Cough", "subjects") not in terms
    assert numbers(ard, variable="overview", group="B")["any", "subjects"] == 0
    severe = grading.summarise_events(
        out.lazy(), subjects, options=grading.EventOptions(missing_grade_as_severe=True)
    ).collect()
    assert numbers(severe, variable="term", group=None)["Nausea", "grade_3"] == 1


def test_events_and_laboratory_grades_are_compared_but_neither_is_changed() -> None:
    events = graded(
        event(1, "Alanine aminotransferase increased", "1", "2024-03-05", "2024-03-10"),
        event(2, "Fever", "1", "2024-03-05"),
    )
    schema = contracts.canonical_schema(contracts.TABLES["labs"])
    rows = [("ALT", "300", 40.0), ("AST", "300", 40.0), ("LIPASE", "200", 60.0)]
    labs = pl.LazyFrame(
        [
            {
                "subject": "1",
                "row": 1,
                "date": date(2024, 3, 7),
                "analyte": name,
                "value": value,
                "unit": "U/L",
                "uln": uln,
            }
            for name, value, uln in rows
        ],
        schema=schema,
    )
    starts = pl.LazyFrame({"subject": ["1"], "treatment_start": [START]})
    values = grading.derive_lab_grades(labs, rules_of_version("5.0"), grading.LabOptions(), starts)
    found = grading.reconcile(events.lazy(), values).collect().sort("rule_id", "message")
    assert found.select("rule_id", "record", "value").rows() == [
        ("grading.events.grade_below_lab", "1", "1"),
        ("grading.labs.severe_without_event", "2024-03-07", "3"),
        ("grading.labs.severe_without_event", "2024-03-07", "3"),
    ]


@pytest.mark.parametrize(
    ("window", "counts"),
    [
        ({"from": "first_component", "to": "end_of_study"}, [False, True, True, False]),
        ({"from": "first_ici", "to": "end_of_study"}, [False, False, True, False]),
        ({"from": "first_tace", "to": "cutoff"}, [False, True, True, True]),
        ({"from": "first_component", "days_after": 30}, [False, True, False, False]),
    ],
)
def test_the_protocol_says_which_days_count(window: dict[str, Any], counts: list[bool]) -> None:
    days = ("2024-02-20", "2024-03-15", "2024-09-01", "2024-12-15")
    rows = (event(seq, "Fever", "1", day, day, initial_grade="1") for seq, day in enumerate(days, start=1))
    assert graded(*rows, window=window)["in_window"].to_list() == counts


@pytest.mark.parametrize("window", [{"from": "first_componet"}, {"to": "end_of_stdy"}])
def test_a_window_that_names_no_known_day_is_refused(window: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        graded(event(1, "Fever", "1", "2024-03-05"), window=window)


def test_a_study_may_code_its_preferred_terms_from_the_dictionary() -> None:
    out = graded(event(1, "felt hot", "1", "2024-03-05", decoded_term="Fever"), match="decoded_term")
    assert out.select("ctcae_term", "term_match", "term").row(0) == ("Fever", "exact", "felt hot")
