"""The compatibility mode on cases worked by hand from the description of the package, and its refusals and findings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, RulesetError, StudyError
from rules_engine.loading import load_ruleset

from tests.oracle.admiralonco import CONFIGURATIONS, Configuration
from tests.strategies.admiralonco import as_overrides, derive_all, tables

START = date(2024, 1, 1)
BY_NAME = {how.name: how for how in CONFIGURATIONS}
R1, R4, R5, I1 = (BY_NAME[name] for name in ("r1", "r4", "r5", "i1"))


def on(day: int) -> date:
    return START + timedelta(days=day)


def history(*rows: tuple[int, str], **facts: int) -> dict[str, Any]:
    """A subject randomised and treated on day 0, with a response on each named day; other facts are days too."""
    dated = {name: on(day) for name, day in facts.items()}
    found = {"randomised": START, "treated": START, "therapy": None, "death": None, "alive": None, **dated}
    numbered = enumerate(sorted(rows, key=lambda row: row[0]), start=1)
    found["rows"] = [(on(day).isoformat(), number, None, code) for number, (day, code) in numbered]
    return found


def answer(how: Configuration, parameter: str, subject: dict[str, Any]) -> tuple[Any, Any]:
    """AVALC of a parameter and the day of it, counted from the reference date."""
    row = derive_all([subject], how, only=parameter)[0][parameter]
    return row[0], None if row[2] is None else (row[2] - START).days


def time(how: Configuration, parameter: str, subject: dict[str, Any]) -> tuple[Any, ...] | None:
    """ADT as a day, AVAL, CNSR and EVNTDESC of a time; None without a record."""
    row = derive_all([subject], how, only=parameter)[0].get(parameter)
    return None if row is None else ((row[1] - START).days, *row[2:5])


# Which assessments count ----------------------------------------------------------------------------------------------


def test_the_worst_of_a_day_counts_and_not_evaluable_loses_to_anything() -> None:
    assert answer(R1, "LSTA", history((50, "CR"), (50, "PR"))) == ("PR", 50)
    assert answer(R1, "LSTA", history((50, "NE"), (50, "CR"))) == ("CR", 50)
    assert answer(R1, "LSTA", history((50, "SD"), (50, "NON-CR/NON-PD"))) == ("NON-CR/NON-PD", 50)


@pytest.mark.parametrize(("how", "code", "number"), [(R1, "PR", 2), (I1, "iPR", 1)])
def test_of_equal_responses_on_a_day_recist_keeps_the_highest_number_and_irecist_the_lowest(
    how: Configuration, code: str, number: int
) -> None:
    name = "IRSP" if how.irecist else "RSP"
    assert derive_all([history((50, code), (50, code))], how)[0][name][3] == number


def test_assessments_before_the_reference_date_and_unknown_values_do_not_count() -> None:
    assert answer(R1, "BOR", history((-1, "CR"), (50, "ND"))) == ("MISSING", None)
    assert answer(R1, "RSP", history((0, "CR"))) == ("Y", 0)


def test_a_month_stands_for_its_last_day_and_a_year_for_none() -> None:
    subject = history()
    subject["rows"] = [("2024-02", 1, None, "PR"), ("2024", 2, None, "CR")]
    assert answer(R1, "BOR", subject) == ("PR", (date(2024, 2, 29) - START).days)


def test_dropped_assessments_are_those_from_the_day_of_the_new_therapy_on() -> None:
    subject = history((50, "SD"), (60, "PR"), therapy=60)
    assert answer(R1, "RSP", subject) == ("Y", 60)
    assert answer(replace(R1, dropped=True), "RSP", subject) == ("N", None)


def test_a_missing_reference_date_leaves_nothing_to_count() -> None:
    subject = {**history((50, "PR")), "randomised": None}
    assert answer(R1, "BOR", subject) == ("MISSING", None)
    assert answer(replace(R1, no_data="NE"), "BOR", subject) == ("NE", None)


# The cut, and how the two flows disagree ------------------------------------------------------------------------------


def test_a_progression_before_the_reference_date_ends_the_event_flow_alone() -> None:
    subject = history((-5, "PD"), (50, "PR"))
    assert answer(R1, "RSP", subject) == ("Y", 50)
    assert answer(R5, "RSP", subject) == ("N", None)
    assert answer(R5, "BOR", subject) == ("MISSING", None)


def test_two_progressions_on_one_day_vanish_from_the_event_flow() -> None:
    """The flag keeps the later of the two, the cut ends at the earlier."""
    subject = history((20, "SD"), (50, "PD"), (50, "PD"))
    assert answer(R1, "BOR", subject) == ("PD", 50)
    assert answer(R5, "BOR", subject) == ("NE", 20)
    assert answer(R5, "PD", subject) == ("Y", 50)


def test_without_the_cut_a_response_after_progression_counts() -> None:
    subject = history((50, "PD"), (90, "PR"))
    assert answer(R1, "RSP", subject) == ("N", None)
    assert answer(replace(R1, cut=False), "RSP", subject) == ("Y", 90)


# Confirmation ---------------------------------------------------------------------------------------------------------


def test_the_response_that_is_confirmed_gives_the_day() -> None:
    """PR d50, CR d64, PR d92, CR d120 (28 days): a PR follows the CR, so the first PR fails and the second holds."""
    subject = history((50, "PR"), (64, "CR"), (92, "PR"), (120, "CR"))
    assert answer(R1, "CRSP", subject) == ("Y", 92)
    assert answer(R1, "CBOR", subject) == ("PR", 92)


@pytest.mark.parametrize(
    ("rows", "confirmed"),
    [
        (((50, "CR"), (78, "CR")), True),  # exactly 28 days
        (((50, "CR"), (77, "CR")), False),
        (((50, "CR"), (60, "CR"), (80, "CR")), True),  # a confirmation that comes too early may stand between
        (((50, "CR"), (60, "NE"), (80, "CR")), True),
        (((50, "CR"), (60, "NE"), (70, "NE"), (80, "CR")), False),
        (((50, "CR"), (60, "PR"), (80, "CR")), False),
        (((50, "PR"), (80, "CR")), True),
        (((50, "PR"), (60, "SD"), (80, "PR")), False),
        (((50, "PR"), (60, "PD"), (80, "PR")), False),
    ],
)
def test_what_may_stand_between_a_response_and_its_confirmation(
    rows: tuple[tuple[int, str], ...], confirmed: bool
) -> None:
    assert answer(replace(R1, cut=False), "CRSP", history(*rows))[0] == ("Y" if confirmed else "N")


def test_one_stable_assessment_between_two_pr_where_it_is_accepted() -> None:
    how = replace(R1, sd_between=True)
    assert answer(how, "CRSP", history((50, "PR"), (60, "SD"), (80, "PR"))) == ("Y", 50)
    assert answer(how, "CRSP", history((50, "PR"), (60, "SD"), (70, "SD"), (80, "PR"))) == ("N", None)
    assert answer(how, "CRSP", history((50, "CR"), (60, "SD"), (80, "CR"))) == ("N", None)


def test_a_cr_that_falls_back_leaves_a_confirmed_pr_or_stable_disease() -> None:
    """CR d45, PR d90, PR d130: best CR, confirmed PR. CR d20, PR d60, window 42: confirmed best SD."""
    assert answer(R1, "BOR", history((45, "CR"), (90, "PR"), (130, "PR"))) == ("CR", 45)
    assert answer(R1, "CBOR", history((45, "CR"), (90, "PR"), (130, "PR"))) == ("PR", 90)
    assert answer(R1, "CBOR", history((20, "CR"), (60, "PR"))) == ("SD", 60)


# Best response and clinical benefit -----------------------------------------------------------------------------------


def test_responses_count_however_early_and_stable_disease_from_the_window_on() -> None:
    assert answer(R1, "BOR", history((1, "PR"))) == ("PR", 1)
    assert answer(R1, "BOR", history((41, "SD"))) == ("NE", 41)
    assert answer(R1, "BOR", history((42, "SD"))) == ("SD", 42)
    assert answer(R1, "CBOR", history((1, "PR"), (20, "NE"))) == ("NE", 1)
    assert answer(R1, "BOR", history((41, "SD"), (60, "PD"))) == ("PD", 60)


def test_clinical_benefit_is_the_earlier_of_response_and_control() -> None:
    assert answer(R1, "CB", history((10, "PR"), (50, "SD"))) == ("Y", 10)
    assert answer(R1, "CCB", history((10, "PR"), (50, "SD"))) == ("Y", 50)
    assert answer(R1, "CB", history((10, "SD"), (41, "SD"))) == ("N", None)


# iRECIST --------------------------------------------------------------------------------------------------------------


def test_a_confirmed_progression_is_dated_to_the_first_of_its_run() -> None:
    subject = history((20, "iSD"), (40, "iUPD"), (50, "iPR"), (60, "iUPD"), (70, "NE"), (80, "iUPD"), (90, "iCPD"))
    assert answer(I1, "ICPD", subject) == ("Y", 60)
    assert answer(I1, "IUPD", subject) == ("N", None)


def test_an_unanswered_progression_is_the_last_one_that_only_ne_follows() -> None:
    assert answer(I1, "IUPD", history((40, "iUPD"), (50, "iUPD"), (60, "NE"))) == ("Y", 50)
    assert answer(I1, "IUPD", history((40, "iUPD"), (50, "iSD"))) == ("N", None)


def test_best_response_ranks_confirmed_before_unconfirmed_progression() -> None:
    assert answer(I1, "IBOR", history((40, "iUPD"), (70, "iCPD"))) == ("iCPD", 40)
    assert answer(I1, "IBOR", history((40, "iUPD"))) == ("iUPD", 40)
    assert answer(I1, "IBOR", history((40, "iCPD"))) == ("MISSING", None)  # it confirms nothing
    assert derive_all([history((40, "NE"))], I1)[0]["IBOR"][:2] == ("NE", 8)


# Times ----------------------------------------------------------------------------------------------------------------


def test_progression_wins_over_death_on_one_day_and_any_event_over_any_censoring() -> None:
    assert time(R1, "PFS", history((50, "PD"), death=50)) == (50, 51, 0, "Disease Progression")
    assert time(R1, "PFS", history((50, "SD"), death=900)) == (900, 901, 0, "Death")
    assert time(R1, "PFS", history((50, "SD"), (90, "NE"))) == (90, 91, 1, "Last Tumor Assessment")
    assert time(R1, "PFS", history()) == (0, 1, 1, "Randomization")
    assert time(R1, "PFS", history((0, "SD"))) == (0, 1, 1, "Randomization")  # on one day the last listed


def test_what_happened_before_the_start_is_lifted_to_the_start() -> None:
    assert time(R1, "OS", history(death=-3)) == (0, 1, 0, "Death")
    late = replace(R1, cut=False)
    assert time(late, "RSD", history((50, "PD"), (90, "PR"))) == (90, 1, 0, "Disease Progression")


def test_a_missing_start_leaves_a_record_without_duration() -> None:
    subject = {**history(alive=70), "randomised": None}
    assert derive_all([subject], R1)[0]["OS"] == (
        None, on(70), None, 1, "Alive", "Alive During Study", "ADSL", "LSTALVDT",
    )  # fmt: skip
    assert "PFS" not in derive_all([subject], R1)[0]  # neither event nor censoring


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ignored", (60, 61, 0, "Disease Progression")),
        ("strict_before", (30, 31, 1, "Last Tumor Assessment")),
        ("end_dates", (60, 61, 0, "Disease Progression")),
    ],
)
def test_a_progression_on_the_day_of_the_new_therapy(rule: str, expected: tuple[Any, ...]) -> None:
    subject = history((30, "SD"), (60, "PD"), therapy=60)
    assert time(replace(R1, therapy=rule), "PFS", subject) == expected


def test_with_end_dates_a_last_assessment_after_the_therapy_is_not_replaced() -> None:
    how = replace(R1, therapy="end_dates")
    subject = history((30, "SD"), (90, "SD"), therapy=60)
    assert time(how, "PFS", subject) == (0, 1, 2, "New Anti-Cancer Therapy")
    assert time(how, "RSD", history((30, "PR"), (90, "SD"), therapy=60)) is None
    assert time(how, "OS", {**subject, "alive": on(200)}) == (200, 201, 1, "Alive")


# Refusals and findings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ruleset", "overrides", "said"),
    [
        (
            "admiralonco_irecist",
            {"options": {"admiralonco": {"flow": "functions"}}},
            "do not know the codes of iRECIST",
        ),
        (
            "admiralonco",
            {"endpoints": {"X": {"like": "admiralonco_IUPD", "response": "overall"}}},
            "unconfirmed progression is known to iRECIST alone",
        ),
        ("admiralonco", {"endpoints": {"PD": {"options": {"confirmed": True}}}}, "no confirmed form"),
        ("admiralonco", {"options": {"origin": "first_ici"}}, "there are no texts"),
        ("admiralonco", {"options": {"admiralonco": {"accept_sd": 2}}}, "accept_sd"),
        ("admiralonco", {"options": {"admiralonco": {"new_therapy": "censor"}}}, "new_therapy"),
    ],
)
def test_options_that_contradict_are_refused(ruleset: str, overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(RulesetError, match=said):
        load_ruleset(ruleset, overrides=overrides)


@pytest.mark.parametrize(
    ("options", "table", "column"),
    [
        ({}, "subjects", "last_contact_date"),
        ({}, "subjects", "death_date"),
        ({"admiralonco": {"new_therapy": "end_dates"}}, "treatments", None),
        ({"admiralonco": {"assessments_from_new_therapy": "dropped"}}, "treatments", None),
        ({"origin": "first_component"}, "treatments", None),
    ],
)
def test_a_study_that_lacks_what_decides_is_refused(options: dict[str, Any], table: str, column: str | None) -> None:
    study = tables([history((50, "PR"))], criterion="RECIST 1.1")
    if column is None:
        del study[table]
    else:
        study[table] = study[table].drop(column)
    with pytest.raises(StudyError, match=column or table):
        Engine("admiralonco", overrides={"options": options}).run(study, data_cutoff="2025-01-01")


def test_what_the_package_passes_over_is_said() -> None:
    subjects = [
        {**history((50, "PR")), "randomised": None},
        history((50, "ND")),
        history((50, "CR"), (60, "PR")),
        history(death=-3),
        {**history(), "rows": [("2024", 1, None, "PR")]},
        history((50, "PD"), (900, "SD")),
    ]
    result = Engine("admiralonco", overrides=as_overrides(R1)).run(
        tables(subjects, criterion="RECIST 1.1"), data_cutoff="2025-01-01"
    )
    found = result.findings.filter(pl.col("rule_id").str.starts_with("endpoint.admiralonco"))
    assert set(found.select("rule_id", "subject").iter_rows()) == {
        ("endpoint.admiralonco.no_reference", "S000000"),
        ("endpoint.admiralonco.unknown_value", "S000001"),
        ("endpoint.admiralonco.response_after_cr", "S000002"),
        ("endpoint.admiralonco.lifted", "S000003"),
        ("endpoint.admiralonco.no_day", "S000004"),
        ("endpoint.admiralonco.after_cutoff", "S000005"),
    }


def test_the_cut_off_is_applied_where_it_is_asked_for() -> None:
    subject = history((50, "SD"), (900, "PD"), death=950, alive=940)
    engine = Engine("admiralonco", overrides={"options": {"admiralonco": {"data_cutoff": "applied"}}})
    result = engine.run(tables([subject], criterion="RECIST 1.1"), data_cutoff=on(800))
    days = dict(result.adtte.select("PARAMCD", "ADT").iter_rows())
    assert days == {"OS": on(800), "PFS": on(50)}
    assert result.adtte["CNSR"].unique().to_list() == [1]


def test_every_derived_row_says_why_and_where_from() -> None:
    result = Engine("admiralonco", overrides=as_overrides(R4)).run(
        tables([history((50, "PR"), (90, "PD"), death=120)], criterion="RECIST 1.1"), data_cutoff="2025-01-01"
    )
    rules = dict(result.adrs.filter(pl.col("PARCAT1") == "RESPONSE ENDPOINT").select("PARAMCD", "RULEID").iter_rows())
    assert rules == {
        "RSP": "admiralonco.response.first", "CRSP": "admiralonco.confirmed_response.none",
        "CB": "admiralonco.clinical_benefit.first", "CCB": "admiralonco.confirmed_clinical_benefit.first",
        "BOR": "admiralonco.best_response.pr", "CBOR": "admiralonco.confirmed_best_response.sd",
        "PD": "admiralonco.progression.first", "DEATH": "admiralonco.death.first",
        "LSTA": "admiralonco.last_assessment.pd",
    }  # fmt: skip
    assert result.adtte["RULEID"].null_count() == 0
    assert result.adtte.filter(pl.col("PARAMCD") == "PFS").select("RULEID", "SRCDOM", "SRCSEQ").row(0) == (
        "admiralonco.event.progression", "ADRS", 2,
    )  # fmt: skip


def test_the_page_and_the_plugin_say_that_it_is_a_compatibility_mode(tmp_path: Any) -> None:
    engine = Engine("admiralonco")
    result = engine.run(tables([history((50, "PR"))], criterion="RECIST 1.1"), data_cutoff="2025-01-01")
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Compatibility mode" in page
    for kind in ("admiralonco_response", "admiralonco_time_to_event"):
        assert "Compatibility mode" in engine.registry.endpoint_kinds.require(kind).title
    assert all("compatibility mode" in endpoint.label for endpoint in engine.ruleset.endpoints.values())
