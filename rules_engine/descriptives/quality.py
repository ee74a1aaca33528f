"""How many findings the data gave, rule by rule, and where derived and collected responses differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from rules_engine.analysis.ard import COUNT
from rules_engine.findings import SEVERITIES
from rules_engine.vocabulary import ARD_SCHEMA

FINDINGS, DISCREPANCIES = "findings", "discrepancies"
#: The variable of findings that name no table, and what stands for a code that is missing.
NO_TABLE, NO_CODE = "(no table)", "–"
_KINDS: Final = ("response_name", "component", "derived", "collected")


def describe_quality(findings: pl.DataFrame, discrepancies: pl.DataFrame) -> pl.DataFrame:
    """Rows of the ARD of the analyses `findings` and `discrepancies`.

    Findings: `group` is the severity, `level` the rule, `variable` the table (null: all tables); `findings`, and `subjects` whom
    they name. Discrepancies: `group` is the response, `variable` the part, `level` the codes (`derived / collected`); `visits`.
    """
    named = findings.with_columns(pl.col("table").fill_null(NO_TABLE))
    parts = [
        pl.DataFrame(schema=ARD_SCHEMA),
        _published([_of_findings(named, [])], FINDINGS, None, "count of findings"),
        _published(
            [_of_findings(named, ["severity", "rule_id"]), _of_findings(named, ["severity", "rule_id", "table"])],
            FINDINGS, "severity", "count of findings",
        ),
        _published([_of_discrepancies(discrepancies)], DISCREPANCIES, "response", "count of visits"),
    ]  # fmt: skip
    return pl.concat(parts)


def discrepancy_level(derived: str | None, collected: str | None) -> str:
    """The level of a kind of discrepancy."""
    return " / ".join(NO_CODE if code is None else code for code in (derived, collected))


def _of_findings(findings: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    numbers = [pl.len().alias("findings"), pl.col("subject").drop_nulls().n_unique().alias("subjects")]
    counted = findings.group_by(keys).agg(numbers) if keys else findings.select(numbers)
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    severity = pl.col("severity") if keys else pl.lit(None, pl.String)
    rule = pl.col("rule_id") if keys else pl.lit(None, pl.String)
    return (
        counted.with_columns(
            group=severity,
            level=rule,
            variable=pl.col("table") if "table" in keys else pl.lit(None, pl.String),
            label=pl.coalesce(rule, pl.lit("Findings")),
        )
        .with_columns(_rank=pl.col("group").replace_strict(rank, default=len(rank), return_dtype=pl.Int64))
        .sort("_rank", "variable", "findings", "level", "group", descending=[False, False, True, False, False])
        .select("group", "variable", "level", "label", "findings", "subjects", n="subjects")
    )


def _of_discrepancies(discrepancies: pl.DataFrame) -> pl.DataFrame:
    """The kinds of difference, the commonest first."""
    counted = discrepancies.group_by(_KINDS).agg(visits=pl.len(), n=pl.col("subject").n_unique())
    codes = pl.concat_str(pl.col("derived").fill_null(NO_CODE), pl.lit(" / "), pl.col("collected").fill_null(NO_CODE))
    return counted.sort(["visits", *_KINDS], descending=[True, *[False] * len(_KINDS)]).select(
        "visits", "n", group="response_name", variable="component", level=codes, label=codes
    )


def _published(tables: Sequence[pl.DataFrame], analysis: str, group_variable: str | None, method: str) -> pl.DataFrame:
    """Tables with a column per statistic as rows of the ARD, line by line."""
    found = []
    for table in tables:
        names = [name for name in ("findings", "subjects", "visits") if name in table.columns]
        long = (
            table.with_row_index("_line")
            .unpivot(
                index=["_line", "group", "variable", "level", "label", "n"], on=names, variable_name="statistic",
                value_name="value",
            )
            .sort("_line", "statistic")
            .with_columns(
                analysis=pl.lit(analysis), group_variable=pl.lit(group_variable, pl.String), format=pl.lit(COUNT),
                method=pl.lit(method),
            )
        )  # fmt: skip
        found.append(
            long.select(
                pl.col(name).cast(kind) if name in long.columns else pl.lit(None, kind).alias(name)
                for name, kind in ARD_SCHEMA.items()
            )
        )
    return pl.concat(found)
