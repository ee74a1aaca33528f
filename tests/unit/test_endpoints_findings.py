"""Odd records are said aloud, and the derivation still gives one record per subject."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.casebook.endpoint_cases import protocol_of
from rules_engine.endpoints import records_from_mappings
from rules_engine.loading import load_ruleset
from rules_engine.model import EndpointDefinition
from rules_engine.registry import default_registry
from rules_engine.vocabulary import EndpointKind

CUTOFF = date(2023, 12, 31)
BASELINE = {"date": "2022-12-20", "adequate": True}


def all_findings(kind: EndpointKind, subjects: list[dict[str, Any]], definition: EndpointDefinition) -> pl.DataFrame:
    """Findings about each subject, and about all of them together."""
    records = records_from_mappings(subjects)
    assert kind.tally is not None
    of_cohort = kind.conclude(kind.tally(records, definition, CUTOFF), definition)
    return pl.concat([*kind.validate(records, definition, CUTOFF), of_cohort]).collect()


def rules_found(subject: dict[str, Any], **options: Any) -> dict[str, str]:
    case = {"id": "odd", "endpoint": "PFS", "ruleset": {"preset": "common", "options": options}}
    definition = load_ruleset(protocol_of(case)).endpoints["PFS"]
    kind = default_registry().endpoint_kinds[definition.kind]
    whole = {"subject": "1", "origins": {"randomisation": "2023-01-02"}, "baseline": BASELINE, **subject}
    found = all_findings(kind, [whole], definition)
    return dict(found.select("rule_id", "severity").iter_rows())


def assessment(day: str, response: str, **more: Any) -> dict[str, Any]:
    return {"id": day, "date": day, "response": response, **more}


@pytest.mark.parametrize(
    ("subject", "options", "rule", "severity"),
    [
        (
            {"death": {"date": "2023-05-01"}, "last_contact": "2023-06-01"},
            {},
            "endpoint.death.before_last_evidence",
            "error",
        ),
        ({"origins": {}}, {}, "endpoint.origin.unknown", "warning"),
        (
            {"assessments": [assessment("2023-03-01", "PD"), assessment("2023-05-01", "PR")]},
            {},
            "endpoint.response.after_progression",
            "warning",
        ),
        (
            {"assessments": [assessment("2023-03-01", "iCPD")]},
            {"pd_rule": "irecist"},
            "endpoint.irecist.confirms_nothing",
            "warning",
        ),
        (
            {"assessments": [{"id": "A", "response": "SD", "parts": [{"date": "2023-12-30"}, {"date": "2024-01-02"}]}]},
            {},
            "endpoint.assessment.straddles_cutoff",
            "note",
        ),
        (
            {"origins": {"first_tace": "2023-01-02", "first_ici": "2023-02-02"}},
            {"origin": "first_component", "origin_components": ["first_tace", "first_ici"]},
            "endpoint.origin.immortal_time",
            "warning",
        ),
    ],
)
def test_each_oddity_has_a_finding(subject: dict[str, Any], options: dict[str, Any], rule: str, severity: str) -> None:
    assert rules_found(subject, **options) == {rule: severity}


def test_a_death_before_the_origin_contradicts_the_origin() -> None:
    # The origin is itself a day on which the subject lived.
    found = rules_found({"death": {"date": "2022-12-30"}})
    assert found == {"endpoint.death.before_origin": "error", "endpoint.death.before_last_evidence": "error"}


def test_where_nothing_waits_for_confirmation_no_confirmation_lacks_what_it_confirms() -> None:
    scans = [assessment("2023-03-01", "iUPD"), assessment("2023-05-01", "iCPD")]
    assert rules_found({"assessments": scans}, pd_rule="first_pd") == {}
    assert rules_found({"assessments": scans}, pd_rule="irecist") == {}


def test_a_clean_subject_has_no_finding() -> None:
    clean = [assessment("2023-03-01", "SD"), assessment("2023-05-01", "PD")]
    assert rules_found({"assessments": clean, "last_contact": "2023-06-01"}) == {}


def test_unknown_codes_and_impossible_dates_are_refused() -> None:
    with pytest.raises(ValueError, match="no response code"):
        records_from_mappings([{"subject": "1", "assessments": [assessment("2023-03-01", "BETTER")]}])
    with pytest.raises(ValueError, match=r"day is out of range|Invalid isoformat"):
        records_from_mappings([{"subject": "1", "last_contact": "2023-02-30"}])


def findings_of(subjects: list[dict[str, Any]], endpoint: str = "PFS", **options: Any) -> list[dict[str, Any]]:
    case = {"id": "odd", "endpoint": endpoint, "ruleset": {"preset": "common", "options": options}}
    definition = load_ruleset(protocol_of(case)).endpoints[endpoint]
    kind = default_registry().endpoint_kinds[definition.kind]
    whole = [
        {"subject": str(n), "origins": {"randomisation": "2023-01-02"}, "baseline": BASELINE, **subject}
        for n, subject in enumerate(subjects, start=1)
    ]
    return all_findings(kind, whole, definition).to_dicts()


def of_rule(rule: str, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [finding for finding in findings if finding["rule_id"] == rule]


def test_who_starts_after_the_cut_off_is_named() -> None:
    subjects = [{"origins": {"randomisation": day}} for day in ("2023-12-31", "2024-01-01")]
    (found,) = of_rule("endpoint.origin.after_cutoff", findings_of(subjects))
    assert (found["subject"], found["value"]) == ("2", "2024-01-01")


def test_an_event_before_the_response_is_said() -> None:
    """Clinical progression ends the duration on the day of the response that came after it."""
    odd = {
        "assessments": [assessment("2023-03-01", "PR")],
        "other_events": [{"id": "X1", "date": "2023-02-01", "kind": "clinical_progression"}],
    }
    found = findings_of([odd], "DOR", clinical_progression="event")
    (said,) = of_rule("endpoint.event.before_start", found)
    assert (said["subject"], said["record"], said["value"]) == ("1", "X1", "2023-02-01")
    assert not of_rule("endpoint.event.before_start", findings_of([odd], "DOR", clinical_progression="ignore"))


def suspected(flagged: bool, then: str) -> dict[str, Any]:
    first = assessment("2023-03-01", "PD", suspected_pseudo=flagged)
    return {"assessments": [first, assessment("2023-05-01", then)]}


@pytest.mark.parametrize(
    ("subjects", "severity"),
    [
        ([suspected(True, "PR"), suspected(True, "SD"), suspected(False, "PD")], "warning"),
        ([suspected(True, "PR"), suspected(True, "PD"), suspected(False, "PD")], "note"),
        ([suspected(True, "PR"), suspected(False, "SD"), suspected(False, "PD")], "note"),
        ([suspected(True, "PR")], "note"),  # nothing to compare with
        ([suspected(False, "PD")], None),
    ],
)
def test_flags_that_fit_every_next_scan_may_have_been_set_after_it(
    subjects: list[dict[str, Any]], severity: str | None
) -> None:
    found = of_rule("endpoint.flag.outcome_dependent", findings_of(subjects, pd_rule="first_pd_pseudo_confirm"))
    assert [finding["severity"] for finding in found] == ([] if severity is None else [severity])
    assert not of_rule("endpoint.flag.outcome_dependent", findings_of(subjects, pd_rule="first_pd"))


def test_how_many_never_completed_the_combination() -> None:
    both = {"origins": {"first_tace": "2023-01-02", "first_ici": "2023-02-02"}}
    subjects = [both, {"origins": {"first_tace": "2023-01-02"}}, {"origins": {"first_ici": "2023-01-02"}}]
    components = ["first_tace", "first_ici"]
    found = findings_of(subjects, origin="first_component", origin_components=components)
    (said,) = of_rule("endpoint.origin.incomplete_combination", found)
    assert said["message"] == "2 of 3 subjects never had every one of first_tace, first_ici"


@pytest.mark.parametrize(
    ("subject", "late"),
    [
        # 1 March plus 180 days is 28 August.
        ({"assessments": [assessment("2023-03-01", "SD")], "death": {"date": "2023-08-28"}}, None),
        ({"assessments": [assessment("2023-03-01", "SD")], "death": {"date": "2023-08-29"}}, "181"),
        ({"assessments": [assessment("2023-03-01", "NE")], "death": {"date": "2023-08-29"}}, "181"),
        ({"death": {"date": "2023-07-02"}}, "181"),  # never assessed: from the origin, 2 January
        ({"assessments": [assessment("2023-03-01", "PD")], "death": {"date": "2023-12-01"}}, None),
        ({"assessments": [assessment("2023-03-01", "SD")], "death": {"date": "2024-01-01"}}, None),  # after the cut-off
    ],
)
def test_deaths_long_after_the_last_assessment_are_counted(subject: dict[str, Any], late: str | None) -> None:
    """Endpoints specification §12.8."""
    found = of_rule("endpoint.death.long_after_assessment", findings_of([subject]))
    told = (
        f"1 of 1 deaths without progression came more than 180 days after the last assessment, the latest {late} days"
    )
    assert [finding["message"] for finding in found] == ([] if late is None else [told])
    assert not of_rule("endpoint.death.long_after_assessment", findings_of([subject], report_deaths_after_days=None))
    assert not of_rule("endpoint.death.long_after_assessment", findings_of([subject], "OS"))
