"""Step curves with their limits, censoring marks and numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rules_engine.analysis.curves import Curve
from rules_engine.analysis.options import Numbers
from rules_engine.numerics import np
from rules_engine.report.canvas import LETTER, WIDTH, colour_class, picture, short, text

PLOT_TOP, PLOT_HEIGHT = 16, 300
RISK_ROW, AXIS_ROOM = 17, 46
LABEL_GAP = 15.0


@dataclass(frozen=True)
class Line:
    """One curve to draw: its name, the number of its colour, and whether it is dashed."""

    name: str
    curve: Curve
    colour: int
    dashed: bool = False


def _css(line: Line) -> str:
    """The class of a line's colour; the palette begins again after its last colour."""
    return colour_class(line.colour)


def curves_svg(
    lines: Sequence[Line], ticks: Sequence[float], *, identifier: str, title: str, description: str, vertical: str,
    days_per_month: float, guide: float | None = None,
) -> str:  # fmt: skip
    """A figure: step curves with limits, marks at censorings, a label at each end, and numbers at risk below.

    `ticks` are the months of `risk_months` at which the curves count who is at risk; `vertical` names the vertical axis
    (0 to 100 %); `guide` draws a light line at that height.
    """
    last = max((float(line.curve.times[-1]) for line in lines), default=days_per_month) / days_per_month
    named = max((len(short(line.name)) for line in lines), default=0) * LETTER
    left, right = max(named + 30, 60.0), max(named + 16, 24.0)
    scale = Scale(left, WIDTH - right, max(last, *ticks, 1.0), days_per_month)
    risk_lines = [line for line in lines if not line.dashed]
    height = PLOT_TOP + PLOT_HEIGHT + AXIS_ROOM + 20 + RISK_ROW * len(risk_lines) + 6
    parts = [
        *_axes(scale, ticks, vertical, guide),
        *(_band(line, scale) for line in lines if not line.dashed),
        *(_step_line(line, scale) for line in lines),
        *(_censor_marks(line, scale) for line in lines if not line.dashed),
        *_end_labels(lines, scale),
        *_risk_table(risk_lines, ticks, scale),
    ]
    return picture(parts, height, identifier=identifier, title=title, description=description)


@dataclass(frozen=True)
class Scale:
    """Where a day and a height stand on the figure."""

    left: float
    right: float
    months: float
    days_per_month: float

    def x(self, days: Numbers | float) -> Numbers:
        """Horizontal place of a time in days."""
        return self.left + (self.right - self.left) * np.asarray(days, dtype=float) / self.days_per_month / self.months

    def y(self, height: Numbers | float) -> Numbers:
        """Vertical place of a share between 0 and 1."""
        return PLOT_TOP + PLOT_HEIGHT * (1 - np.asarray(height, dtype=float))


