"""Variables of ADAE and ADLB against a slow second reading of the rules, over random histories with ties and missing dates."""

from __future__ import annotations

import random
from datetime import date, time, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import grading
from rules_engine.grading.documents import rules_of_version
from rules_engine.loading import load_ruleset
from rules_engine.study import adam, read_study

from tests.oracle import safety as oracle
from tests.strategies.safety import CUTOFF, context, graded_events, table

START = date(2024, 3, 1)
TERMS = {
    "Fever": "General disorders and administration site conditions",
    "Fatigue": "General disorders and administration site conditions",
    "Nausea": "Gastrointestinal disorders",
    "Vomiting": "Gastrointestinal disorders",
}


def some_day(rng: random.Random, near: date = START, spread: int = 40) -> date:
    return near + timedelta(days=rng.randint(-spread, spread))


def partial(rng: random.Random, day: date) -> str | None:
    return rng.choice([str(day)] * 5 + [f"{day:%Y-%m}", f"{day:%Y}", None])


def random_person(rng: random.Random) -> oracle.Person:
    if rng.random() < 0.1:
        return oracle.Person(None, None, None, rng.choice([None, date(2024, 6, 1)]), CUTOFF)
    first = some_day(rng, spread=15)
    last = first + timedelta(days=rng.choice([0, 7, 30]))
    death = rng.choice([None, None, last + timedelta(days=rng.randint(0, 60))])
    end = rng.choice([None, last + timedelta(days=rng.randint(0, 60))])
    return oracle.Person(first, last, death, end, CUTOFF, rng.choice([None, time(9), time(12)]))


def random_event(rng: random.Random, seq: int) -> dict[str, Any]:
    term, start = rng.choice(list(TERMS)), some_day(rng)
    grade = rng.choice([None, 1, 1, 2, 2, 3])
    return {
        "seq": seq, "term": term, "soc": TERMS[term], "start": partial(rng, start),
        "end": rng.choice([None, partial(rng, start + timedelta(days=rng.randint(0, 30)))]),
        "grade": grade, "initial": rng.choice([None, 1, 2]),
    }  # fmt: skip


def treatments(people: dict[str, oracle.Person]) -> list[dict[str, Any]]:
    return [
        {"subject": subject, "component": "ici", "start_date": str(one.first), "last_date": one.last, "start_time": one.first_time}
        for subject, one in people.items()
        if one.first is not None
    ]  # fmt: skip


def subjects(people: dict[str, oracle.Person]) -> list[dict[str, Any]]:
    return [
        {
            "subject": subject,
            "end_of_study_date": one.end_of_study,
            "death_date": None if one.death is None else str(one.death),
        }
        for subject, one in people.items()
    ]


def flag(is_so: bool) -> str | None:
    return "Y" if is_so else None


def drawn_people(rng: random.Random, number: int) -> dict[str, oracle.Person]:
    return {f"S{index:03d}": random_person(rng) for index in range(number)}


def compared_events(seed: int, number: int, window: int | None) -> int:
    rng = random.Random(seed)
    people = drawn_people(rng, number)
    events = {subject: [random_event(rng, seq) for seq in range(1, rng.randint(2, 9))] for subject in people}
    rows = [
        {
            "subject": subject, "term": one["term"], "start_date": one["start"], "end_date": one["end"], "aeseq": one["seq"],
            "grade": None if one["grade"] is None else str(one["grade"]),
            "initial_grade": None if one["initial"] is None else str(one["initial"]),
        }
        for subject, of_subject in events.items()
        for one in of_subject
    ]  # fmt: skip
    rng.shuffle(rows)
    out = graded_events(rows, context(subjects(people), treatments(people)), emergent_window_days=window)
    for row in out.iter_rows(named=True):
        subject, seq = row["subject"], row["aeseq"]
        person = people[subject]
        event = next(one for one in events[subject] if one["seq"] == seq)
        flags = oracle.occurrence_flags(events[subject], person, window)
        start, end = oracle.start_day(event, person), oracle.end_day(event, person)
        expected = {
            "astdt": start, "aendt": end, "astdtf": oracle.unit_imputed(event["start"]),
            "aendtf": oracle.unit_imputed(event["end"]), "astdy": oracle.study_day(start, person),
            "aendy": oracle.study_day(end, person), "atoxgrn": event["grade"],
            "treatment_emergent": oracle.is_emergent(event, person, window),
            "on_treatment": oracle.is_on_treatment(event, person, window or 0),
            "before_treatment": start is not None and person.first is not None and start < person.first,
            **{flag: seq in carried for flag, carried in flags.items()},
        }  # fmt: skip
        assert {name: row[name] for name in expected} == expected, (person, event)
    return out.height


