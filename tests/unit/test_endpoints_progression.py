"""The machine behind pd_rule: sequences of assessments 28 days apart, written as codes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from rules_engine.endpoints.progression import derive_progression, derive_scan
from rules_engine.terms import NOT_EVALUABLE, PROGRESSION_TYPE

START = date(2023, 1, 2)
CUTOFF = date(2024, 12, 31)


def day(position: int) -> date:
    return START + timedelta(28 * position)


def progression(
    codes: str, pd_rule: str, *, died: bool = False, ended: date | None = None, **irecist: Any
) -> tuple[date | None, date | None]:
    """P and the pending u. A code is RESPONSE, RESPONSE? (suspected), RESPONSE/IRESPONSE or - (no response is stated)."""
    rows = []
    for position, word in enumerate(codes.split(), start=1):
        plain, _, again = word.partition("/")
        response = None if plain == "-" else plain.rstrip("?")
        rows.append(
            {
                "subject": "1", "date": day(position), "response": response, "iresponse": again.rstrip("?") or None,
                "suspected": plain.endswith("?"), "evaluable": response is not None and response not in NOT_EVALUABLE,
                "progression": response in PROGRESSION_TYPE,
            }
        )  # fmt: skip
    timeline = pl.LazyFrame(rows, schema_overrides={"iresponse": pl.String})
    clock = pl.LazyFrame({"subject": ["1"], "died": [died]})
    ends = {"subject": ["1"], "n_date": [ended]} if ended else None
    truncation = pl.LazyFrame(ends, schema={"subject": pl.String(), "n_date": pl.Date()})
    rules = {"unconfirmed": "event", "pending_grace_days": None, "confirm_min_days": 0, "confirmed_date": "first_iupd"}
    options = {"pd_rule": pd_rule, "irecist": {**rules, **irecist}}
    found = derive_progression(derive_scan(timeline, options), clock, truncation, options, CUTOFF).collect()
    return (found["p_date"][0], found["u_date"][0]) if found.height else (None, None)


@pytest.mark.parametrize(
    ("codes", "at"),
    [
        ("SD SD", None),
        ("SD PD SD", 2),
        ("iSD iUPD iSD", 2),
    ],
)
def test_first_pd_takes_the_first_assessment_that_reports_progression(codes: str, at: int | None) -> None:
    assert progression(codes, "first_pd") == (None if at is None else day(at), None)


@pytest.mark.parametrize(
    ("codes", "at"),
    [
        ("iSD iUPD iCPD", 2),
        ("iSD iUPD NE iCPD", 2),
        ("iUPD iPR iPR iUPD iCPD", 4),  # the bar is reset
        ("iUPD iUPD iUPD", 1),  # never confirmed, never cleared
        ("iUPD iSD", None),
        ("iSD iCPD", 2),  # nothing to confirm
        ("iUPD NE", 1),
        ("iSD SD/iUPD", 2),
        ("NE iUPD", 2),
        ("iSD PD/iUPD iSD", None),  # the iRECIST response is what counts where both are stated
        ("- iSD iUPD -", 3),  # without a response nothing begins, and nothing is cleared
    ],
)
def test_irecist_dates_progression_to_the_first_unconfirmed_one_of_its_block(codes: str, at: int | None) -> None:
    assert progression(codes, "irecist") == (None if at is None else day(at), None)


def test_a_confirmation_that_comes_too_early_confirms_nothing() -> None:
    assert progression("iUPD iCPD iSD", "irecist", confirm_min_days=29) == (None, None)
    assert progression("iUPD iCPD iSD", "irecist", confirm_min_days=28) == (day(1), None)


def test_a_confirmed_progression_may_take_the_date_of_its_confirmation() -> None:
    assert progression("iSD iUPD iCPD", "irecist", confirmed_date="icpd") == (day(3), None)


def test_an_unconfirmed_progression_may_be_left_pending() -> None:
    assert progression("iSD iUPD NE", "irecist", unconfirmed="censor") == (None, day(2))


def test_within_the_days_of_grace_an_unconfirmed_progression_waits() -> None:
    waited = (CUTOFF - day(2)).days
    assert progression("iSD iUPD", "irecist", pending_grace_days=waited) == (None, day(2))
    assert progression("iSD iUPD", "irecist", pending_grace_days=waited - 1) == (day(2), None)
    assert progression("iSD iUPD iUPD", "irecist", pending_grace_days=waited) == (day(2), None)  # assessed again
    assert progression("iSD iUPD NE", "irecist", pending_grace_days=waited) == (None, day(2))  # which answered nothing


def test_no_answer_can_come_after_death_or_the_end_of_the_observation() -> None:
    waited = (CUTOFF - day(2)).days
    assert progression("iSD iUPD", "irecist", pending_grace_days=waited, died=True) == (day(2), None)
    assert progression("iSD iUPD", "irecist", pending_grace_days=waited, ended=day(3)) == (day(2), None)


@pytest.mark.parametrize(
    ("codes", "at"),
    [
        ("SD PD SD", 2),  # not flagged: final
        ("SD PD? SD", None),  # overturned
        ("SD PD? PD", 2),  # confirmed, dated to the first
        ("SD PD? PD? PD", 2),
        ("SD PD? PD/iSD SD PD", 5),  # the re-assessment stands for the plain response
        ("PD? SD/iCPD", 1),
        ("PD?/iSD PD?/iSD PD?/iSD", 3),  # begins, cleared, begins: waits at the end, so it counts
        ("PD?/iSD PD?/iSD PD?/iSD PD?/iSD", None),  # and is cleared once more
        ("PD? SD SD?", None),  # only a progression can be one that is suspected not to be
        ("SD iUPD", 2),
        ("SD iUPD SD", None),
        ("SD PD? NE", 2),  # never re-assessed
    ],
)
def test_suspected_pseudoprogression_waits_for_its_reassessment(codes: str, at: int | None) -> None:
    assert progression(codes, "first_pd_pseudo_confirm") == (None if at is None else day(at), None)


def test_a_code_of_another_codelist_neither_progresses_nor_clears_nor_confirms() -> None:
    for rule, codes in (("first_pd_pseudo_confirm", "PD? {} PD"), ("irecist", "iUPD {} iCPD")):
        for other in ("VGPR", "SD/VGPR", "PD/VGPR"):  # where both are stated, the second is what answers
            assert progression(codes.format(other), rule, confirmed_date="icpd") == (day(3), None)


def test_an_unconfirmed_progression_needs_no_evaluable_assessment() -> None:
    assert progression("NE/iUPD", "irecist") == (day(1), None)


def test_what_has_no_response_neither_progresses_nor_confirms() -> None:
    """Dated to the confirmation there would be: without one the progression of the second scan counts at its own date."""
    for rule, codes in (("first_pd_pseudo_confirm", "- PD? -"), ("irecist", "- iUPD -")):
        assert progression(codes, rule, confirmed_date="icpd") == (day(2), None)


def test_a_recurrence_that_is_suspected_again_confirms_nothing() -> None:
    assert progression("NED RECUR? RECUR?", "first_pd_pseudo_confirm", confirmed_date="icpd") == (day(2), None)
    assert progression("NED RECUR? RECUR", "first_pd_pseudo_confirm", confirmed_date="icpd") == (day(3), None)
