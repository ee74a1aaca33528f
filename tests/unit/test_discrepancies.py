"""Derived and collected responses, visit by visit and component by component: which differ, and which are not compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
from rules_engine.loading import load_ruleset
from rules_engine.pipeline.discrepancies import COMPARED_SCHEMA, derive_discrepancies, uncompared_discrepancies

RULESET = load_ruleset("tace_ici_hcc")
FIRST, SECOND = date(2024, 3, 1), date(2024, 6, 1)
_TEXTS = (
    "subject", "date", "criterion", "assessor", "reader", "target", "non_target", "new_lesion", "response", "iresponse",
)  # fmt: skip


def collected(*rows: dict[str, Any]) -> pl.LazyFrame:
    usual = {"subject": "A", "date": FIRST.isoformat(), "criterion": "mRECIST", "assessor": "Investigator"}
    return pl.LazyFrame([{**usual, **row} for row in rows], schema=dict.fromkeys(_TEXTS, pl.String))


def derived(*rows: tuple[str, date, str, str, str, bool]) -> pl.DataFrame:
    kinds = dict.fromkeys(("target", "nontarget", "overall"), pl.String)
    schema = {"subject": pl.String, "visit_date": pl.Date, **kinds, "new_lesion": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


STABLE = derived(("A", FIRST, "SD", "CR", "SD", False))


def differences(
    rows: pl.LazyFrame, timepoints: pl.DataFrame = STABLE, name: str = "mrecist"
) -> Sequence[tuple[Any, ...]]:
    return derive_discrepancies(RULESET, rows, {name: timepoints})[0].rows()


def test_only_components_that_differ_are_told() -> None:
    rows = collected({"target": "SD", "non_target": "NON-CR/NON-PD", "response": "SD", "new_lesion": "yes"})
    assert differences(rows) == [
        ("mrecist", "A", FIRST, "new_lesion", "no", "yes"),
        ("mrecist", "A", FIRST, "nontarget", "CR", "NON-CR/NON-PD"),
    ]


def test_a_visit_of_one_side_alone_differs_in_what_was_collected_somewhere() -> None:
    assert differences(collected({"date": SECOND.isoformat(), "response": "PD"})) == [
        ("mrecist", "A", FIRST, "overall", "SD", None),
        ("mrecist", "A", SECOND, "overall", None, "PD"),
    ]
    assert differences(collected({"date": "2024", "response": "PD"})) == [
        ("mrecist", "A", None, "overall", None, "PD"),
        ("mrecist", "A", FIRST, "overall", "SD", None),
    ]


def test_of_a_visit_that_was_collected_twice_what_one_row_leaves_out_is_no_difference() -> None:
    twice = ({"target": "SD"}, {"response": "PD"}, {"response": "CR", "target": "SD"}, {"response": "PD"})
    assert differences(collected(*twice)) == [
        ("mrecist", "A", FIRST, "overall", "SD", "CR"),
        ("mrecist", "A", FIRST, "overall", "SD", "PD"),
    ]


def test_the_criterion_may_be_spelled_in_any_way_and_must_be_the_stream_s_own_as_must_the_assessor() -> None:
    spelled = [{"criterion": word, "response": word} for word in ("RECIST 1.1", "recist_1_1", "Recist1.1")]
    others = [{"criterion": "iRECIST", "response": "PD"}, {"criterion": None, "response": "PD"}]
    central = {"criterion": "RECIST 1.1", "assessor": "central", "response": "NE"}
    found = differences(collected(*spelled, *others, central), name="recist")
    assert {row[-1] for row in found} == {"RECIST 1.1", "recist_1_1", "Recist1.1"}


def test_what_was_compared_is_told_and_the_rest_can_be_asked_for_later() -> None:
    timepoints = {"mrecist": STABLE, "recist": STABLE}
    found, compared = derive_discrepancies(RULESET, collected({"response": "SD"}), timepoints)
    assert found.is_empty()
    assert compared.rows() == [("mrecist", "overall")]
    anywhere = pl.DataFrame(
        [("mrecist", "overall"), ("mrecist", "new_lesion"), ("recist", "target")], schema=COMPARED_SCHEMA, orient="row"
    )
    assert uncompared_discrepancies(timepoints, compared, anywhere).rows() == [
        ("mrecist", "A", FIRST, "new_lesion", "no", None),
        ("recist", "A", FIRST, "target", "SD", None),
    ]