@pytest.mark.parametrize("window", [None, 0, 30])
def test_adverse_events_agree_with_the_second_reading(window: int | None) -> None:
    assert compared_events(20240301, 60, window) > 200


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_adverse_events_agree_in_many_histories(seed: int) -> None:
    assert compared_events(seed, 300, random.Random(seed).choice([None, 0, 30, 90])) > 1000


def random_result(rng: random.Random, seq: int) -> dict[str, Any]:
    number = rng.choice([None, 20.0, 41.0, 121.0, 201.0, 801.0])
    return {
        "seq": seq,
        "date": some_day(rng, spread=12),
        "time": rng.choice([None, time(8), time(12), time(16)]),
        "number": number,
    }


def shift(before: str | None, after: str | None) -> str | None:
    """From the baseline to this result, in words; missing where either is."""
    return None if before is None or after is None else f"{before} to {after}"


def compared_results(seed: int, number: int, lookback: int | None) -> int:
    rng = random.Random(seed)
    people = drawn_people(rng, number)
    results = {subject: [random_result(rng, seq) for seq in range(1, rng.randint(2, 12))] for subject in people}
    rows = [
        {
            "subject": subject, "analyte": "ALT", "unit": "U/L", "lln": 5.0, "uln": 40.0, "seq": one["seq"], "date": one["date"],
            "time": one["time"], "value": "n.d." if one["number"] is None else str(one["number"]),
        }
        for subject, of_subject in results.items()
        for one in of_subject
    ]  # fmt: skip
    rng.shuffle(rows)
    options = grading.LabOptions(baseline="derived", baseline_lookback_days=lookback)
    known = context(subjects(people), treatments(people), {"from": "first_component", "to": "end_of_study"})
    graded = grading.derive_lab_grades(table("labs", rows), rules_of_version("5.0"), options, known).collect()
    ruleset = load_ruleset("tace_ici_safety")
    written = adam.adlb(
        graded, read_study({"subjects": pl.DataFrame({"subject": sorted(people)})}, ruleset=ruleset), ruleset
    )
    assert written.height == graded.height
    for row in written.iter_rows(named=True):
        person, of_subject = people[row["USUBJID"]], results[row["USUBJID"]]
        result = next(one for one in of_subject if one["seq"] == row["LBSEQ"])
        base = oracle.baseline(of_subject, person, lookback)
        after = oracle.is_after(result, base, person)
        change = oracle.change(result, base, person)
        of_grades = (
            graded.filter(pl.col("subject") == row["USUBJID"]).select("date", "time", "seq", grade="atoxgrh").to_dicts()
        )
        expected = {
            "ABLFL": flag(base is not None and base["seq"] == result["seq"]),
            "APOBLFL": flag(after),
            "ONTRTFL": flag(oracle.is_result_on_treatment(result, person)),
            "BASE": None if base is None else base["number"],
            "CHG": change,
            "PCHG": None if change is None or base is None else pytest.approx(100 * change / base["number"]),
            "SHIFT1": shift(row["BNRIND"], row["ANRIND"]) if after else None,
            "SHIFT2": shift(row["BTOXGR"], row["ATOXGR"]) if after else None,
            "WGRHIFL": flag(oracle.worst(of_grades, base, person) == result["seq"]),
        }
        assert {name: row[name] for name in expected} == expected, (person, base, result)
    return graded.height


@pytest.mark.parametrize("lookback", [None, 5])
def test_laboratory_results_agree_with_the_second_reading(lookback: int | None) -> None:
    assert compared_results(20240301, 40, lookback) > 200


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_laboratory_results_agree_in_many_histories(seed: int) -> None:
    assert compared_results(seed, 200, random.Random(seed).choice([None, 0, 5, 28])) > 800
