"""Values at, just below and just above every cut-off of a grading, in every state of baseline, limits and clinical
facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product

from tests.oracle.grading import Value

#: Limits and baselines are chosen by what the scale's own numbers are like, so that every cut-off can be reached.
BASELINES = ("missing", "low", "normal", "at_limit", "high", "high_without_range")
RANGES = ("both", "none")
POLICIES = ("worst_case", "lab_minimum", "undecided")
FACTS = {
    "symptomatic": ("symptomatic",),
    "asymptomatic": ("symptomatic",),
    "with physiologic consequences": ("symptomatic",),
    "without physiologic consequences": ("symptomatic",),
    "no intervention initiated": ("intervention",),
    "symptomatic or intervention indicated": ("symptomatic", "intervention"),
    "asymptomatic and no intervention indicated": ("symptomatic", "intervention"),
    "duration>24h": ("duration_h",),
    "duration<=24h": ("duration_h",),
}


def probes(rows: Sequence[Mapping[str, str]]) -> Iterator[Value]:
    """Every probe of one term, direction and unit."""
    lln, uln = limits(rows)
    facts = sorted(_facts_of(rows))
    choices = [
        (None, Decimal(20), Decimal(24), Decimal(30)) if fact == "duration_h" else (None, True, False) for fact in facts
    ]
    needs_mi = any("xMIcutoff" in (row["lower_ref"], row["upper_ref"]) for row in rows)
    for baseline_state, range_state in product(BASELINES, RANGES):
        baseline, base_lln, base_uln = _baseline(baseline_state, lln, uln)
        low, high = (lln, uln) if range_state == "both" else (None, None)
        for mi_cutoff in (None, uln * 5) if needs_mi else (None,):
            around = {number for row in rows for number in _limits_of(row, lln, uln, baseline, mi_cutoff or uln * 5)}
            around |= {lln, uln, (lln + uln) / 2}
            for number in sorted(around):
                for text in _near(number):
                    for answers in product(*choices):
                        yield Value(
                            text,
                            low,
                            high,
                            baseline,
                            base_lln,
                            base_uln,
                            mi_cutoff,
                            **dict(zip(facts, answers, strict=True)),
                        )


def limits(rows: Sequence[Mapping[str, str]]) -> tuple[Decimal, Decimal]:
    """Limits of normal outside the absolute cut-offs of the scale, where it has some."""
    absolute = [
        Decimal(row[end])
        for row in rows
        for end in ("lower", "upper")
        if row[end] != "" and row[f"{end}_ref"] == "absolute" and row["measure"] == "VALUE"
    ]
    if not absolute:
        # Steps from a limit or a baseline must not lead below 0, where no result lies.
        steps = [abs(Decimal(row["lower"] or row["upper"])) for row in rows if row["measure"].startswith("CHG")]
        scale = 20 * max(steps, default=Decimal("0.05"))
        return Decimal("1.1") * scale, Decimal("3.3") * scale
    if rows[0]["direction"] == "L":
        return max(absolute) * Decimal("1.13"), max(absolute) * Decimal("1.7")
    return min(absolute) * Decimal("0.3"), min(absolute) * Decimal("0.83")


def _facts_of(rows: Sequence[Mapping[str, str]]) -> set[str]:
    found = {fact for row in rows if row["qualifier_role"] == "AND" for fact in FACTS[row["qualifier"]]}
    if any("anticoagulation" in row["baseline_condition"] for row in rows):
        found.add("on_anticoagulant")
    if any(row.get("variant") == "fasting" for row in rows):
        found.add("fasting")
    return found


def _baseline(state: str, lln: Decimal, uln: Decimal) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    value = {
        "missing": None, "low": lln * Decimal("0.7"), "normal": (lln + uln) / 2, "at_limit": uln,
        "high": uln * Decimal("1.9"), "high_without_range": uln * Decimal("1.9"),
    }[state]  # fmt: skip
    return (value, None, None) if value is None or state == "high_without_range" else (value, lln, uln)


def _limits_of(
    row: Mapping[str, str], lln: Decimal, uln: Decimal, baseline: Decimal | None, mi_cutoff: Decimal
) -> Iterator[Decimal]:
    references = {"absolute": None, "xULN": uln, "xLLN": lln, "xBaseline": baseline, "xMIcutoff": mi_cutoff}
    starts = {"CHG_FROM_ULN": uln, "CHG_FROM_LLN": lln, "CHG_FROM_BASE": baseline}
    for end in ("lower", "upper"):
        if row[end] == "":
            continue
        number = Decimal(row[end])
        if row["measure"] == "PCHG_FROM_BASE":
            if baseline is not None:
                yield baseline * (1 + number / 100)
        elif row["measure"] in starts:
            start = starts[row["measure"]]
            if start is not None:
                yield start + number
        else:
            reference = references[row[f"{end}_ref"]]
            if row[f"{end}_ref"] == "absolute":
                yield number
            elif reference is not None:
                yield reference * number
    if baseline is not None:
        yield baseline


def _near(number: Decimal) -> Iterator[str]:
    """The number, its neighbours well outside the tolerance and one inside it, and both censored forms."""
    step = max(abs(number) * Decimal("0.000001"), Decimal("0.000001"))
    inside = max(abs(number), Decimal(1)) * Decimal("1e-10")
    for value in (number - step, number, number + step, number + inside):
        yield f"{value:f}"
    yield f"<{number:f}"
    yield f">{number:f}"


def case_of(value: Value, row: Mapping[str, str], version: str, unit: str, policy: str) -> dict[str, str | None]:
    """The probe as a row of worked cases."""

    def text(number: Decimal | None) -> str:
        return "" if number is None else f"{number:f}"

    facts = []
    for name in ("symptomatic", "intervention", "on_anticoagulant", "fasting"):
        answer = getattr(value, name)
        if answer is not None:
            facts.append(f"{name}={'Y' if answer else 'N'}")
    if value.duration_h is not None:
        facts.append(f"duration_h={value.duration_h}")
    return {
        "version": version, "term": row["term"], "variant": row["variant"] if "fasting" not in row["variant"] else "",
        "analyte": row["analyte"], "direction": row["direction"], "value": value.text, "unit": unit,
        "lln": text(value.lln), "uln": text(value.uln), "baseline_value": text(value.baseline),
        "baseline_lln": text(value.baseline_lln), "baseline_uln": text(value.baseline_uln),
        "mi_cutoff": text(value.mi_cutoff),
        "qualifiers": ";".join(facts), "policy": policy,
    }  # fmt: skip
