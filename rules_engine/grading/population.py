"""The subjects that safety tables count, by group, and what every table does with them: shares, rates, publication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from rules_engine.grading.exposure import ExposureRule, derive_exposure, rate_columns
from rules_engine.vocabulary import ARD_SCHEMA

#: Columns of the results that a count has; the others are null.
_PUBLISHED: Final = (
    "analysis", "group_variable", "group", "variable", "level", "statistic", "label", "value", "note", "n", "format", "method",
)  # fmt: skip
RATES: Final = ("person_years", "rate", "rate_lower", "rate_upper", "event_rate")
#: Statistics that are subjects, with the share that tables show beside them.
_SHARES: Final = {"subjects": "percent", "grade_ge_3": "percent_grade_ge_3", "grade_5": "percent_grade_5"}


def is_marked(people: pl.DataFrame) -> bool:
    """Whether the study marks its safety population: without a mark of anybody it is everybody."""
    return bool(people.select(is_safe(people).any()).item())


def is_safe(people: pl.DataFrame) -> pl.Expr:
    """Whether each subject is marked as of the safety population."""
    if "safety_population" not in people.columns:
        return pl.lit(value=False)
    return pl.col("safety_population").fill_null(value=False)


@dataclass(frozen=True)
class Population:
    """The safety population: `subject`, `_number` (a whole number), `_group` (null = in no group), `exposure_start` and
    `exposure_days` (null where there is no time).

    `by` names the grouping column of the study. Tables have `_group`, null standing for the total, which comes first.
    """

    subjects: pl.DataFrame
    by: str | None
    rule: ExposureRule
    has_time: bool

    @classmethod
    def of(cls, people: pl.DataFrame, by: str | None, context: pl.DataFrame | None, rule: ExposureRule) -> Population:
        """Subjects who were treated, as the study marks them; all where it marks none."""
        group = pl.lit(None, pl.String) if by is None else pl.col(by).cast(pl.String)
        safe = people.filter(is_safe(people)) if is_marked(people) else people
        named = safe.select("subject", group.alias("_group")).sort("subject").with_row_index("_number")
        if context is None:
            named = named.with_columns(exposure_start=pl.lit(None, pl.Date), exposure_days=pl.lit(None, pl.Int64))
        else:
            named = named.join(derive_exposure(context, rule), on="subject", how="left", maintain_order="left")
        return cls(named, by, rule, context is not None)

    def groups(self) -> pl.DataFrame:
        """`_group`, its order, and subjects, days and subjects without time of each."""
        sizes = [
            pl.len().cast(pl.Int64).alias("_size"),
            pl.col("exposure_days").sum().alias("_days"),
            pl.col("exposure_days").is_null().sum().cast(pl.Int64).alias("_without_time"),
        ]
        return self.by_group(self.subjects, sizes).with_row_index("_group_order")

    def by_group(self, rows: pl.DataFrame, numbers: Sequence[pl.Expr], *keys: str) -> pl.DataFrame:
        """The numbers in total and by group. Without keys every group of the population has a row.

        Numbers are counts and sums, and a subject is in one group at most: the total is the sum of the groups and of who is in none.
        """
        of_groups = rows.group_by("_group", *keys).agg(numbers)
        sums = pl.all().exclude("_group", *keys).sum()
        total = of_groups.group_by(keys).agg(sums) if keys else of_groups.select(sums)
        parts = [total.select(pl.lit(None, pl.String).alias("_group"), pl.all())]
        if self.by is not None:
            named = of_groups.filter(pl.col("_group").is_not_null())
            if not keys:
                known = self.subjects.select("_group").drop_nulls().unique().sort("_group")
                named = known.join(named, on="_group", how="left", maintain_order="left").with_columns(
                    pl.all().exclude("_group").fill_null(0)
                )
            parts.append(named.select("_group", *total.columns))
        return pl.concat(parts, how="vertical_relaxed")

    def by_every_group(self, rows: pl.DataFrame, numbers: Sequence[pl.Expr], *keys: str) -> pl.DataFrame:
        """As `by_group`, with a row of zeros for each group in which a line of the total does not occur."""
        found = self.by_group(rows, numbers, *keys)
        lines = found.filter(pl.col("_group").is_null()).select(keys)
        counted = pl.all().exclude("_group", *keys)
        return (
            self.groups()
            .select("_group")
            .join(lines, how="cross")
            .join(found, on=["_group", *keys], how="left", nulls_equal=True, maintain_order="left")
            .with_columns(counted.cast(pl.Int64).fill_null(0))
        )

    def with_shares(self, table: pl.DataFrame) -> pl.DataFrame:
        """Add the size of each group, and percentages of it beside the numbers of subjects."""
        known = table
        if "_size" not in table.columns:
            known = table.join(self.groups(), on="_group", how="left", nulls_equal=True, maintain_order="left")
        return known.with_columns(
            percentage(pl.col(number), pl.col("_size")).alias(percent)
            for number, percent in _SHARES.items()
            if number in table.columns
        )

    def with_rates(self, table: pl.DataFrame) -> pl.DataFrame:
        """Add shares and exposure-adjusted rates.

        `table` has `events`, `_in_rate` (subjects with an event and a known time) and `_spared` (days after their first
        events, when they were no longer at risk).
        """
        known = self.with_shares(table)
        if not self.has_time:
            return known.with_columns(pl.lit(None, pl.Float64).alias(name) for name in RATES)
        at_risk = pl.col("_days") - pl.col("_spared")
        return known.with_columns(
            rate_columns(pl.col("_in_rate"), pl.col("events"), at_risk, pl.col("_days"), self.rule)
        )

    def published(self, rows: pl.DataFrame, analysis: str, method: str) -> pl.DataFrame:
        """Rows of `long` in the columns of the analysis results."""
        sizes = self.groups().select("_group", n="_size")
        statistic, has_group = pl.col("statistic"), pl.col("_group").is_not_null()
        is_percent = statistic.str.starts_with("percent")
        return (
            rows.join(sizes, on="_group", how="left", nulls_equal=True, maintain_order="left")
            .with_columns(
                analysis=pl.lit(analysis),
                group_variable=pl.when(has_group).then(pl.lit(self.by, pl.String)),
                group="_group",
                note=pl.coalesce("note", pl.when(pl.col("value").is_null()).then(pl.lit("no subject or no time"))),
                method=pl.lit(method),
                n=pl.when(is_percent).then(pl.coalesce("_of", "n")).otherwise("n"),
                format=pl.when(is_percent | (statistic == "person_years") | statistic.str.contains("rate"))
                .then(pl.lit(".1f"))
                .otherwise(pl.lit("d")),
            )
            .select(
                pl.col(name).cast(kind) if name in _PUBLISHED else pl.lit(None, kind).alias(name)
                for name, kind in ARD_SCHEMA.items()
            )
        )


def percentage(number: pl.Expr, of: pl.Expr) -> pl.Expr:
    """The number in percent of a whole; nothing where the whole is 0. Rounded once."""
    return pl.when(of > 0).then(100 * number / of)


def long(table: pl.DataFrame, variable: str) -> pl.DataFrame:
    """One row per number, line by line: `_group`, `level`, `label`, `statistic`, `value`, `variable`, `note`.

    Columns of `table` that begin with `_` are left out, but for `_of`: the subjects that percentages are of where those are not
    the whole group. `note` is empty.
    """
    of = [pl.col("_of").cast(pl.Int64) if "_of" in table.columns else pl.lit(None, pl.Int64).alias("_of")]
    names = [name for name in table.columns if name not in ("level", "label") and not name.startswith("_")]
    place = {name: position for position, name in enumerate(names)}
    return (
        table.select("_group", "level", "label", *of, *[pl.col(name).cast(pl.Float64) for name in names])
        .with_row_index("_line")
        .unpivot(index=["_line", "_group", "level", "label", "_of"], variable_name="statistic", value_name="value")
        .sort("_line", pl.col("statistic").replace_strict(place))
        .select(
            "_group", "_of", "level", "label", "statistic", "value", variable=pl.lit(variable), note=pl.lit(None, pl.String)
        )
    )  # fmt: skip
