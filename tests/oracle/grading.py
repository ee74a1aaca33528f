"""A slow, obvious second grading of laboratory values: one value at a time, plain Python, no code of the engine.

Written from the rules alone (NCI CTCAE v5.0 and v4.03, and the decisions that docs/grading.md lists). A cut-off is a
mapping as the public tables of cut-offs have it: `lower`, `lower_ref`, `lower_incl`, `upper`, … `baseline_condition`,
`measure`, `qualifier`, `qualifier_role`, `extra_condition`. Decimals are exact, so that only the stated tolerance
makes two numbers equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

TOLERANCE = Decimal("1e-9")
UNKNOWN = None
Truth = bool | None


@dataclass(frozen=True)
class Value:
    """One post-baseline value with all that its grade may depend on; None = not known."""

    text: str | None
    lln: Decimal | None = None
    uln: Decimal | None = None
    baseline: Decimal | None = None
    baseline_lln: Decimal | None = None
    baseline_uln: Decimal | None = None
    mi_cutoff: Decimal | None = None
    symptomatic: Truth = None
    intervention: Truth = None
    on_anticoagulant: Truth = None
    duration_h: Decimal | None = None
    fasting: Truth = None


def grade(value: Value, rows: Sequence[Mapping[str, str]], policy: str) -> str:
    """`0` to `4`, or `NA`, by the rows of one term, direction and unit."""
    number, side = _number(value.text)
    if number is None:
        return "NA"
    if all(_needs_baseline(row) for row in rows) and value.baseline is None:
        return "NA"
    states = [(int(row["grade"]), _row(row, number, side, value, policy)) for row in rows]
    met = [grade_ for grade_, state in states if state is True]
    if met:
        return str(max(met))
    return "NA" if any(state is UNKNOWN for _grade, state in states) else "0"


def _number(text: str | None) -> tuple[Decimal | None, int]:
    """The number and where the true value lies: -1 below it, 1 above it, 0 at it."""
    found = re.fullmatch(r"\s*([<>]?)\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*", text or "")
    if found is None:
        return None, 0
    return Decimal(found[2]), {"<": -1, ">": 1, "": 0}[found[1]]


def _needs_baseline(row: Mapping[str, str]) -> bool:
    return (
        row["measure"] in ("CHG_FROM_BASE", "PCHG_FROM_BASE")
        or "xBaseline" in (row["lower_ref"], row["upper_ref"])
        or row["extra_condition"] != ""
    )


def _row(row: Mapping[str, str], number: Decimal, side: int, value: Value, policy: str) -> Truth:
    """Is one cut-off met? False where its arm does not hold or needs a baseline that is missing."""
    if _needs_baseline(row) and value.baseline is None:
        return False
    parts = [_arm(row, value, policy)]
    for end in ("lower", "upper"):
        if row[end] != "":
            parts.append(_bound(row, end, number, side, value))
    if row["extra_condition"]:
        assert row["extra_condition"] == "VALUE > 1 x Baseline"
        parts.append(_beyond(number, side, value.baseline, above=True, inclusive=False))
    parts.append(_qualifier(row, value, policy))
    return _all(parts)


def _bound(row: Mapping[str, str], end: str, number: Decimal, side: int, value: Value) -> Truth:
    printed, above, inclusive = Decimal(row[end]), end == "lower", row[f"{end}_incl"] == "Y"
    limits = {"xULN": value.uln, "xLLN": value.lln, "xBaseline": value.baseline, "xMIcutoff": value.mi_cutoff}
    changes = {"CHG_FROM_ULN": value.uln, "CHG_FROM_LLN": value.lln, "CHG_FROM_BASE": value.baseline}
    if row["measure"] == "PCHG_FROM_BASE":
        assert value.baseline is not None
        limit: Decimal | None = value.baseline * (1 + printed / 100)
    elif row["measure"] in changes:
        start = changes[row["measure"]]
        limit = None if start is None else start + printed
    elif row[f"{end}_ref"] == "absolute":
        limit = printed
    else:
        reference = limits[row[f"{end}_ref"]]
        if reference is None and row[f"{end}_ref"] == "xMIcutoff":
            return end == "upper"  # nothing bounds grade 1 from above; nothing reaches grade 3
        limit = None if reference is None else reference * printed
    return _beyond(number, side, limit, above=above, inclusive=inclusive)


def _beyond(number: Decimal, side: int, limit: Decimal | None, *, above: bool, inclusive: bool) -> Truth:
    if limit is None:
        return UNKNOWN
    if abs(number - limit) <= TOLERANCE * max(Decimal(1), abs(number), abs(limit)):
        if side == 0:
            return inclusive
        return (side > 0) == above
    return (number > limit) == above


def _arm(row: Mapping[str, str], value: Value, policy: str) -> Truth:
    condition = row["baseline_condition"]
    if condition == "any":
        return True
    if condition in ("baseline_missing", "baseline_available"):
        return (value.baseline is None) == (condition == "baseline_missing")
    if condition in ("on_anticoagulation", "not_on_anticoagulation"):
        on = value.on_anticoagulant
        if on is None and policy == "lab_minimum":
            on = False
        if condition == "on_anticoagulation":
            return True if on is None and policy == "worst_case" else on
        if on is True and value.baseline is None:
            return True
        if on is None:
            # Whichever it is, the absolute arm is all that is left without a baseline.
            return True if policy == "worst_case" or value.baseline is None else UNKNOWN
        return not on
    is_low = row["direction"] == "L" if condition == "normal" else condition == "abnormal_low"
    limit = (value.baseline_lln or value.lln) if is_low else (value.baseline_uln or value.uln)
    abnormal = False
    if value.baseline is not None and limit is not None:
        abnormal = bool(_beyond(value.baseline, 0, limit, above=not is_low, inclusive=False))
    return abnormal == (condition != "normal")


def _qualifier(row: Mapping[str, str], value: Value, policy: str) -> Truth:
    answers = []
    if row["qualifier_role"] == "AND":
        answers.append(_fact(row["qualifier"], value, policy))
    if row.get("variant") == "fasting":
        answers.append(False if value.fasting is None and policy == "lab_minimum" else value.fasting)
    return _all([True if answer is UNKNOWN and policy == "worst_case" else answer for answer in answers])


def _fact(qualifier: str, value: Value, policy: str) -> Truth:
    absent = policy == "lab_minimum"
    symptomatic = False if value.symptomatic is None and absent else value.symptomatic
    intervention = False if value.intervention is None and absent else value.intervention
    hours = value.duration_h
    prolonged = (False if absent else UNKNOWN) if hours is None else hours > 24
    either = UNKNOWN if symptomatic is None or intervention is None else False
    if symptomatic or intervention:
        either = True
    return {
        "symptomatic": symptomatic,
        "with physiologic consequences": symptomatic,
        "asymptomatic": _not(symptomatic),
        "without physiologic consequences": _not(symptomatic),
        "no intervention initiated": _not(intervention),
        "symptomatic or intervention indicated": either,
        "asymptomatic and no intervention indicated": _not(either),
        "duration>24h": prolonged,
        "duration<=24h": _not(prolonged),
    }[qualifier]


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _all(parts: Sequence[Truth]) -> Truth:
    if any(part is False for part in parts):
        return False
    return UNKNOWN if any(part is UNKNOWN for part in parts) else True


# Cut-offs of a ruleset in the form above ------------------------------------------------------------------------------

REFERENCES = {"uln": "xULN", "lln": "xLLN", "baseline": "xBaseline", "mi_cutoff": "xMIcutoff"}
CHANGES = {"uln": "CHG_FROM_ULN", "lln": "CHG_FROM_LLN", "baseline": "CHG_FROM_BASE"}


def rows_of(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every cut-off of a grading document as a flat row."""
    flat = []
    for entry in document["thresholds"]:
        for unit, cutoffs in entry["cutoffs"].items():
            for cutoff in cutoffs:
                flat.append(_flat(entry, unit, cutoff))
    return flat


