"""What was considered for a record: the candidate that won is the record, and every other one says why it lost."""

from __future__ import annotations

import dataclasses
import random
from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine import endpoints
from rules_engine.casebook.endpoint_cases import protocol_of
from rules_engine.loading import load_ruleset
from rules_engine.records import in_memory
from rules_engine.registry import default_registry

from tests.oracle.endpoints import passed_over
from tests.properties.test_endpoints_agree import Sample, draw
from tests.strategies.engine import ENDPOINTS, as_yaml, merged, preset
from tests.strategies.timelines import random_options, random_subject

CUTOFF = date(2023, 12, 31)
#: Endpoints that progression may end.
OF_PROGRESSION = ["PFS", "TTP", "DOR", "EFS", "DFS", "RFS", "TTF"]
SHARED = ["date", "reason", "rule_id", "source_domain", "source_variable", "source_seq", "source_id", "date_imputation"]


def derived(
    endpoint: str,
    options: dict[str, Any],
    subjects: list[dict[str, Any]],
    schedule: dict[str, Any] | None = None,
    cutoff: date = CUTOFF,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    case = {"id": "x", "endpoint": endpoint, "ruleset": {"preset": "common", "options": options}, "schedule": schedule}
    definition = load_ruleset(protocol_of(case)).endpoints[endpoint]
    kind = default_registry().endpoint_kinds[definition.kind]
    records = dataclasses.replace(endpoints.records_from_mappings(subjects), hold=in_memory)
    assert kind.candidates is not None
    return (
        kind.derive(records, definition, cutoff).collect(),
        kind.candidates(records, definition, cutoff).sort("subject", "position").collect(),
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_candidate_that_won_is_the_record(endpoint: str) -> None:
    rng = random.Random(f"candidates {endpoint}")
    options, schedule = random_options(rng, endpoint)
    codes = "adjuvant" if endpoint in {"DFS", "RFS"} else "recist"
    subjects = [random_subject(rng, f"S{k:04d}", codes=codes) for k in range(200)]
    records, candidates = derived(endpoint, options, [*subjects, *subjects[:20]], schedule)
    won = candidates.filter(pl.col("outcome") == "won")
    assert won["subject"].is_unique().all()
    pairs = records.join(won, on="subject", how="full", suffix="_won")
    assert pairs.height == records.height
    differs = pl.any_horizontal([pl.col(name).ne_missing(pl.col(f"{name}_won")) for name in SHARED])
    assert pairs.filter(differs).is_empty()
    assert candidates["outcome"].null_count() == 0
    positions = candidates.group_by("subject").agg(pl.col("position"))
    assert all(list(row) == list(range(1, len(row) + 1)) for row in positions["position"].to_list())
    # An event before the end of every other candidate is never passed by.
    events = candidates.filter(pl.col("outcome") == "later").join(won, on="subject", suffix="_won")
    assert events.filter(
        pl.col("rule_id_won").str.starts_with("event"), pl.col("fact_date") < pl.col("fact_date_won")
    ).is_empty()


def differing_accounts(sample: Sample) -> list[str]:
    """Subjects of whose assessments the candidates tell something else than the reference, as messages."""
    _records, candidates = derived(sample.endpoint, sample.options, sample.histories, sample.schedule, sample.cut_off)
    told: dict[str, list[tuple[Any, ...]]] = {}
    for row in candidates.filter(pl.col("word") == "progression").to_dicts():
        of_row = (row["fact_date"], row["fact_id"], row["outcome"], row["detail"])
        told.setdefault(row["subject"], []).append(of_row)
    full = merged(preset("common"), sample.options)
    found = []
    for history in sample.histories:
        expected = sorted(passed_over(history, sample.endpoint, full, sample.cut_off, sample.schedule))
        ids = {who for _day, who, *_why in expected}
        actual = sorted(row for row in told.get(history["subject"], []) if row[1] in ids)
        if actual != expected:
            subject = as_yaml({"options": sample.options, "subject": history})
            found.append(f"{sample.endpoint}, seed {sample.seed}: {expected} expected, {actual}\n{subject}")
    return found


@pytest.mark.parametrize("endpoint", OF_PROGRESSION)
def test_the_account_of_progressions_passed_over_is_that_of_the_reference(endpoint: str) -> None:
    found = [text for seed in range(4) for text in differing_accounts(draw(endpoint, seed, subjects=120))]
    assert not found, f"{len(found)} differ; the first:\n{found[0]}"


BASE = {
    "subject": "1",
    "origins": {"randomisation": "2023-01-02"},
    "baseline": {"date": "2022-12-20", "adequate": True},
}


def scan(day: str, response: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {"id": name or day, "date": day, "response": response, **more}


def told(options: dict[str, Any], **subject: Any) -> list[tuple[str, str, str]]:
    """Word, day of the fact and outcome of each candidate, in order."""
    _records, candidates = derived("PFS", options, [{**BASE, **subject}])
    return [(row["word"], str(row["fact_date"]), row["outcome"]) for row in candidates.to_dicts()]


def test_each_event_says_why_it_lost() -> None:
    scans = [
        scan("2022-12-30", "PD"), scan("2023-03-01", "SD", "a"), scan("2023-05-01", "PD", "b"), scan("2023-05-01", "PD", "c"),
        scan("2023-07-01", "PD"), scan("2024-02-01", "PD"),
    ]  # fmt: skip
    assert told({}, assessments=scans, death={"date": "2023-08-01"}) == [
        ("progression", "2022-12-30", "before_origin"), ("progression", "2023-05-01", "won"),
        ("progression", "2023-05-01", "same_day"), ("progression", "2023-07-01", "later"), ("death", "2023-08-01", "later"),
        ("progression", "2024-02-01", "after_snapshot"), ("cutoff", "2023-12-31", "event"),
    ]  # fmt: skip


def test_after_a_therapy_that_censors_events_do_not_count() -> None:
    found = told(
        {"new_therapy": "censor"},
        assessments=[scan("2023-03-01", "SD"), scan("2023-06-01", "PD")],
        therapies=[{"id": "T1", "start": "2023-04-01", "kind": "systemic"}],
        withdrawal="2023-09-01",
    )
    assert found == [
        ("progression", "2023-06-01", "after_end"), ("new_therapy", "2023-04-01", "won"),
        ("withdrawal", "2023-09-01", "lower"), ("cutoff", "2023-12-31", "lower"),
    ]  # fmt: skip


def test_a_discarded_event_tells_the_gap_and_the_limit() -> None:
    options = {"missed_visits": {"method": "fixed_days", "gap_days": 90}}
    _records, found = derived(
        "PFS", options, [{**BASE, "assessments": [scan("2023-03-01", "SD"), scan("2023-06-01", "PD")]}]
    )
    event, rule, _cutoff = found.to_dicts()
    assert (event["outcome"], rule["outcome"], str(rule["date"])) == ("discarded", "won", "2023-03-01")
    # 1 March to 1 June 2023 are 92 days.
    assert event["detail"] == rule["detail"] == "92 days from 2023-03-01 to 2023-06-01; at most 90 are allowed"


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        (["PD?", "SD"], ["overturned"]),
        (["PD?", "PD"], ["won", "confirmation"]),
        (["PD?", "SD", "PD?", "PD"], ["overturned", "won", "confirmation"]),
        (["PD", "PD"], ["won", "later"]),
    ],
)
def test_a_suspected_progression_tells_what_became_of_it(scans: list[str], expected: list[str]) -> None:
    assessments = [
        scan(f"2023-{3 + k:02d}-01", code.rstrip("?"), suspected_pseudo=code.endswith("?"))
        for k, code in enumerate(scans)
    ]
    found = told({"pd_rule": "first_pd_pseudo_confirm"}, assessments=assessments)
    assert [outcome for word, _day, outcome in found if word == "progression"] == expected


def test_a_progression_dated_to_its_confirmation_and_one_that_waits() -> None:
    scans = [scan("2023-03-01", "iUPD"), scan("2023-05-01", "iCPD")]
    found = told({"pd_rule": "irecist", "irecist": {"confirmed_date": "icpd"}}, assessments=scans)
    assert found[:2] == [("progression", "2023-03-01", "confirmed"), ("progression", "2023-05-01", "won")]
    found = told({"pd_rule": "irecist", "irecist": {"unconfirmed": "censor"}}, assessments=scans[:1])
    assert found[:2] == [("progression", "2023-03-01", "pending"), ("pending_progression", "2023-03-01", "won")]


def accounts(options: dict[str, Any], *scans: dict[str, Any], **subject: Any) -> list[tuple[str, str, str | None]]:
    """Day, outcome and its words of each progression that was considered."""
    _records, found = derived("PFS", options, [{**BASE, "assessments": list(scans), **subject}])
    rows = found.filter(pl.col("word") == "progression").to_dicts()
    return [(str(row["fact_date"]), row["outcome"], row["detail"]) for row in rows]


def test_what_the_rule_reads_otherwise_is_no_suspicion_that_was_overturned() -> None:
    stated_twice = scan("2023-03-01", "SD", iresponse="iUPD")
    assert accounts({}, stated_twice) == [("2023-03-01", "other_code", "first_pd reads SD, which is no progression")]
    unread = scan("2023-03-01", "SD", iresponse="iUPD") | {"response": None}
    assert accounts({}, unread) == [("2023-03-01", "other_code", "first_pd reads no response, which is no progression")]
    # While a suspicion waits, the response by iRECIST stands for the plain one.
    suspected = scan("2023-03-01", "PD", suspected_pseudo=True)
    answered = scan("2023-05-01", "PD", iresponse="iSD")
    assert accounts({"pd_rule": "first_pd_pseudo_confirm"}, suspected, answered) == [
        ("2023-03-01", "overturned", "a later assessment did not confirm it"),
        ("2023-05-01", "other_code", "first_pd_pseudo_confirm reads iSD, which is no progression"),
    ]


def test_a_suspicion_before_the_one_that_was_confirmed_was_overturned() -> None:
    scans = [
        scan("2023-02-01", "iUPD"),
        scan("2023-03-01", "iSD"),
        scan("2023-05-01", "iUPD"),
        scan("2023-07-01", "iCPD"),
    ]
    assert accounts({"pd_rule": "irecist", "irecist": {"confirmed_date": "icpd"}}, *scans) == [
        ("2023-02-01", "overturned", "a later assessment did not confirm it"),
        ("2023-05-01", "confirmed", "confirmed on 2023-07-01, to which the progression is dated"),
        ("2023-07-01", "won", None),
    ]


@pytest.mark.parametrize(("boundary", "told_of"), [("inclusive", "after"), ("exclusive", "not before")])
def test_an_assessment_beyond_the_end_of_the_observation_tells_where_it_lies(boundary: str, told_of: str) -> None:
    day = "2023-04-01" if boundary == "exclusive" else "2023-04-02"
    found = accounts(
        {"new_therapy": "censor", "new_therapy_boundary": boundary},
        scan("2023-03-01", "SD"), scan(day, "PD"),
        therapies=[{"id": "T1", "start": "2023-04-01", "kind": "systemic"}],
    )  # fmt: skip
    assert found == [(day, "after_end", f"{told_of} NEW_THERAPY of 2023-04-01, which ends the observation")]


def test_two_assessments_of_one_day_are_told_apart_by_id_and_number() -> None:
    same_id = [scan("2023-03-01", "PD", "a"), scan("2023-03-01", "PD", "a")]
    assert [outcome for _day, outcome, _detail in accounts({}, *same_id)] == ["won", "same_day"]
    same_number = derived_without_numbers([scan("2023-03-01", "PD", "a"), scan("2023-03-01", "PD", "b")])
    assert same_number == ["won", "same_day"]


def derived_without_numbers(scans: list[dict[str, Any]]) -> list[str]:
    """Outcomes of the progressions where the study numbers no assessment."""
    definition = load_ruleset(protocol_of({"id": "x", "endpoint": "PFS", "ruleset": {"preset": "common"}})).endpoints[
        "PFS"
    ]
    records = endpoints.records_from_mappings([{**BASE, "assessments": scans}])
    unnumbered = records.assessments.with_columns(seq=pl.lit(None, pl.Int64))
    records = dataclasses.replace(records, assessments=unnumbered, hold=in_memory)
    kind = default_registry().endpoint_kinds[definition.kind]
    assert kind.candidates is not None
    found = kind.candidates(records, definition, CUTOFF).filter(pl.col("word") == "progression").collect()
    return found.sort("position")["outcome"].to_list()


def test_who_is_never_at_risk_has_candidates_and_no_record() -> None:
    origins = {"first_tace": "2023-01-02", "first_ici": "2023-05-01"}
    options = {
        "origin": "first_tace",
        "origin_components": ["first_tace", "first_ici"],
        "delayed_entry": "last_component",
    }
    records, found = derived("PFS", options, [{**BASE, "origins": origins, "assessments": [scan("2023-03-01", "PD")]}])
    assert records.is_empty()
    assert found["outcome"].to_list() == ["not_at_risk", "event"]
