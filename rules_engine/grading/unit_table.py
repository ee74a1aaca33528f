"""The units of a grading ruleset as a table that people can check: UCUM codes, spellings, exact factors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules_engine.grading.rules import GradingRules

_HEAD = """# Units

Generated from the grading ruleset `{ruleset}` by `rules-engine ctcae units`; a test holds this page against it.

A unit is compared without regard to case and spaces, after Unicode normalisation (NFKC), with `µ`, `μ` and `mc` read as `u`. One text may
mean two units (`G/L`): the analyte decides. A printed scale is never converted; everything else is, exactly and unrounded, value and limits
alike.
"""


def unit_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per unit of a grading document: `unit`, its code in `ucum`, and how studies write it (`spellings`)."""
    codes = document.get("ucum") or {}
    return [
        {"unit": unit, "ucum": codes.get(unit), "spellings": [str(word) for word in words if str(word) != unit]}
        for unit, words in (document.get("units") or {}).items()
    ]


def factor_rows(rules: GradingRules) -> list[dict[str, Any]]:
    """One row per analyte that has several units: `analyte`, `name`, and how much of each unit makes one of the first."""
    return [
        {"analyte": analyte, "name": rules.analyte_names.get(analyte), "units": dict(amounts)}
        for analyte, amounts in rules.conversions.items()
    ]


def units_page(document: Mapping[str, Any], rules: GradingRules) -> str:
    """Both tables as a Markdown page."""
    return "\n".join(
        [_HEAD.format(ruleset=document.get("id", "")), *_unit_lines(document), "", *_factor_lines(rules), ""]
    )


def _unit_lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield "| unit | UCUM | also written |"
    yield "|---|---|---|"
    for row in unit_rows(document):
        spellings = ", ".join(f"`{word}`" for word in row["spellings"])
        yield f"| `{row['unit']}` | `{row['ucum']}` | {spellings} |"


def _factor_lines(rules: GradingRules) -> Iterator[str]:
    yield "| analyte | | equal amounts |"
    yield "|---|---|---|"
    for row in factor_rows(rules):
        amounts = " = ".join(f"{repr(amount).removesuffix('.0')} {unit}" for unit, amount in row["units"].items())
        yield f"| {row['analyte']} | {row['name'] or ''} | {amounts} |"
