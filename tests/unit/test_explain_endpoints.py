"""The story of an endpoint names the dates and numbers by which a person would decide it.

Subjects, rules and numbers are those of worked cases of the endpoints; the arithmetic stands beside each.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.strategies.explained import step, story_of

CUT_OFF = date(2023, 12, 31)
BASELINE = {"date": "2022-12-20", "adequate": True}
START = {"origins": {"randomisation": "2023-01-02"}, "baseline": BASELINE}
EIGHT_WEEKS = {"segments": [{"every": 56}], "early": 7, "late": 7}
TACE = {
    "origins": {"first_tace": "2023-03-06", "first_ici": "2023-03-08"},
    "baseline": {"date": "2023-02-20", "adequate": True},
    "tace": ["2023-03-06"],
}


def assessments(*rows: tuple[str, str] | dict[str, Any]) -> dict[str, Any]:
    made = []
    for number, row in enumerate(rows, 1):
        stated = row if isinstance(row, dict) else {"date": row[0], "response": row[1]}
        made.append({"id": f"A{number}", **stated})
    return {"assessments": made}


def test_one_missed_visit_is_told_with_its_window() -> None:
    # Visits every 56 days: 27 February, 24 April. Its window closes on 1 May, before the death.
    story = story_of(
        {**START, **assessments(("2023-02-27", "PR")), "death": {"date": "2023-05-20"}}, "PFS", CUT_OFF, preset="fda",
        schedule=EIGHT_WEEKS,
    )  # fmt: skip
    told = step(story, "discarding")
    assert "1 planned visit was missed: 2023-04-24 (window 2023-04-17 to 2023-05-01)" in told
    assert "the event counts" in told
    assert "From the last evaluable assessment, A1 on 2023-02-27, to the event on 2023-05-20 are 82 days" in told
    assert story.conclusion[0].text == "Event: DEATH (DEATH) on 2023-05-20, CNSR 0."
    assert "2023-05-20 − 2023-01-02 + 1 = 139 days" in story.conclusion[1].text


def test_an_event_after_two_missed_visits_says_which_and_where_the_subject_is_censored() -> None:
    story = story_of(
        {**START, **assessments(("2023-02-27", "SD"), ("2023-06-27", "PD"))}, "PFS", CUT_OFF, preset="fda", schedule=EIGHT_WEEKS
    )  # fmt: skip
    told = step(story, "discarding")
    assert "2 planned visits were missed: 2023-04-24 (window 2023-04-17 to 2023-05-01), 2023-06-19" in told
    assert "(window 2023-06-12 to 2023-06-26)" in told  # closed one day before the scan
    assert "So PD of 2023-06-27 does not count" in told
    censoring = step(story, "censoring")
    assert "MISSED_VISITS" in censoring
    assert "2023-02-27, SD (A1)" in censoring
    rule = next(one for made in story.steps if made.name == "discarding" for one in made.sentences[0].rules)
    assert (rule.name, rule.value) == ("missed_visits.method", "windows")
    assert rule.position is not None
    assert rule.position.file.endswith("fda/ruleset.yaml")


@pytest.mark.parametrize(
    ("day", "verdict"), [("2023-07-03", "the event counts"), ("2023-07-04", "the event does not count")]
)
def test_the_allowance_of_planned_intervals_is_added_up(day: str, verdict: str) -> None:
    story = story_of(
        {**START, **assessments(("2023-02-27", "SD"), (day, "PD"))}, "PFS", CUT_OFF, preset="fda",
        options={"missed_visits": {"method": "interval_sum"}}, schedule=EIGHT_WEEKS,
    )  # fmt: skip
    told = step(story, "discarding")
    assert "2 planned intervals are 112 days, with both windows 112 + 7 + 7 = 126 are allowed" in told
    assert verdict in told


def test_a_gap_of_fixed_days_is_compared_with_its_limit() -> None:
    story = story_of(
        {**START, **assessments(("2023-02-27", "SD"), ("2023-07-04", "PD"))}, "PFS", CUT_OFF, preset="fda",
        options={"missed_visits": {"method": "fixed_days", "gap_days": 126}},
    )  # fmt: skip
    assert "127 > 126 allowed: the event does not count" in step(story, "discarding")


def test_a_therapy_that_censors_says_what_it_takes_away() -> None:
    story = story_of(
        {
            **START, **assessments(("2023-02-27", "SD"), ("2023-04-24", "SD"), ("2023-06-19", "PD")),
            "therapies": [{"id": "T1", "start": "2023-05-10", "kind": "systemic"}],
        },
        "PFS", CUT_OFF, preset="fda", schedule=EIGHT_WEEKS,
    )  # fmt: skip
    told = step(story, "therapies")
    assert "2023-05-10: systemic (T1) starts: nothing after it counts." in told
    assert "After it, so not used: 2023-06-19 PD (A3)." in told
    assert "up to 2023-05-10: 2023-04-24, SD (A2)" in step(story, "censoring")
    assert story.record is not None
    assert (story.record["reason"], story.record["cnsr"]) == ("NEW_THERAPY", 5)


def test_only_the_curative_procedure_censors_where_the_rules_say_so() -> None:
    story = story_of(
        {
            **START, **assessments(("2023-02-27", "PR"), ("2023-04-24", "PR"), ("2023-09-11", "PD")),
            "therapies": [
                {"id": "T1", "start": "2023-05-15", "kind": "resection"}, {"id": "T2", "start": "2023-04-03", "kind": "systemic"},
            ],
        },
        "PFS", CUT_OFF, preset="ema", options={"curative_conversion": "censor"},
    )  # fmt: skip
    told = step(story, "therapies")
    assert "2023-04-03: systemic (T2) starts: it is ignored, follow-up goes on." in told
    assert "2023-05-15: resection (T1) starts: nothing after it counts." in told
    assert "CURATIVE_CONVERSION" in step(story, "censoring")


def test_an_assessment_over_several_days_says_which_of_its_scans_dates_it() -> None:
    scans = {"response": "SD", "parts": [{"date": "2023-02-24"}, {"date": "2023-03-01"}]}
    story = story_of(
        {**START, **assessments(scans), "last_contact": "2023-03-15"}, "PFS", date(2023, 3, 31), preset="ema"
    )
    assert step(story, "dates") == "Assessment SD (A1), with scans on 2023-02-24 and 2023-03-01: dated 2023-03-01."
    assert "Censored: NO EVENT UNTIL DATA CUT-OFF (CUTOFF) on 2023-03-01, CNSR 1" in story.conclusion[0].text


def test_a_suspicion_is_followed_to_its_answer() -> None:
    suspected = {"date": "2023-04-24", "response": "PD", "suspected_pseudo": True}
    overturned = story_of(
        {**TACE, **assessments(suspected, {"date": "2023-05-29", "response": "SD", "iresponse": "iSD"}, ("2023-07-31", "SD"))},
        "PFS", CUT_OFF, preset="seed",
    )  # fmt: skip
    told = step(overturned, "progression")
    assert "2023-04-24: PD (A1, pseudoprogression suspected) is an unconfirmed progression" in told
    assert "2023-05-29: SD (A2, re-assessed iSD) overturns the unconfirmed progression of 2023-04-24" in told
    assert overturned.record is not None
    assert overturned.record["date"] == date(2023, 7, 31)

    confirmed = story_of(
        {**TACE, **assessments(suspected, {"date": "2023-05-29", "response": "PD", "iresponse": "iCPD"})}, "PFS", CUT_OFF, preset="seed"
    )  # fmt: skip
    assert "confirms the progression of 2023-04-24; progression is dated 2023-04-24" in step(confirmed, "progression")

    unanswered = story_of(
        {**TACE, **assessments(suspected), "death": {"date": "2023-06-20"}}, "PFS", CUT_OFF, preset="seed"
    )
    told = step(unanswered, "progression")
    assert "Nothing confirms or overturns the progression of 2023-04-24 up to the end: it counts" in told
    assert "2023-06-20: DEATH does not end the time: after PD of 2023-04-24." in step(unanswered, "candidates")


def test_progression_goes_before_death_of_the_same_day() -> None:
    story = story_of(
        {**START, **assessments(("2023-04-20", "PD")), "death": {"date": "2023-04-20"}}, "PFS", CUT_OFF, preset="ema"
    )
    assert "2023-04-20: DEATH does not end the time: on the day of PD, which comes first." in step(story, "candidates")


def test_survival_says_which_evidence_of_life_won() -> None:
    alive = story_of(
        {**START, **assessments(("2023-04-24", "SD")), "last_contact": "2023-03-01"}, "OS", CUT_OFF, preset="ema"
    )
    assert "The latest fact of life up to 2023-12-31 is ADRS.ADT (A1) on 2023-04-24." in step(alive, "censoring")
    later = story_of(
        {**START, "death": {"date": "2024-01-15"}, "last_contact": "2023-10-01"}, "OS", CUT_OFF, preset="ema"
    )
    told = step(later, "censoring")
    assert "The latest fact of life up to 2023-12-31 is ADSL.LSTALVDT (LAST_CONTACT) on 2023-10-01." in told
    assert "After the cut-off lies the death on 2024-01-15, so the subject is known alive at the cut-off" in told
    assert later.record is not None
    assert later.record["date"] == CUT_OFF


def test_evidence_of_life_is_told_of_pfs2_only_where_it_dates_the_censoring() -> None:
    history = {**START, **assessments(("2023-04-24", "SD")), "last_contact": "2023-10-01"}
    alive = story_of(history, "PFS2", CUT_OFF, preset="ema", options={"pfs2_censor": "last_known_alive"})
    assert "The latest fact of life up to 2023-12-31 is ADSL.LSTALVDT (LAST_CONTACT)" in step(alive, "censoring")
    scanned = story_of(history, "PFS2", CUT_OFF, preset="ema", options={"pfs2_censor": "last_evaluable"})
    assert "fact of life" not in step(scanned, "censoring")
    assert scanned.record is not None
    assert scanned.record["date"] == date(2023, 4, 24)


def test_an_imputed_death_says_what_moved_it() -> None:
    story = story_of({**START, "death": {"date": "2023-06"}, "last_contact": "2023-06-21"}, "OS", CUT_OFF, preset="ema")
    told = step(story, "imputation")
    assert (
        told
        == "Death in 2023-06: 2023-06-22 stands for it, not before the day after the last fact of life, 2023-06-21."
    )
    assert "Of that date the day was imputed." in str(story)


def test_treatment_that_goes_on_names_the_component() -> None:
    courses = [
        {"component": "ici", "start": "2023-01-02", "last": "2023-07-05", "ended": True},
        {"component": "lenvatinib", "start": "2023-01-02", "last": "2023-10-31", "ended": False},
    ]
    story = story_of({**START, "treatment": courses, "last_contact": "2023-11-15"}, "TTD", CUT_OFF, preset="ema")
    assert "ici has ended (last dose 2023-07-05); lenvatinib goes on (last dose 2023-10-31)" in step(
        story, "candidates"
    )


def test_a_date_that_moves_says_from_where_to_where() -> None:
    # Half of the 56 days from 27 February.
    story = story_of(
        {**START, **assessments(("2023-02-27", "SD"), ("2023-04-24", "PD"))}, "PFS", CUT_OFF, preset="ema", options={"pd_date": "midpoint"}
    )  # fmt: skip
    assert step(story, "moved") == "The date of the event moves from 2023-04-24 to 2023-03-27."


def test_what_the_snapshot_drops_is_named() -> None:
    story = story_of(
        {
            **START, **assessments(("2023-02-27", "SD"), ("2024-02-01", "PD")),
            "therapies": [{"id": "T1", "start": "2024-01-10", "kind": "systemic"}], "withdrawal": "2023-05-02",
        },
        "PFS", CUT_OFF, preset="fda", options={"withdrawal": "truncate"}, schedule=EIGHT_WEEKS,
    )  # fmt: skip
    told = step(story, "snapshot")
    assert "Nothing after the withdrawal of consent on 2023-05-02 is used." in told
    assert "2024-02-01 PD (A2)" in told
    assert "therapy T1 (systemic) of 2024-01-10" in told


def test_best_response_tells_what_each_assessment_counts_as_and_what_confirms_it() -> None:
    story = story_of(
        {**START, **assessments(("2023-02-27", "PR"), ("2023-03-13", "NE"), ("2023-04-10", "CR"), ("2023-06-19", "PD"))},
        "BOR", CUT_OFF, preset="ema", options={"response": {"confirmation": "required"}},
    )  # fmt: skip
    told = step(story, "best")
    assert "2023-02-27: PR (A1), confirmed on 2023-04-10: counts as PR." in told
    assert "2023-04-10: CR (A3), not confirmed: 98 days after the origin, at least 42, so SD." in told
    assert "The best of these is PR, first on 2023-02-27." in told
    early = story_of({**START, **assessments(("2023-02-06", "SD"))}, "BOR", CUT_OFF, preset="ema")
    assert "35 days after the origin, fewer than 42, so NE" in step(early, "best")


def test_the_landmark_tells_window_candidates_and_pick() -> None:
    subject = {**TACE, **assessments(("2023-04-03", "SD"), ("2023-04-17", "PR"), ("2023-06-12", "CR"))}
    told = step(story_of(subject, "ORR", CUT_OFF, preset="seed"), "landmark")
    assert "Days are counted from 2023-03-06; the window is day 42 to 56: 2023-04-17 to 2023-05-01." in told
    assert "2023-04-03: SD (A1), day 28: outside the window." in told
    assert "2023-04-17: PR (A2), day 42: inside the window." in told
    assert "Of these the first is picked: PR on 2023-04-17." in told
    late = {**TACE, **assessments(("2023-04-03", "PD"), ("2023-04-24", "SD"))}
    progressed = step(story_of(late, "DCR", CUT_OFF, preset="seed"), "landmark")
    assert "The disease progressed on 2023-04-03, not after the assessment that would be picked" in progressed
    nothing = step(story_of({**TACE, **assessments(("2023-06-12", "CR"))}, "ORR", CUT_OFF, preset="seed"), "landmark")
    assert (
        "No evaluable assessment lies in the window, so the response is NE (assessed before or after the window only)."
        in nothing
    )


@pytest.mark.parametrize(
    ("subject", "endpoint", "options", "why"),
    [
        ({"origins": {}}, "PFS", {}, "has no time origin"),
        ({"origins": {"randomisation": "2024-02-01"}}, "PFS", {}, "2024-02-01 lies after the data cut-off 2023-12-31"),
        ({**START, **assessments(("2023-03-01", "SD"))}, "DOR", {}, "is no responder"),
        (
            {"origins": {"first_tace": "2023-01-02", "first_ici": "2023-03-01"}, "baseline": BASELINE, "death": {"date": "2023-02-01"}},
            "OS", {"origin": "first_component", "origin_components": ["first_tace", "first_ici"], "delayed_entry": "last_component"},
            "before the subject came under observation",
        ),
    ],
)  # fmt: skip
def test_a_subject_without_a_record_is_told_why(
    subject: dict[str, Any], endpoint: str, options: dict[str, Any], why: str
) -> None:
    story = story_of(subject, endpoint, CUT_OFF, preset="ema", options=options)
    assert story.record is None
    assert why in story.conclusion[0].text
    assert story.steps[0].name == "origin"


def test_the_data_are_plain_and_name_rules_and_sources() -> None:
    story = story_of({**START, **assessments(("2023-02-27", "SD"), ("2023-06-27", "PD"))}, "PFS", CUT_OFF, preset="ema")
    data = json.loads(json.dumps(story.as_dict()))
    assert set(data) == {
        "subject", "endpoint", "label", "data_cutoff", "record", "steps", "conclusion", "candidates", "defined_at",
    }  # fmt: skip
    (candidate,) = [one for made in data["steps"] if made["step"] == "candidates" for one in made["sentences"]]
    assert candidate["day"] == "2023-06-27"
    assert candidate["sources"] == [{"domain": "ADRS", "variable": "ADT", "seq": 2, "id": "A2"}]
    assert candidate["rules"][0]["file"].endswith("common/ruleset.yaml")
    assert isinstance(candidate["rules"][0]["line"], int)


def test_a_kind_of_endpoint_that_shows_no_steps_is_told_by_its_record() -> None:
    from rules_engine import endpoints
    from rules_engine.casebook.endpoint_cases import protocol_of
    from rules_engine.explain.endpoint_of_subject import tell_records
    from rules_engine.explain.subject import SubjectData
    from rules_engine.loading import load_ruleset
    from rules_engine.registry import default_registry

    registry = default_registry()
    case = {"id": "x", "endpoint": "OS", "ruleset": {"preset": "ema", "options": {}}}
    ruleset = load_ruleset(protocol_of(case), registry=registry)
    kinds = registry.endpoint_kinds
    silent = replace(kinds.require("time_to_event"), trace=None)
    registry = replace(registry, endpoint_kinds=type(kinds)("endpoint kind", {**kinds, "time_to_event": silent}))
    records = endpoints.records_from_mappings([{"subject": "S1", **START, "death": {"date": "2023-05-20"}}])
    story = tell_records(SubjectData("S1", ruleset, registry, CUT_OFF, {}), ruleset.endpoints["OS"], records)
    assert not story.steps
    assert story.conclusion[0].text == "DEATH on 2023-05-20, day 139 from 2023-01-02; rule event.death."
