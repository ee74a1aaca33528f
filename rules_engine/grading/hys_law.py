"""Hy's law: a rise of transaminases together with one of bilirubin, which foretells severe liver injury by a drug.

Every number is the protocol's: multiples of the upper limit or, for a subject whose baseline was already raised, of the
baseline; inclusive or not; and how many days may lie between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from rules_engine.findings import WARNING, derive_findings, phrase


def _bound(of: str) -> dict[str, Any]:
    return {
        "above": {"type": "number", "exclusiveMinimum": 0, "description": f"More than this multiple of {of}."},
        "from": {"type": "number", "exclusiveMinimum": 0, "description": f"At least this multiple of {of}."},
    }


_RAISED_BASELINE: Final[dict[str, Any]] = {
    "type": ["object", "null"],
    "default": None,
    "description": (
        "The bound for subjects whose baseline of the analyte lies above its upper limit, as in cirrhosis; null: the same "
        "multiple of the upper limit for all."
    ),
    "additionalProperties": False,
    "properties": _bound("the baseline"),
    "minProperties": 1,
    "maxProperties": 1,
}
_REMARKS: Final[dict[str, Any]] = {
    "reference": {"type": "string", "description": "Source."},
    "interpretation": {"type": "string", "description": "The reading that was taken, and why."},
}


def _rise(what: str) -> dict[str, Any]:
    analytes = {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "description": "Analytes, of which one suffices.",
    }
    return {
        "type": "object",
        "description": what,
        "additionalProperties": False,
        "required": ["analytes"],
        "properties": {"analytes": analytes, **_bound("the upper limit"), "raised_baseline": _RAISED_BASELINE},
        # The analytes and one bound; what an editor completes need not be whole, so nothing is `required` by name.
        "minProperties": 2,
        "dependentSchemas": {
            "above": {"properties": {"from": False}},
            "raised_baseline": {"minProperties": 3},
        },
    }


HYS_LAW_SCHEMA: Final[dict[str, Any]] = {
    "type": ["object", "null"],
    "default": None,
    "additionalProperties": False,
    "required": ["transaminase", "bilirubin", "within_days"],
    "description": "Hy's law: which rises of transaminase and bilirubin make a case; null: not asked.",
    "properties": {
        "transaminase": _rise("The rise of a transaminase."),
        "bilirubin": _rise("The rise of bilirubin."),
        "cholestasis": _rise(
            "The rise of alkaline phosphatase that speaks for cholestasis; such cases are told apart."
        ),
        "within_days": {
            "type": "integer",
            "minimum": 0,
            "description": "Days that may lie between the two rises, whichever comes first.",
        },
        **_REMARKS,
    },
}

#: One row per subject with a transaminase and a bilirubin after baseline.
#:
#: `…_peak` are the highest multiples of the upper limit in the window, not necessarily of one day; `case_date` is the first
#: day on which both rises were there (the later one), null where there is no case; `cholestasis` says that alkaline
#: phosphatase had risen as well on the day of the transaminase.
HYS_LAW_FRAME: Final[dict[str, pl.DataType]] = {
    "subject": pl.String(),
    "transaminase_peak": pl.Float64(),
    "bilirubin_peak": pl.Float64(),
    "transaminase_risen": pl.Boolean(),
    "bilirubin_risen": pl.Boolean(),
    "is_case": pl.Boolean(),
    "case_date": pl.Date(),
    "cholestasis": pl.Boolean(),
}


def derive_hys_law(labs: pl.DataFrame, rule: Mapping[str, Any], tolerance: float) -> pl.DataFrame:
    """Graded results to `HYS_LAW_FRAME`; only results of the window with a usable upper limit count.

    A baseline in another unit than the result is not compared with; peaks are multiples of the upper limit always.
    """
    asked = [
        name
        for part in ("transaminase", "bilirubin", "cholestasis")
        for name in (rule.get(part) or {}).get("analytes", ())
    ]
    is_raised = (pl.col("base") > pl.col("base_uln")) & (pl.col("base_unit").cast(pl.String) == pl.col("unit"))
    usable = (
        labs.lazy()
        .filter(
            pl.col("analyte_key").is_in(asked), pl.col("in_window"), pl.col("value_number").is_not_null(), pl.col("uln") > 0,
            ~((pl.col("lln") > pl.col("uln")).fill_null(value=False)),
        )
        .select(
            "subject", "date", "uln", key=pl.col("analyte_key").cast(pl.String), value="value_number",
            raised_base=pl.when(is_raised).then("base"),
        )
        .collect(engine="in-memory")
    )  # fmt: skip
    transaminase, bilirubin = (_risen(usable, rule[part], tolerance) for part in ("transaminase", "bilirubin"))
    pairs = (
        transaminase.filter("risen")
        .select("subject", enzyme_date="date")
        .unique()
        .join(bilirubin.filter("risen").select("subject", bilirubin_date="date").unique(), on="subject", how="inner")
        .filter((pl.col("enzyme_date") - pl.col("bilirubin_date")).dt.total_days().abs() <= rule["within_days"])
        .with_columns(case_date=pl.max_horizontal("enzyme_date", "bilirubin_date"))
    )
    stasis = pl.DataFrame(schema={"subject": pl.String(), "enzyme_date": pl.Date()})
    if (rule.get("cholestasis") or {}).get("analytes"):
        risen = _risen(usable, rule["cholestasis"], tolerance).filter("risen")
        stasis = risen.select("subject", enzyme_date="date").unique()
    cases = (
        pairs.join(stasis.with_columns(cholestasis=pl.lit(value=True)), on=["subject", "enzyme_date"], how="left")
        .group_by("subject")
        # A case without cholestasis goes first: it is the one that matters.
        .agg(pl.col("case_date").min(), cholestasis=pl.col("cholestasis").fill_null(value=False).all())
    )
    return (
        _peaks(transaminase, "transaminase")
        .join(_peaks(bilirubin, "bilirubin"), on="subject", how="inner")
        .join(cases, on="subject", how="left")
        .with_columns(is_case=pl.col("case_date").is_not_null())
        .select([pl.col(name).cast(kind) for name, kind in HYS_LAW_FRAME.items()])
        .sort("subject")
    )


def _risen(results: pl.DataFrame, rise: Mapping[str, Any], tolerance: float) -> pl.DataFrame:
    """Results of the analytes with `multiple` of the upper limit, and whether the value is beyond the bound (`risen`)."""
    risen = _is_beyond(pl.col("uln"), rise, tolerance)
    if rise.get("raised_baseline"):
        is_raised = pl.col("raised_base").is_not_null()
        by_baseline = _is_beyond(pl.col("raised_base"), rise["raised_baseline"], tolerance)
        risen = pl.when(is_raised).then(by_baseline).otherwise(risen)
    return results.filter(pl.col("key").is_in(list(rise["analytes"]))).with_columns(
        multiple=pl.col("value") / pl.col("uln"), risen=risen
    )


def _is_beyond(reference: pl.Expr, bound: Mapping[str, Any], tolerance: float) -> pl.Expr:
    """The value is above the multiple of the reference (`above`), or at least at it (`from`)."""
    is_inclusive = bound.get("from") is not None
    limit = reference * float(bound["from" if is_inclusive else "above"])
    slack = tolerance * pl.max_horizontal(pl.lit(1.0), pl.col("value").abs(), limit.abs())
    distance = pl.col("value") - limit
    return distance >= -slack if is_inclusive else distance > slack


def _peaks(results: pl.DataFrame, name: str) -> pl.DataFrame:
    return results.group_by("subject").agg(
        pl.col("multiple").max().alias(f"{name}_peak"), pl.col("risen").any().alias(f"{name}_risen")
    )


def hys_law_findings(cases: pl.LazyFrame) -> pl.LazyFrame:
    """One finding per subject who meets the rule: a person must look at each."""
    return derive_findings(
        cases.filter(pl.col("is_case")),
        rule_id="grading.labs.hys_law",
        severity=WARNING,
        table="labs",
        record=pl.col("case_date"),
        field="value",
        value=phrase("{} x ULN, {} x ULN", pl.col("transaminase_peak").round(1), pl.col("bilirubin_peak").round(1)),
        message=pl.concat_str(
            pl.lit("transaminase and bilirubin meet Hy's law"),
            pl.when("cholestasis").then(pl.lit(", with a rise of alkaline phosphatase")).otherwise(pl.lit("")),
        ),
        action="listed; whether another cause explains it is for a physician",
    )
