"""Criteria made of collected components: a truth table in the ruleset says what each combination comes to.

One row of the table is `{when: {soft_tissue: [CR], bone: [NED]}, overall: CR, rule: pcwg3.overall.cr}`; the first row that
holds decides, and a component that `when` does not name may be anything. What was not recorded is `ND`, a code like any other, so
that a table decides about missing components as about all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import polars as pl

from rules_engine.model import CriterionRules
from rules_engine.vocabulary import TIMEPOINT_SCHEMA, JsonSchema

#: A component that was not recorded at a visit.
NOT_DONE = "ND"

#: Codes of each component of a table, by the column that holds it.
Components = Mapping[str, Sequence[str]]


def table_schema(components: Components, responses: Sequence[str], description: str) -> JsonSchema:
    """The JSON Schema of a truth table, as an option of a criterion."""
    when = {
        name: {
            "type": "array", "minItems": 1, "items": {"enum": [*dict.fromkeys([*codes, NOT_DONE])]},
            "description": f"Codes of `{name}` for which the row holds; without it any.",
        }
        for name, codes in components.items()
    }  # fmt: skip
    return {
        "type": "array", "minItems": 1, "description": f"{description} The first row that holds decides.",
        "items": {
            "type": "object", "additionalProperties": False, "required": ["when", "overall", "rule"],
            "properties": {
                "when": {"type": "object", "additionalProperties": False, "properties": when,
                         "description": "Components and their codes; all must hold."},
                "overall": {"enum": list(responses), "description": "The overall response."},
                "rule": {"type": "string", "minLength": 1, "description": "The rule's id, as records carry it."},
            },
        },
    }  # fmt: skip


def table_objections(
    rules: CriterionRules, key: str, components: Components, *, rest: str = "NE"
) -> list[tuple[str, str, str]]:
    """What is wrong with a truth table: combinations about which it says nothing, and rows that never decide."""
    rows: Sequence[Mapping[str, Any]] = rules[key]
    names = list(components)
    open_ones, used = [], set()
    for combination in product(*(dict.fromkeys([*codes, NOT_DONE]) for codes in components.values())):
        codes = dict(zip(names, combination, strict=True))
        place = next((number for number, row in enumerate(rows) if _holds(row, codes)), None)
        if place is None:
            open_ones.append(", ".join(f"{name} {code}" for name, code in codes.items()))
        else:
            used.add(place)
    objections = []
    if open_ones:
        what = f"the table says nothing about {len(open_ones)} combination(s), such as {open_ones[0]}"
        objections.append((key, what, f"add a row for them, or a last row `{{when: {{}}, overall: {rest}, rule: …}}`"))
    for number, row in enumerate(rows):
        if number not in used:
            what = f"row {number + 1} ({row['rule']}) never decides: earlier rows cover it"
            objections.append((key, what, "leave it out, or move it up"))
    return objections


def _holds(row: Mapping[str, Any], codes: Mapping[str, str]) -> bool:
    return all(codes[name] in wanted for name, wanted in row["when"].items())


def derive_combined(rows: pl.LazyFrame, table: Sequence[Mapping[str, Any]], components: Components) -> pl.LazyFrame:
    """Add `overall` and `rule_id` to rows of components, one row in and out; a null component is `ND`."""
    filled = rows.with_columns(pl.col(name).fill_null(NOT_DONE) for name in components)
    numbered = filled.with_columns(
        _place=pl.coalesce(
            pl.when(pl.all_horizontal(pl.lit(value=True), *_conditions(row))).then(pl.lit(number, pl.Int16))
            for number, row in enumerate(table)
        )
    )
    return numbered.with_columns(
        overall=_of_place([str(row["overall"]) for row in table]),
        rule_id=_of_place([str(row["rule"]) for row in table]),
    ).drop("_place")


def _conditions(row: Mapping[str, Any]) -> list[pl.Expr]:
    return [pl.col(name).is_in(list(codes)) for name, codes in row["when"].items()]


def _of_place(words: Sequence[str]) -> pl.Expr:
    return pl.col("_place").replace_strict(dict(enumerate(words)), default=None, return_dtype=pl.String)


def worst_of_day(rows: pl.LazyFrame, worst_first: Sequence[str]) -> pl.LazyFrame:
    """One row per subject and `visit_date`: of several the one whose `overall` comes first in `worst_first`.

    Of rows of one day and one code the first by `rule_id`, then by the other columns, is taken, never by its place in the study's table.
    """
    severity = pl.col("overall").replace_strict(
        {code: number for number, code in enumerate(worst_first)}, default=len(worst_first), return_dtype=pl.Int16
    )
    others = [name for name in rows.collect_schema() if name not in ("subject", "visit_date", "rule_id", "row")]
    return (
        rows.filter(pl.col("visit_date").is_not_null())
        .sort("subject", "visit_date", severity, "rule_id", *others, nulls_last=True)
        .unique(["subject", "visit_date"], keep="first", maintain_order=True)
    )


def complete_timepoints(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Timepoint responses with every column of the contract, from `subject`, `visit_date`, `overall` and `rule_id`.

    What a criterion of components has beside them is kept; else the response was read as it is reported, every visit is accepted, PD
    is dated to its visit, nothing was measured, and the trace is the rule.
    """
    there = rows.collect_schema().names()
    otherwise: dict[str, pl.Expr] = {
        "suspected_pseudoprogression": pl.lit(value=False),
        "sum_complete": pl.lit(value=False),
        "new_lesion": pl.lit(value=False),
        "overall_as_read": pl.col("overall"),
        "basis_overall": pl.col("overall"),
        "progression_date": pl.when(pl.col("overall") == "PD").then("visit_date"),
        "accepted": pl.lit(value=True),
        "trace": pl.col("rule_id"),
    }
    return rows.select(
        (pl.col(name) if name in there else otherwise.get(name, pl.lit(None))).cast(dtype).alias(name)
        for name, dtype in TIMEPOINT_SCHEMA.items()
    )
