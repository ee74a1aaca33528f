"""eDISH: the highest transaminase against the highest bilirubin of each subject, in multiples of the upper limit, both on a log
scale (Watkins 2011, Drug Safety 34:243). The upper right field holds the candidates for Hy's law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from rules_engine.report.canvas import WIDTH, colour_class, legend, line, picture, text

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 380.0, 60.0, 20.0, 34.0, 44.0
#: Ticks of both axes, in multiples of the upper limit.
TICKS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def edish_svg(
    points: pl.DataFrame, arms: Sequence[str], bounds: tuple[float | None, float | None], *, description: str
) -> str:
    """One point per subject; the arm is the colour, a case is filled. `bounds` are those of transaminase and bilirubin."""
    plot = points.filter(pl.col("transaminase_peak") > 0, pl.col("bilirubin_peak") > 0).sort("subject")
    across, upwards = (_span(plot[name]) for name in ("transaminase_peak", "bilirubin_peak"))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(value: float) -> float:
        return LEFT + (right - LEFT) * _share(value, across)

    def y(value: float) -> float:
        return bottom - (bottom - TOP) * _share(value, upwards)

    parts = [line("axis", LEFT, bottom, right, bottom), line("axis", LEFT, TOP, LEFT, bottom)]
    parts += [
        text("tick", x(tick), bottom + 16, f"{tick:g}", "middle") for tick in TICKS if across[0] <= tick <= across[1]
    ]
    parts += [
        text("tick", LEFT - 6, y(tick) + 4, f"{tick:g}", "end") for tick in TICKS if upwards[0] <= tick <= upwards[1]
    ]
    enzyme, bilirubin = bounds
    if enzyme is not None:
        parts.append(line("guide", x(enzyme), TOP, x(enzyme), bottom))
    if bilirubin is not None:
        parts.append(line("guide", LEFT, y(bilirubin), right, y(bilirubin)))
    for row in plot.iter_rows(named=True):
        number = list(arms).index(row["arm"]) if row["arm"] in arms else len(arms)
        form = "bar" if row["is_case"] else "mark"
        place = f'cx="{x(row["transaminase_peak"]):.1f}" cy="{y(row["bilirubin_peak"]):.1f}"'
        parts.append(f'<circle class="{form} {colour_class(number)}" {place} r="3.6"/>')
    parts.append(text("label", (LEFT + right) / 2, HEIGHT - 8, "Highest transaminase (x ULN)", "middle"))
    parts.append(text("label", LEFT, TOP - 14, "Highest bilirubin (x ULN)"))
    parts += legend([(arm, number) for number, arm in enumerate(arms)], LEFT + 240, TOP - 14)
    return picture(
        parts, HEIGHT, identifier="edish", title="Highest transaminase and bilirubin of each subject",
        description=description,
    )  # fmt: skip


def _span(values: pl.Series) -> tuple[float, float]:
    """The ticks that hold all values."""
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return 0.1, 100.0
    below = [tick for tick in TICKS if tick <= min(low, 1.0)]
    above = [tick for tick in TICKS if tick >= max(high, 10.0)]
    return (below[-1] if below else low), (above[0] if above else high)


def _share(value: float, span: tuple[float, float]) -> float:
    return (math.log(value) - math.log(span[0])) / (math.log(span[1]) - math.log(span[0]))
