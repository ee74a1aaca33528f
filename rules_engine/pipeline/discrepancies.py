"""Derived against collected responses."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from rules_engine.agreement import as_components
from rules_engine.model import ResponseDefinition, Ruleset
from rules_engine.pipeline.responses import select_reading

DISCREPANCY_SCHEMA: dict[str, pl.DataType] = {
    "response_name": pl.String(),
    "subject": pl.String(),
    "date": pl.Date(),
    "component": pl.String(),
    "derived": pl.String(),
    "collected": pl.String(),
}
#: Which components were collected for the criterion of a derived stream: one row each.
COMPARED_SCHEMA: dict[str, pl.DataType] = {"response_name": pl.String(), "component": pl.String()}
DISCREPANCY_KEY = ("response_name", "subject", "date", "component")


def derive_discrepancies(
    ruleset: Ruleset, collected: pl.LazyFrame, timepoints: Mapping[str, pl.DataFrame]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where a derived stream and the responses collected for the same criterion and assessor differ.

    One row per response, subject, visit and component (target, nontarget, new_lesion, overall); a side without a row is null. The
    same criterion is one whose name is that of the ruleset or of the criterion, however it is spelled. A component that was never
    collected at any visit is no discrepancy; those that were come second (`COMPARED_SCHEMA`).
    """
    parts = [pl.LazyFrame(schema=DISCREPANCY_SCHEMA)]
    compared = [pl.LazyFrame(schema=COMPARED_SCHEMA)]
    for name, frame in timepoints.items():
        reported = _reported(ruleset.responses[name], collected)
        present = reported.select("component").unique()
        compared.append(present.select(response_name=pl.lit(name), component="component"))
        derived = _components(frame).join(present, on="component", how="semi")
        parts.append(_differences(name, derived, reported))
    rows, components = pl.collect_all(
        [pl.concat(parts).sort(DISCREPANCY_KEY), pl.concat(compared).sort("response_name", "component")]
    )
    return rows, components


def uncompared_discrepancies(
    timepoints: Mapping[str, pl.DataFrame], compared: pl.DataFrame, compared_anywhere: pl.DataFrame
) -> pl.DataFrame:
    """What `derive_discrepancies` left out for some subjects because a component was collected for none of them, though it was for
    other subjects.
    """
    lacking = compared_anywhere.join(compared, on=list(COMPARED_SCHEMA), how="anti")
    nothing = pl.LazyFrame(
        schema={"subject": pl.String, "date": pl.Date, "component": pl.String, "collected": pl.String}
    )
    parts = [pl.LazyFrame(schema=DISCREPANCY_SCHEMA)]
    for (name,), components in lacking.group_by(["response_name"], maintain_order=True):
        derived = _components(timepoints[str(name)]).filter(
            pl.col("component").is_in(components["component"].to_list())
        )
        parts.append(_differences(str(name), derived, nothing))
    return pl.concat(parts).sort(DISCREPANCY_KEY).collect()


def _components(timepoints: pl.DataFrame) -> pl.LazyFrame:
    """Derived timepoints, one row per component: subject, date, component, derived."""
    return timepoints.lazy().select(
        "subject",
        "target",
        "nontarget",
        "overall",
        new_lesion=pl.when("new_lesion").then(pl.lit("yes")).otherwise(pl.lit("no")),
        date="visit_date",
    ).unpivot(index=["subject", "date"], variable_name="component", value_name="derived")  # fmt: skip


def _reported(definition: ResponseDefinition, collected: pl.LazyFrame) -> pl.LazyFrame:
    """Collected responses of the criterion of a derived stream, one row per component: subject, date, component, collected."""
    assert definition.rules is not None  # noqa: S101  (the loader gives every derived stream its rules)
    names = {_bare(definition.rules.ruleset), _bare(definition.rules.criterion)}
    same_criterion = pl.col("criterion").str.to_lowercase().str.replace_all("[^a-z0-9]", "").is_in(names)
    return (
        as_components(select_reading(collected, definition).filter(same_criterion), re_assessed=False)
        .rename({"visit_date": "date"})
        .unpivot(index=["subject", "date"], variable_name="component", value_name="collected")
        .filter(pl.col("collected").is_not_null())
        .unique()
    )


def _differences(name: str, derived: pl.LazyFrame, reported: pl.LazyFrame) -> pl.LazyFrame:
    return (
        derived.join(reported, on=["subject", "date", "component"], how="full", coalesce=True)
        .filter(pl.col("derived").ne_missing(pl.col("collected")))
        .with_columns(response_name=pl.lit(name))
        .select(list(DISCREPANCY_SCHEMA))
    )


def _bare(text: str) -> str:
    """A name reduced to its letters and digits, so that `RECIST 1.1` and `recist_1_1` are one."""
    return re.sub("[^a-z0-9]", "", text.lower())
