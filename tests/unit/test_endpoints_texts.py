"""What a record says beside its numbers: the source of its date (SRCDOM, SRCVAR), of its start, and what the date is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from rules_engine import endpoints
from rules_engine.casebook.endpoint_cases import protocol_of
from rules_engine.loading import load_ruleset
from rules_engine.registry import default_registry

CUT_OFF = date(2023, 12, 31)
TEXTS = load_ruleset("common").document["options"]["censoring_dates"]


def row(endpoint: str, options: dict[str, Any], scans: dict[str, str], **more: Any) -> dict[str, Any]:
    case = {"id": "texts", "endpoint": endpoint, "ruleset": {"preset": "common", "options": options}}
    definition = load_ruleset(protocol_of(case)).endpoints[endpoint]
    subject = {
        "subject": "1", "origins": {"randomisation": "2023-01-02", "first_tace": "2023-01-09"},
        "baseline": {"date": "2022-12-20", "adequate": True},
        "assessments": [{"id": f"A{n}", "date": day, "response": code} for n, (day, code) in enumerate(scans.items(), 1)],
        **more,
    }  # fmt: skip
    kind = default_registry().endpoint_kinds.require(definition.kind)
    (found,) = kind.derive(endpoints.records_from_mappings([subject]), definition, CUT_OFF).collect().to_dicts()
    return dict(found)


STABLE = {"2023-02-27": "SD"}
THERAPY = {"therapies": [{"id": "T1", "start": "2023-06-01", "kind": "systemic"}]}


@pytest.mark.parametrize(
    ("endpoint", "options", "more", "domain", "variable", "text"),
    [
        ("PFS", {}, {}, "ADRS", "ADT", "last_adequate"),
        ("PFS", {"new_therapy": "censor"}, THERAPY, "ADRS", "ADT", "last_adequate"),
        ("PFS", {"new_therapy": "censor_at_start"}, THERAPY, "CM", "CMSTDTC", "therapy_start"),
        ("TTP", {"death_handling": "competing"}, {"death": {"date": "2023-05-01"}}, "ADSL", "DTHDT", "death"),
        ("OS", {}, {"last_contact": "2023-09-01"}, "ADSL", "LSTALVDT", "last_known_alive"),
        ("OS", {}, {"last_contact": "2024-09-01"}, "RULESET", "CUTOFF", "last_known_alive"),
        ("OS", {}, {"withdrawal": "2023-09-01"}, "ADSL", "WDCONSDT", "last_known_alive"),
        ("OS", {}, {"tace": ["2023-09-01"]}, "PR", "PRSTDTC", "last_known_alive"),
        ("OS", {}, THERAPY, "CM", "CMSTDTC", "last_known_alive"),
        ("PFS2", {"pfs2_censor": "last_known_alive"}, {"last_contact": "2023-09-01"}, "ADSL", "LSTALVDT", "last_known_alive"),
        ("PFS2", {"pfs2_censor": "last_evaluable"}, {"last_contact": "2023-09-01"}, "ADRS", "ADT", "last_evaluable"),
    ],
)  # fmt: skip
def test_where_the_date_of_a_censored_record_comes_from_and_what_it_is(
    endpoint: str, options: dict[str, Any], more: dict[str, Any], domain: str, variable: str, text: str
) -> None:
    found = row(endpoint, options, STABLE, **more)
    assert (found["source_domain"], found["source_variable"]) == (domain, variable)
    assert found["censoring_description"] == TEXTS[text]


@pytest.mark.parametrize(
    ("endpoint", "options", "variable"),
    [
        ("PFS", {}, "RANDDT"),
        ("PFS", {"origin": "first_tace"}, "TACESDT"),
        ("DOR", {}, "RSPDT"),
        ("TTR", {"origin": "first_tace"}, "TACESDT"),
    ],
)
def test_the_variable_of_the_day_on_which_the_clock_starts(
    endpoint: str, options: dict[str, Any], variable: str
) -> None:
    assert row(endpoint, options, {"2023-02-27": "PR", "2023-08-01": "PD"})["start_variable"] == variable


def test_a_start_of_which_the_ruleset_names_no_variable_has_none() -> None:
    found = row("PFS", {"start_variables": {"randomisation": None}}, STABLE)
    assert found["start_variable"] is None


def test_a_record_without_any_scan_points_to_the_start() -> None:
    found = row("PFS", {"origin": "first_tace"}, {})
    assert (found["source_domain"], found["source_variable"], found["source_id"]) == ("ADSL", "TACESDT", "ORIGIN")
    assert found["censoring_description"] == TEXTS["start"]


def test_of_two_courses_of_a_component_that_end_on_one_day_the_first_record_is_the_source() -> None:
    course = {"component": "ici", "start": "2023-02-01", "last": "2023-06-01", "ended": True}
    found = row("TTD", {}, {}, treatment=[course, {**course, "start": "2023-01-02"}])
    assert (found["date"], found["source_id"], found["source_seq"]) == (date(2023, 6, 1), "ici", 1)
