"""The forest: hazard ratios side by side, so that every further analysis can be held against the main one, and subgroups against all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.analysis.covariates import label_of
from rules_engine.pages import Block, Figure, SubHeading
from rules_engine.report.canvas import LETTER, WIDTH, line, picture, safe_name, text
from rules_engine.report.tables import Estimates, limits_cell, written
from rules_engine.report.view import ReportView

TOP, ROW = 34, 24
LABELS, COUNTS, NUMBERS = 250.0, 320.0, WIDTH - 130.0
LONGEST_LINE, LONGEST_HEADING = int(LABELS / LETTER) + 2, int(COUNTS / LETTER)
LONGEST_REASON = int((WIDTH - COUNTS - 22) / LETTER)
#: Ticks that an axis of ratios may have.
RATIOS = (0.1, 0.125, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0)
MOST_TICKS = 7
#: The axis ends here; a limit beyond it is drawn as an arrow.
FURTHEST = 10.0


@dataclass(frozen=True)
class Ratio:
    """One line of the figure: label, estimate and limits, the three as they are written, and events of subjects."""

    label: str
    estimate: float
    lower: float
    upper: float
    written: str
    counted: str = ""


@dataclass(frozen=True)
class Without:
    """A line without a ratio: its label, and why there is none."""

    label: str
    why: str
    counted: str = ""


@dataclass(frozen=True)
class Heading:
    """A line over the ratios below it."""

    label: str
    note: str = ""


Line = Ratio | Without | Heading


def forests(view: ReportView, estimates: Estimates) -> list[Block]:
    """A figure per comparison with at least two hazard ratios by arm, then one per endpoint with subgroups."""
    found: dict[tuple[str, str], list[Line]] = {}
    for paramcd in view.ruleset.endpoints:
        for pair, ratios in _by_comparison(view, estimates, paramcd).items():
            found.setdefault(pair, []).extend([Heading(f"{paramcd}  {view.ruleset.endpoints[paramcd].label}"), *ratios])
    figures: list[Figure] = []
    for number, (pair, lines) in enumerate(found.items()):
        if sum(isinstance(one, Ratio) for one in lines) > 1:
            caption = f"Hazard ratios of {pair[0]} to {pair[1]} with their confidence limits, on a logarithmic axis."
            figures.append(_figure(f"forest-{number}" if number else "forest", pair, lines, caption))
    blocks: list[Block] = []
    for title, parts in (
        ("Hazard ratios side by side", figures),
        ("Hazard ratios in subgroups", list(_subgroup_figures(view))),
    ):
        blocks += [SubHeading(title), *parts] if parts else []
    return blocks


def analyses_of(view: ReportView, paramcd: str) -> dict[str, str]:
    """The `cox` analyses by arm of an endpoint, each with what sets it apart, in words; a repetition is left out."""
    named: dict[str, str] = {}
    for name in filter(view.is_by_arm, view.analyses_by("cox")):
        stated = view.analysis_of(name)
        if paramcd not in stated.get("endpoints", ()):
            continue
        words = in_words(stated)
        if words in named.values():
            # The whole population of an analysis of subgroups is the main analysis once more.
            if stated.get("subgroups"):
                continue
            words = f"{words} [{name.replace('_', ' ')}]"
        named[name] = words
    return named


def in_words(stated: Mapping[str, Any]) -> str:
    """What sets an analysis apart: weights, strata and covariates."""
    options = stated.get("options") or {}
    strata, covariates, weights = options.get("strata") or (), options.get("covariates") or (), stated.get("weights")
    parts = [f"weighted: {str(weights).replace('_', ' ')}"] if weights else []
    parts += [f"stratified: {', '.join(strata).replace('_', ' ')}"] if strata else []
    parts += [f"adjusted: {len(covariates)} covariate{'s' if len(covariates) > 1 else ''}"] if covariates else []
    return "; ".join(parts) or "unadjusted"


def _by_comparison(view: ReportView, estimates: Estimates, paramcd: str) -> dict[tuple[str, str], list[Line]]:
    found: dict[tuple[str, str], list[Line]] = {}
    for analysis, words in analyses_of(view, paramcd).items():
        for group, other in estimates.comparisons(analysis, paramcd):
            names = ("hazard_ratio", "lower", "upper", "events")
            rows = {name: estimates.number(analysis, paramcd, group, name, other) for name in names}
            shown = estimates.with_limits(analysis, paramcd, group, "hazard_ratio", other).text
            if group is not None and other is not None and rows["hazard_ratio"] is not None:
                found.setdefault((group, other), []).append(_line(words, rows, shown))
    return found


def _line(label: str, rows: Mapping[str, Mapping[str, Any] | None], shown: str) -> Line:
    ratio, events = rows["hazard_ratio"], rows.get("events")
    assert ratio is not None  # noqa: S101  (asked before)
    counted = "" if events is None or events["value"] is None else f"{events['value']:,.0f}/{ratio['n']:,}"
    limits = [row["value"] if (row := rows.get(name)) is not None else None for name in ("lower", "upper")]
    values = [value for value in (ratio["value"], *limits) if isinstance(value, float) and 0 < value < math.inf]
    if len(values) != 3:
        return Without(label, str(ratio["note"] or shown), counted)
    return Ratio(label, values[0], values[1], values[2], shown, counted)


def _subgroup_figures(view: ReportView) -> Iterator[Figure]:
    for analysis in filter(view.is_by_arm, view.analyses_by("cox")):
        stated = view.analysis_of(analysis)
        if not stated.get("subgroups"):
            continue
        for paramcd in stated.get("endpoints", ()):
            rows = view.ard.filter(pl.col("analysis") == analysis, pl.col("paramcd") == paramcd)
            for pair, lines in _subgroup_lines(view, rows).items():
                label = view.ruleset.endpoints[paramcd].label
                caption = (
                    f"{paramcd}, {label}: hazard ratios of {pair[0]} to {pair[1]} in subgroups ({in_words(stated)}), events of "
                    "subjects, and p of the test of interaction. The tests are not adjusted for their number."
                )
                name = f"subgroups-{paramcd}" if analysis == "subgroups" else f"{analysis}-{paramcd}"
                yield _figure(f"{name}-{pair[0]}" if len(view.arms) > 2 else name, pair, lines, caption)


def _subgroup_lines(view: ReportView, rows: pl.DataFrame) -> dict[tuple[str, str], list[Line]]:
    """By comparison: all subjects, then each characteristic with its levels."""
    tests = {
        row["subgroup_variable"]: row
        for row in rows.filter(pl.col("variable") == "interaction", pl.col("statistic") == "p_value").to_dicts()
    }
    places: dict[tuple[Any, ...], dict[str, Mapping[str, Any]]] = {}
    wanted = ("hazard_ratio", "lower", "upper", "events")
    for row in rows.filter(pl.col("variable").is_null(), pl.col("statistic").is_in(wanted)).to_dicts():
        place = ((row["group"], row["comparison"]), row["subgroup_variable"], row["subgroup"])
        places.setdefault(place, {})[row["statistic"]] = row
    found: dict[tuple[str, str], list[Line]] = {}
    headed: set[tuple[Any, ...]] = set()
    for (pair, variable, level), numbers in places.items():
        if None in pair or "hazard_ratio" not in numbers:
            continue
        lines = found.setdefault(pair, [])
        if variable is not None and (pair, variable) not in headed:
            headed.add((pair, variable))
            test = tests.get(variable)
            p = "" if test is None or test["value"] is None else written(test["value"], test["format"])
            note = f"p {p if p.startswith('<') else '= ' + p}" if p else ""
            label = label_of(variable, view.ruleset.covariates)
            lines.append(Heading(label[:1].upper() + label[1:], note))
        lines.append(_line(level or "All subjects", numbers, _with_limits(numbers)))
    return found


def _with_limits(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    return limits_cell(numbers["hazard_ratio"], numbers.get("lower"), numbers.get("upper")).text


def _figure(name: str, pair: tuple[str, str], lines: Sequence[Line], caption: str) -> Figure:
    group, other = pair
    ratios = "; ".join(f"{one.label}: {one.written}" for one in lines if isinstance(one, Ratio))
    svg = forest_svg(
        lines, (f"favours {group}", f"favours {other}"), identifier=name, title=f"Hazard ratios of {group} to {other}",
        description=f"{ratios}.",
    )  # fmt: skip
    return Figure(svg, caption, safe_name(name))


def forest_svg(lines: Sequence[Line], sides: tuple[str, str], *, identifier: str, title: str, description: str) -> str:
    """Lines from top to bottom in the order given: label, events, interval with its estimate, and the numbers.

    `sides` are the words on the left and right of a ratio of 1.
    """
    ratios = [one for one in lines if isinstance(one, Ratio)]
    low = max(min([0.5, *(ratio.lower for ratio in ratios)]), 1 / FURTHEST)
    high = min(max([2.0, *(ratio.upper for ratio in ratios)]), FURTHEST)
    left, right = COUNTS + 22, NUMBERS - 16

    def x(ratio: float) -> float:
        within = min(max(ratio, low), high)
        return left + (right - left) * (math.log(within) - math.log(low)) / (math.log(high) - math.log(low))

    bottom = TOP + ROW * len(lines)
    ticks = [one for one in RATIOS if low <= one <= high]
    ticks = [one for one in ticks if one in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)] if len(ticks) > MOST_TICKS else ticks
    parts = [
        text("tick", x(1) - 8, TOP - 14, sides[0], "end"),
        text("tick", x(1) + 8, TOP - 14, sides[1]),
        line("axis", left, bottom, right, bottom),
    ]
    if any(getattr(one, "counted", "") for one in lines):
        parts.append(text("tick", COUNTS, TOP - 14, "events/n", "end"))
    for tick in ticks:
        parts.append(line("axis" if tick == 1 else "grid", x(tick), TOP - 6, x(tick), bottom))
        parts.append(text("tick", x(tick), bottom + 17, f"{tick:g}", "middle"))
    for number, one in enumerate(lines):
        y = TOP + ROW * (number + 0.5)
        parts += _parts(one, y, x, low, high)
    return picture(parts, bottom + 26, identifier=identifier, title=title, description=description)


def _parts(one: Line, y: float, x: Any, low: float, high: float) -> list[str]:
    if isinstance(one, Heading):
        parts = [text("label", 0, y + 5, _cut(one.label, LONGEST_HEADING))]
        return [*parts, text("tick", NUMBERS, y + 5, one.note)] if one.note else parts
    parts = [text("name", 14, y + 4, _cut(one.label, LONGEST_LINE))]
    if one.counted:
        parts.append(text("tick", COUNTS, y + 4, one.counted, "end"))
    if isinstance(one, Without):
        return [*parts, text("tick", COUNTS + 22, y + 4, _cut(one.why, LONGEST_REASON))]
    parts.append(f'<path class="line c0" d="M{x(one.lower):.1f} {y:.1f}H{x(one.upper):.1f}"/>')
    # An interval that goes on beyond the axis ends in an arrow.
    if one.lower < low:
        parts.append(
            f'<path class="line c0" d="M{x(low) + 5:.1f} {y - 4:.1f}L{x(low):.1f} {y:.1f}L{x(low) + 5:.1f} {y + 4:.1f}"/>'
        )
    if one.upper > high:
        parts.append(
            f'<path class="line c0" d="M{x(high) - 5:.1f} {y - 4:.1f}L{x(high):.1f} {y:.1f}L{x(high) - 5:.1f} {y + 4:.1f}"/>'
        )
    if low <= one.estimate <= high:
        parts.append(f'<rect class="bar c0" x="{x(one.estimate) - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>')
    return [*parts, text("tick", NUMBERS, y + 4, one.written)]


def _cut(label: str, longest: int) -> str:
    return label if len(label) <= longest else label[: longest - 1] + "…"
