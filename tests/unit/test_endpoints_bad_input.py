"""Bad input of endpoints: each mistake is refused with its place and a remedy, or said as a finding; nothing goes without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, Result, RulesetError, StudyError, UsageError
from rules_engine.loading import load_ruleset

SCHEDULE = {"segments": [{"every": 56}], "early": 7, "late": 7}


def protocol(**changes: Any) -> dict[str, Any]:
    whole = {
        "rules_engine": 1, "id": "bad", "kind": "protocol", "title": "Bad input", "extends": ["fda"],
        "schedule": SCHEDULE, "responses": {"site": {"collected_as": "RECIST 1.1"}},
        "endpoints": {"PFS": {"like": "PFS", "response": "site"}},
    }  # fmt: skip
    return {**whole, **changes}


def with_options(endpoint: str = "PFS", **options: Any) -> dict[str, Any]:
    return protocol(endpoints={endpoint: {"like": endpoint, "response": "site", "options": options}})


@pytest.mark.parametrize(
    ("document", "place", "said", "remedy"),
    [
        pytest.param(
            with_options(missed_visits={"scope": "any_gap", "applies_to": ["death"]}),
            "endpoints.PFS.options.missed_visits.applies_to", "any_gap ends the observation", "before_event",
            id="any_gap for one kind of event",
        ),
        pytest.param(
            with_options(missed_visits={"method": "fixed_days"}),
            "endpoints.PFS.options.missed_visits.gap_days", "needs the longest allowed gap", "state `gap_days`",
            id="fixed_days without days",
        ),
        pytest.param(
            with_options("ORR", response={"landmark": {"anchor": "origin", "from_days": 60, "to_days": 50}}),
            "endpoints.ORR.options.response.landmark.from_days", "before it opens", "exchange",
            id="a window that closes before it opens",
        ),
        pytest.param(
            with_options(origin="randomization"), "endpoints.PFS.options.origin", "is none of the choices",
            "randomisation", id="unknown origin",
        ),
        pytest.param(
            with_options(origin="first_component", origin_components=["first_component"]),
            "endpoints.PFS.options.origin", "in a circle", "origin_components", id="circular origin",
        ),
        pytest.param(
            protocol(endpoints={"A": {"like": "B"}, "B": {"like": "A"}}), "endpoints.B.like", "A → B → A",
            "break the circle", id="circular like",
        ),
        pytest.param(
            protocol(endpoints={"A": {"like": "PSF"}}), "endpoints.A.like", "no endpoint and no definition", "PFS",
            id="unknown like",
        ),
        pytest.param(
            protocol(extends=["fdaa"]), "extends", "fdaa", "fda", id="unknown extends",
        ),
        pytest.param(
            protocol(endpoints={"PFS": {"like": "PFS", "response": "central"}}), "endpoints.PFS.response",
            "there is no response `central`", "define it", id="a response that nobody derives",
        ),
        pytest.param(
            protocol(schedule={"segments": [{"every": 0}]}), "schedule.segments", "not at least 1", "Days from one visit",
            id="zero interval",
        ),
        pytest.param(
            protocol(schedule={"segments": [{"every": 56, "until": 28}, {"every": 84}]}), "schedule.segments",
            "before its first visit", "raise `until`", id="a part of a schedule without a visit",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_the_ruleset_is_refused_once_with_place_and_remedy(
    document: dict[str, Any], place: str, said: str, remedy: str
) -> None:
    with pytest.raises(RulesetError) as refused:
        load_ruleset(document)
    (problem,) = refused.value.problems
    text = str(problem)
    assert place in text, text
    assert said in text, text
    assert remedy in text, text


def test_rulesets_that_extend_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "a")):
        text = f"rules_engine: 1\nid: {name}\nkind: protocol\ntitle: T\nextends: [./{base}.yaml]\n"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RulesetError, match="circle"):
        load_ruleset(tmp_path / "a.yaml")


# The study ------------------------------------------------------------------------------------------------------------

SUBJECTS = {
    "subject": ["1", "2"], "randomisation_date": ["2023-01-02", "2023-01-02"], "baseline_adequate": [True, True],
    "birth_date": ["1950", "1950-06"], "death_date": ["2023-07-01", None], "last_contact_date": [None, "2023-09-01"],
}  # fmt: skip
SCANS = [("1", "2023-03-01", "SD"), ("1", "2023-05-01", "PD"), ("2", "2023-03-01", "SD")]


def run(*, cutoff: str | None = "2023-12-31", scans: Any = SCANS, subjects: Any = SUBJECTS, **tables: Any) -> Result:
    study = {
        "subjects": pl.DataFrame(subjects),
        "response_assessments": pl.DataFrame(
            [(*scan, "RECIST 1.1") for scan in scans], ["subject", "date", "response", "criterion"], orient="row"
        ),
        "treatments": pl.DataFrame(schema={"subject": pl.String, "treatment": pl.String, "start_date": pl.String}),
        **tables,
    }
    return Engine(protocol()).run(study, data_cutoff=cutoff)


def said(result: Result, rule: str) -> list[tuple[str | None, str | None]]:
    return result.findings.filter(pl.col("rule_id") == rule).select("subject", "record").rows()


def test_a_clean_study_has_no_finding() -> None:
    assert run().findings.is_empty()


def test_an_event_before_the_birth_is_said() -> None:
    events = pl.DataFrame({"subject": ["2"], "date": ["1940-01-01"], "kind": ["clinical_progression"]})
    assert said(run(clinical_events=events), "data.before_birth") == [("2", "row 1")]


def test_an_assessment_after_the_death_is_said_and_the_death_keeps_its_day() -> None:
    result = run(scans=[*SCANS, ("1", "2023-08-01", "SD")])
    assert said(result, "data.after_death") == [("1", "row 4")]
    assert said(result, "endpoint.death.before_last_evidence") == [("1", None)]
    assert result.adtte.filter(pl.col("USUBJID") == "1")["REASON"].to_list() == ["PD"]


def test_a_cut_off_before_everything_leaves_no_record_and_says_who_is_missing() -> None:
    result = run(cutoff="2022-06-01")
    assert result.adtte.is_empty()
    assert said(result, "endpoint.origin.after_cutoff") == [("1", None), ("2", None)]


def test_a_missing_cut_off_is_refused() -> None:
    with pytest.raises(UsageError, match="neither the call nor the ruleset states it"):
        run(cutoff=None)


def test_a_partial_origin_is_said_twice_as_a_date_and_as_a_missing_origin() -> None:
    result = run(subjects={**SUBJECTS, "randomisation_date": ["2023-01-02", "2023-01"]})
    assert said(result, "data.date") == [("2", "row 2")]
    assert said(result, "endpoint.origin.unknown") == [("2", None)]
    assert result.adtte["USUBJID"].to_list() == ["1"]


def test_a_partial_day_of_a_part_or_a_session_is_said() -> None:
    parts = pl.DataFrame(
        {"subject": ["1", "1"], "date": ["2023-03-01"] * 2, "response": ["SD"] * 2, "criterion": ["RECIST 1.1"] * 2,
         "earliest_part_date": ["2023-03", "2023-03-01"]}
    )  # fmt: skip
    sessions = pl.DataFrame({"subject": ["1"], "treatment": ["TACE"], "component": ["tace"], "start_date": ["2023-02"]})
    result = run(response_assessments=parts, treatments=sessions)
    assert said(result, "data.date") == [("1", "row 1")]
    assert said(result, "data.treatments.component_start") == [("1", "row 1")]


def test_two_deaths_of_one_subject_are_refused() -> None:
    twice = {name: [*values, values[0]] for name, values in SUBJECTS.items()}
    twice["death_date"] = ["2023-07-01", None, "2023-08-01"]
    with pytest.raises(StudyError, match=r"several rows that differ in death_date: 1"):
        run(subjects=twice)