def _axes(scale: Scale, ticks: Sequence[float], vertical: str, guide: float | None) -> list[str]:
    bottom = PLOT_TOP + PLOT_HEIGHT
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = float(scale.y(share))
        parts.append(f'<line class="grid" x1="{scale.left:.1f}" x2="{scale.right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(text("tick", scale.left - 8, y + 4, f"{share:.0%}", "end"))
    if guide is not None:
        y = float(scale.y(guide))
        parts.append(f'<line class="guide" x1="{scale.left:.1f}" x2="{scale.right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
    parts.append(f'<line class="axis" x1="{scale.left:.1f}" x2="{scale.right:.1f}" y1="{bottom}" y2="{bottom}"/>')
    for tick in ticks:
        x = float(scale.x(tick * scale.days_per_month))
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>')
        parts.append(text("tick", x, bottom + 19, f"{tick:g}", "middle"))
    middle = (scale.left + scale.right) / 2
    parts.append(text("name", middle, bottom + 37, "Months", "middle"))
    parts.append(
        f'<text class="name" x="13" y="{PLOT_TOP + PLOT_HEIGHT / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 13 {PLOT_TOP + PLOT_HEIGHT / 2:.0f})">{escape(vertical)}</text>'
    )
    return parts


def _corners(times: Numbers, heights: Numbers, scale: Scale) -> str:
    """The path of a step function: along, then up or down at each new time."""
    moves = np.flatnonzero(np.diff(heights, prepend=np.nan) != 0)
    x, y = scale.x(times), scale.y(heights)
    path = [f"M{x[0]:.1f} {y[0]:.1f}"]
    path += [f"H{x[place]:.1f}V{y[place]:.1f}" for place in moves if place > 0]
    path.append(f"H{x[-1]:.1f}")
    return "".join(path)


def _step_line(line: Line, scale: Scale) -> str:
    dashed = " dashed" if line.dashed else ""
    path = _corners(line.curve.times, line.curve.estimate, scale)
    return f'<path class="line {_css(line)}{dashed}" d="{path}"/>'


def _band(line: Line, scale: Scale) -> str:
    """The area between the limits, up to the last time at which both are defined."""
    curve = line.curve
    known = ~(np.isnan(curve.lower) | np.isnan(curve.upper))
    places = np.flatnonzero(known)
    if not places.size:
        return ""
    first, last = int(places[0]), int(places[-1])
    end = curve.times[min(last + 1, curve.times.size - 1)]
    times = np.append(curve.times[first : last + 1], end)
    upper = np.append(curve.upper[first : last + 1], curve.upper[last])
    lower = np.append(curve.lower[first : last + 1], curve.lower[last])
    there = _corners(times, upper, scale)
    x, y = scale.x(times), scale.y(lower)
    back = "".join(f"V{y[place]:.1f}H{x[place]:.1f}" for place in range(times.size - 2, -1, -1))
    return f'<path class="band {_css(line)}" d="{there}V{y[-1]:.1f}{back}Z"/>'


def _censor_marks(line: Line, scale: Scale) -> str:
    if not line.curve.censoring_times.size:
        return ""
    x, y = scale.x(line.curve.censoring_times), scale.y(line.curve.censoring_heights)
    path = "".join(f"M{one:.1f} {other - 4:.1f}v8" for one, other in zip(x, y, strict=True))
    return f'<path class="mark {_css(line)}" d="{path}"/>'


def _end_labels(lines: Sequence[Line], scale: Scale) -> list[str]:
    """Each curve's name beside its end; names that would touch are moved apart."""
    ends = sorted(
        (float(scale.y(line.curve.estimate[-1])), number, line) for number, line in enumerate(lines) if not line.dashed
    )
    placed: list[float] = []
    for y, _number, _line in ends:
        placed.append(max(y, placed[-1] + LABEL_GAP) if placed else y)
    overflow = max((placed[-1] if placed else 0.0) - (PLOT_TOP + PLOT_HEIGHT - 8), 0.0)
    labels = []
    for y, (end, _number, line) in zip(placed, ends, strict=True):
        x = float(scale.x(line.curve.times[-1]))
        # A curve that ends early is named above its end, where it does not run into one that goes on.
        ends_early = len(ends) > 1 and x + LETTER * len(short(line.name)) < scale.right
        at = (
            (x, min(end, PLOT_TOP + PLOT_HEIGHT - 14) - 12, "end") if ends_early else (x + 6, y - overflow + 4, "start")
        )
        labels.append(text(f"label {_css(line)}", at[0], at[1], short(line.name), at[2]))
    return labels


def _risk_table(lines: Sequence[Line], ticks: Sequence[float], scale: Scale) -> list[str]:
    top = PLOT_TOP + PLOT_HEIGHT + AXIS_ROOM + 14
    parts = [text("name", 0, top, "Number at risk")] if lines else []
    for number, line in enumerate(lines, start=1):
        y = top + RISK_ROW * number
        parts.append(text(f"label {_css(line)}", 0, y, short(line.name)))
        for tick, at_risk in zip(ticks, line.curve.at_risk, strict=True):
            x = float(scale.x(tick * scale.days_per_month))
            parts.append(text("tick", x, y, f"{int(at_risk):,}", "middle"))
    return parts
