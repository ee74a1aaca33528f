"""Derived against collected responses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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
DISCREPANCY_KEY = ("response_name", "subject", "date", "component", "collected")
_COMPONENTS = ("target", "nontarget", "overall", "new_lesion")
_VISIT = ("subject", "date")


def derive_discrepancies(
    ruleset: Ruleset, collected: pl.LazyFrame, timepoints: Mapping[str, pl.DataFrame]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Where a derived stream and the responses collected for the same criterion and assessor differ.

    One row per response, subject, visit and component (target, nontarget, new_lesion, overall); a side without a row is null. The
    same criterion is one whose name is that of the ruleset or of the criterion, however it is spelled. A component that was never
    collected at any visit is no discrepancy; those that were come second (`COMPARED_SCHEMA`).
    """
    spellings = collected.select(pl.col("criterion").unique()).collect()["criterion"].drop_nulls().to_list()
    reported = pl.collect_all([_reported(ruleset.responses[name], collected, spellings) for name in timepoints])
    parts = [pl.LazyFrame(schema=DISCREPANCY_SCHEMA)]
    compared: list[tuple[str, str]] = []
    for (name, derived), rows in zip(timepoints.items(), reported, strict=True):
        components = [component for component in _COMPONENTS if rows[component].null_count() < rows.height]
        compared += [(name, component) for component in components]
        if components:
            parts.append(_differences(name, derived, rows, components))
    differences = pl.concat(parts).sort(DISCREPANCY_KEY).collect()
    return differences, pl.DataFrame(sorted(compared), schema=COMPARED_SCHEMA, orient="row")


def uncompared_discrepancies(
    timepoints: Mapping[str, pl.DataFrame], compared: pl.DataFrame, compared_anywhere: pl.DataFrame
) -> pl.DataFrame:
    """What `derive_discrepancies` left out for some subjects because a component was collected for none of them, though it was for
    other subjects.
    """
    lacking = compared_anywhere.join(compared, on=list(COMPARED_SCHEMA), how="anti")
    nothing = pl.DataFrame(schema={"subject": pl.String, "date": pl.Date, **dict.fromkeys(_COMPONENTS, pl.String)})
    parts = [pl.LazyFrame(schema=DISCREPANCY_SCHEMA)]
    for (name,), components in lacking.group_by(["response_name"], maintain_order=True):
        parts.append(_differences(str(name), timepoints[str(name)], nothing, components["component"].to_list()))
    return pl.concat(parts).sort(DISCREPANCY_KEY).collect()


def _reported(definition: ResponseDefinition, collected: pl.LazyFrame, spellings: Sequence[str]) -> pl.LazyFrame:
    """Responses collected for the criterion of a derived stream: subject, date, and each component.

    Where a visit was collected twice, what one row leaves out is what another says.
    """
    assert definition.rules is not None  # noqa: S101  (the loader gives every derived stream its rules)
    names = {_bare(definition.rules.ruleset), _bare(definition.rules.criterion)}
    same_criterion = [spelled for spelled in spellings if _bare(spelled) in names]
    rows = select_reading(collected.filter(pl.col("criterion").is_in(same_criterion)), definition)
    known = as_components(rows, re_assessed=False).rename({"visit_date": "date"})
    is_repeated = pl.struct(_VISIT).is_duplicated()
    filled = [pl.col(name).fill_null(pl.col(name).max().over(_VISIT)) for name in _COMPONENTS]
    return pl.concat([known.filter(~is_repeated), known.filter(is_repeated).with_columns(filled)])


def _differences(
    name: str, timepoints: pl.DataFrame, reported: pl.DataFrame, components: Sequence[str]
) -> pl.LazyFrame:
    """Rows of `DISCREPANCY_SCHEMA`: derived timepoints and reported responses, visit by visit and component by component."""
    seen = pl.when("new_lesion").then(pl.lit("yes")).otherwise(pl.lit("no"))
    derived = timepoints.lazy().select("subject", "target", "nontarget", "overall", new_lesion=seen, date="visit_date")
    differs = [pl.col(one).ne_missing(pl.col(f"{one}_collected")) for one in components]
    told = [pl.struct(pl.lit(one).alias("component"), derived=one, collected=f"{one}_collected") for one in components]
    return (
        derived.join(reported.lazy(), on=_VISIT, how="full", coalesce=True, suffix="_collected")
        .filter(pl.any_horizontal(differs))
        .select(*_VISIT, pl.concat_list(told).alias("told"))
        .explode("told")
        .unnest("told")
        .filter(pl.col("derived").ne_missing(pl.col("collected")))
        .unique()
        .select(pl.lit(name).alias("response_name"), *list(DISCREPANCY_SCHEMA)[1:])
    )


def _bare(text: str) -> str:
    """A name reduced to its letters and digits, so that `RECIST 1.1` and `recist_1_1` are one."""
    return re.sub("[^a-z0-9]", "", text.lower())
