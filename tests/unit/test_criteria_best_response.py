"""Best overall response and progression of a subject, from the responses of its visits alone (Eisenhauer 2009 §4.4, Table 3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine import criteria
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import default_registry
from rules_engine.vocabulary import TIMEPOINT_SCHEMA

START = date(2024, 1, 1)


def day(number: int) -> date:
    return START + timedelta(days=number)


def responses(
    *codes: str, every: int = 42, first: int = 42, subject: str = "A", **columns: Sequence[Any]
) -> pl.LazyFrame:
    """Timepoints with these overall responses, one after the other."""
    rows = [
        {
            "subject": subject,
            "visit_date": day(first + number * every),
            "overall": code,
            "basis_overall": code,
            "accepted": True,
            "target": "SD",
            "progression_date": day(first + number * every) if code in ("PD", "iUPD", "iCPD") else None,
            "rule_id": f"rule.{number}",
            **{name: values[number] for name, values in columns.items()},
        }
        for number, code in enumerate(codes)
    ]
    return pl.LazyFrame([{name: row.get(name) for name in TIMEPOINT_SCHEMA} for row in rows], schema=TIMEPOINT_SCHEMA)


def best(
    timepoints: pl.LazyFrame, criterion: str = "recist_1_1", *, since: date | None = START, **options: Any
) -> dict[str, Any]:
    more = {"new_therapy_date": options.pop("new_therapy")} if "new_therapy" in options else {}
    rules = load_criterion_rules(
        criterion, overrides={k.replace("__", "."): v for k, v in options.items()}, registry=default_registry()
    )
    dates = {"subject": pl.String(), "reference_date": pl.Date(), **dict.fromkeys(more, pl.Date())}
    reference = pl.LazyFrame([{"subject": "A", "reference_date": since, **more}], schema=dates)
    return criteria.best_overall_response(timepoints, reference, rules).collect().row(0, named=True)


REQUIRED = {"bor__confirmation": "required"}


@pytest.mark.parametrize(
    ("codes", "confirmed", "unconfirmed"),
    [
        (["CR", "CR"], "CR", "CR"), (["CR", "NE"], "SD", "CR"), (["CR", "PD"], "SD", "CR"), (["PR", "CR"], "PR", "CR"),
        (["PR", "PR"], "PR", "PR"), (["PR", "SD"], "SD", "PR"), (["PR", "PD"], "SD", "PR"), (["PR", "NE"], "SD", "PR"),
        (["NE", "NE"], "NE", "NE"), (["PR", "SD", "PR"], "PR", "PR"), (["PR", "SD", "SD", "PR"], "SD", "PR"),
        (["PR", "NE", "PR"], "PR", "PR"), (["PR", "NE", "NE", "PR"], "SD", "PR"), (["CR", "NE", "CR"], "CR", "CR"),
        (["CR", "SD", "CR"], "SD", "CR"), (["PD", "CR", "CR"], "PD", "PD"), (["PR", "PD", "PR"], "SD", "PR"),
        (["NED", "PD", "NED"], "PD", "PD"), (["NE", "NED"], "NED", "NED"), (["ND", "ND"], "NE", "NE"),
        (["PR", "ND", "PR"], "PR", "PR"), (["PR", "ND", "ND", "PR"], "SD", "PR"),
    ],
)  # fmt: skip
def test_the_best_response_of_a_course(codes: list[str], confirmed: str, unconfirmed: str) -> None:
    assert best(responses(*codes), **REQUIRED)["bor"] == confirmed
    assert best(responses(*codes))["bor"] == unconfirmed


def test_no_response_confirms_itself() -> None:
    assert best(responses("PR", "PD"), **REQUIRED, bor__confirm_min_days=0)["bor"] == "SD"
    assert best(responses("PR", "PR"), **REQUIRED, bor__confirm_min_days=0)["bor"] == "PR"


def test_the_order_of_rows_does_not_confirm_a_response() -> None:
    backwards = responses("PR", "NE", "NE", "PR").reverse()
    assert best(backwards, **REQUIRED)["bor"] == "SD"
    assert best(responses("PR", "NED", "PR").reverse(), **REQUIRED)["bor"] == "SD"
    assert best(responses("PR", "SD", "SD", "PR").reverse(), **REQUIRED)["bor"] == "SD"


@pytest.mark.parametrize(("first", "expected"), [(41, "PD"), (42, "SD")])
def test_a_response_that_is_not_confirmed_is_stable_disease_only_after_its_least_duration(
    first: int, expected: str
) -> None:
    assert best(responses("CR", "PD", first=first), **REQUIRED)["bor"] == expected
    assert best(responses("SD", "PD", first=first))["bor"] == expected


def test_no_stable_disease_lasts_long_enough_where_day_0_is_not_known() -> None:
    assert best(responses("SD", "SD"), since=None)["bor"] == "NE"
    assert best(responses("SD", "PD"), since=None)["bor"] == "PD"
    assert best(responses("PR", "SD"), since=None)["bor"] == "PR"


def test_a_subject_without_targets_has_no_stable_disease() -> None:
    only_nontargets = {"target": ["NA", "NA"]}
    assert best(responses("CR", "NE", **only_nontargets), **REQUIRED)["bor"] == "NON-CR/NON-PD"
    assert best(responses("NON-CR/NON-PD", "PD", **only_nontargets), **REQUIRED)["bor"] == "NON-CR/NON-PD"
    assert best(responses("NON-CR/NON-PD", "PD", first=41, **only_nontargets))["bor"] == "PD"


def test_the_days_of_the_best_response_and_of_the_first_response() -> None:
    found = best(responses("SD", "PR", "CR", "CR"))
    assert (found["bor"], found["bor_date"], found["response_date"]) == ("CR", day(126), day(84))
    found = best(responses("PR", "SD", "SD", "PR", "CR"), **REQUIRED)
    assert (found["bor"], found["bor_date"], found["response_date"]) == ("PR", day(168), day(168))
    found = best(responses("NE", "NE"))
    assert (found["bor"], found["bor_date"], found["response_date"]) == ("NE", day(42), None)
    found = best(responses("SD", subject="somebody else"))
    assert (found["bor"], found["bor_date"], found["rule_id"]) == ("NE", None, "recist_1_1.bor.ne")


def test_the_rule_that_gave_the_best_response() -> None:
    assert best(responses("PR", "NE"))["rule_id"] == "recist_1_1.bor.pr"
    assert best(responses("iPR", "iUPD"), "irecist")["rule_id"] == "irecist.bor.pr"
    assert best(responses("iUPD", "NE"), "irecist")["rule_id"] == "irecist.bor.iupd"
    assert best(responses("iPR", "PD"), "mrecist_irecist")["rule_id"] == "recist_1_1.bor.pr"


def test_what_comes_with_or_after_a_new_therapy_does_not_count() -> None:
    course = responses("SD", "PR")
    assert best(course, new_therapy=day(85))["bor"] == "PR"
    assert best(course, new_therapy=day(84))["bor"] == "SD"
    assert best(course, new_therapy=None)["bor"] == "PR"


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["iCR", "iPR", "iUPD", "iCPD"], "iCR"), (["iUPD", "iPR", "iCPD"], "iPR"), (["iUPD", "NE", "iCR"], "iCR"),
        (["iUPD", "iSD", "iCPD"], "iSD"), (["iUPD", "iCPD", "iCR"], "iCPD"), (["iUPD", "iUPD", "iCPD"], "iCPD"),
        (["iUPD", "NE", "NE"], "iUPD"),
    ],
)  # fmt: skip
def test_the_best_response_under_irecist(codes: list[str], expected: str) -> None:
    """Seymour 2017 Table 3."""
    assert best(responses(*codes), "irecist")["bor"] == expected


def test_a_scan_that_was_disregarded_is_no_best_response() -> None:
    assert best(responses("iUPD", "iCR", "NE", accepted=[True, False, True]), "irecist")["bor"] == "iUPD"


def test_a_suspicion_that_was_refuted_ends_no_search_and_one_that_stands_does() -> None:
    void = responses(
        "iUPD",
        "NE",
        "PR",
        "PR",
        state=["PENDING", "PENDING", "OPEN", "OPEN"],
        anchor_date=[day(42), day(42), day(42), None],
    )
    assert best(void, "mrecist_irecist")["bor"] == "PR"
    confirmed = responses(
        "iUPD", "iCPD", "iCPD", state=["PENDING", "CONFIRMED", "CONFIRMED"], anchor_date=[day(42)] * 3
    )
    assert best(confirmed, "mrecist_irecist")["bor"] == "PD"


def progressed(timepoints: pl.LazyFrame, criterion: str = "recist_1_1", **options: Any) -> dict[str, Any]:
    rules = load_criterion_rules(
        criterion, overrides={k.replace("__", "."): v for k, v in options.items()}, registry=default_registry()
    )
    (found,) = criteria.progression(timepoints, rules).collect().iter_rows(named=True)
    return found


def test_progression_is_the_earliest_day_that_any_progression_is_dated_to() -> None:
    found = progressed(responses("SD", "PD", "PD"))
    assert (found["progression_date"], found["progression_status"], found["progression_reasons"]) == (
        day(84),
        "progressed",
        "rule.1",
    )
    dated_back = responses("SD", "PD", "PD", progression_date=[None, day(84), day(42)])
    assert progressed(dated_back)["progression_reasons"] == "rule.2"
    without_a_day = responses("PD", "PD", progression_date=[None, day(84)])
    assert progressed(without_a_day)["progression_reasons"] == "rule.1"
    none = progressed(responses("SD", "NE"))
    assert (none["progression_date"], none["progression_status"], none["progression_reasons"]) == (None, "none", None)


def block(*states: str, **more: Sequence[Any]) -> pl.LazyFrame:
    """A course under iRECIST whose first visit is an iUPD."""
    codes = {"PENDING": "iUPD", "CONFIRMED": "iCPD", "OPEN": "iSD"}
    anchors = [
        None if number and state == "OPEN" and states[number - 1] == "OPEN" else day(42)
        for number, state in enumerate(states)
    ]
    return responses(*(codes[state] for state in states), state=states, anchor_date=anchors, **more)


def test_a_confirmed_progression_is_dated_to_its_first_scan_and_one_left_open_as_stated() -> None:
    confirmed = block("PENDING", "CONFIRMED", "CONFIRMED", confirmation_reasons=[None, "C1", None])
    found = progressed(confirmed, "irecist")
    assert (found["progression_date"], found["progression_status"], found["progression_reasons"]) == (
        day(42),
        "confirmed",
        "C1",
    )
    assert progressed(block("PENDING", "CONFIRMED"), "irecist")["progression_reasons"] == "rule.1"
    left = progressed(block("PENDING", "PENDING"), "irecist")
    assert (left["progression_date"], left["progression_status"]) == (day(42), "unconfirmed")
    assert left["progression_reasons"] == "irecist.pending.at_end"
    censored = progressed(block("PENDING", "PENDING"), "irecist", irecist__pending_at_end="censor")
    assert (censored["progression_date"], censored["progression_status"]) == (None, "unconfirmed")
    assert progressed(block("PENDING", "OPEN"), "irecist")["progression_status"] == "none"


@pytest.mark.parametrize(
    ("states", "accepted", "unconfirmed_last", "pending_at_end", "expected"),
    [
        (["PENDING"], [True], "event", "censor", 42), (["PENDING"], [True], "censor", "event", None),
        (["PENDING", "PENDING"], [True, True], "event", "censor", None), (["PENDING", "PENDING"], [True, True], "censor", "event", 42),
        (["PENDING", "PENDING"], [True, False], "event", "censor", 42),
    ],
)  # fmt: skip
def test_a_suspicion_left_open_goes_by_whether_a_later_scan_was_accepted(
    states: list[str], accepted: list[bool], unconfirmed_last: str, pending_at_end: str, expected: int | None
) -> None:
    found = progressed(
        block(*states, accepted=accepted),
        "mrecist_irecist",
        hybrid__unconfirmed_last=unconfirmed_last,
        irecist__pending_at_end=pending_at_end,
    )
    assert found["progression_date"] == (None if expected is None else day(expected))


@pytest.mark.parametrize(
    ("states", "how", "expected"),
    [
        (["PENDING", "CONFIRMED"], "first_iupd", (42, "confirmed", "C1")),
        (["PENDING", "CONFIRMED"], "confirmation", (84, "confirmed", "C1")),
        (["PENDING", "PENDING"], "first_iupd", (42, "unconfirmed", "irecist.pending.at_end")),
        (["PENDING", "PENDING"], "confirmation", (None, "unconfirmed", "irecist.pending.at_end")),
        (["PENDING", "OPEN", "OPEN"], "first_mrecist_pd", (84, "progressed", "mrecist_irecist.first_mrecist_pd")),
    ],
)  # fmt: skip
def test_the_hybrid_dates_a_suspected_progression_as_the_ruleset_says(
    states: list[str], how: str, expected: tuple[int | None, str, str]
) -> None:
    reasons = ["C1" if state == "CONFIRMED" else None for state in states]
    course = block(*states, confirmation_reasons=reasons, basis_overall=["SD", "PD", "PD"]).with_columns(
        basis_progression_date=pl.col("visit_date")  # of a visit that is no PD it says nothing
    )
    found = progressed(course, "mrecist_irecist", hybrid__progression_date=how)
    dated, status, reason = expected
    assert (found["progression_date"], found["progression_status"], found["progression_reasons"]) == (
        None if dated is None else day(dated), status, reason,
    )  # fmt: skip


def test_the_hybrid_takes_the_earlier_of_an_unsuspected_and_a_confirmed_progression() -> None:
    final = responses("SD", "PD", state=["OPEN", "PROGRESSED"])
    found = progressed(final, "mrecist_irecist")
    assert (found["progression_date"], found["progression_status"]) == (day(84), "progressed")
    first = progressed(
        responses("iUPD", "iSD", state=["PENDING", "OPEN"], basis_overall=["PD", "SD"]).with_columns(
            basis_progression_date=pl.when(pl.col("basis_overall") == "PD").then("visit_date")
        ),
        "mrecist_irecist",
        hybrid__progression_date="first_mrecist_pd",
    )
    assert (first["progression_date"], first["progression_reasons"]) == (day(42), "mrecist_irecist.first_mrecist_pd")


def test_survival_without_progression_ends_with_the_last_evaluable_scan() -> None:
    rules = load_criterion_rules("recist_1_1", registry=default_registry())
    schema = {"subject": pl.String(), "reference_date": pl.Date()}
    reference = pl.LazyFrame({"subject": ["A"], "reference_date": [START]}, schema=schema)

    def pfs(timepoints: pl.LazyFrame, death: date | None) -> tuple[Any, ...]:
        deaths = pl.LazyFrame(
            {"subject": ["A"], "death_date": [death]}, schema={"subject": pl.String(), "death_date": pl.Date()}
        )
        return criteria.first_trial_pfs(timepoints, reference, deaths, rules).collect().row(0)[1:]

    assert pfs(responses("SD", "SD", "NE"), None) == (False, day(84), "censored")
    assert pfs(responses("NE", "NE"), None) == (False, START, "censored")
    assert pfs(responses("SD", "PD"), day(84)) == (True, day(84), "progression")
    assert pfs(responses("SD", "PD"), day(60)) == (True, day(60), "death")
    assert pfs(responses("SD"), day(60)) == (True, day(60), "death")