def _flat(entry: Mapping[str, Any], unit: str, cutoff: Mapping[str, Any]) -> dict[str, str]:
    row = {
        "term": entry["term"], "variant": entry.get("variant", ""), "analyte": entry["analyte"], "unit": unit,
        "direction": {"low": "L", "high": "H"}[entry["direction"]], "grade": str(cutoff["grade"]),
        "baseline_condition": cutoff.get("when", "any"), "measure": "VALUE",
        "lower": "", "lower_ref": "", "lower_incl": "", "upper": "", "upper_ref": "", "upper_incl": "",
        "extra_condition": "VALUE > 1 x Baseline" if cutoff.get("and_above") == {"baseline": 1} else "",
        "qualifier": "", "qualifier_role": "",
    }  # fmt: skip
    if "change_from" in cutoff:
        row["measure"] = CHANGES[cutoff["change_from"]]
    if "percent_change_from" in cutoff:
        row["measure"] = "PCHG_FROM_BASE"
    for key, end, inclusive in (
        ("from", "lower", "Y"),
        ("above", "lower", "N"),
        ("to", "upper", "Y"),
        ("below", "upper", "N"),
    ):
        if key in cutoff:
            number, reference = cutoff[key], "absolute"
            if isinstance(number, Mapping):
                ((name, number),) = number.items()
                reference = REFERENCES[name]
            row |= {end: str(number), f"{end}_ref": reference, f"{end}_incl": inclusive}
    for role in ("and", "or"):
        if role in cutoff:
            row |= {"qualifier": cutoff[role], "qualifier_role": role.upper()}
    return row


def rows_for(rows: Sequence[Mapping[str, str]], analyte: str, direction: str, unit: str) -> list[Mapping[str, str]]:
    """The rows that a value of this analyte in this unit is tested against: those of the unit, and the ratios."""
    return [
        row
        for row in rows
        if row["analyte"] == analyte and row["direction"] == direction and row["unit"] in (unit, "any")
    ]
