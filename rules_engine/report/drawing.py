"""A drawing as a list of shapes, and its two forms: SVG text and a PNG picture. Both are made of the same shapes.

The same shapes give the same bytes. Colours are those of Okabe and Ito 2008, told apart by people with any colour vision; a drawing
says nothing by colour alone. Coordinates are those of SVG: from the upper left corner, in pixels.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from rules_engine.errors import UsageError

BLACK, GREY, LIGHT, PALE, WHITE = "#222222", "#6b6b6b", "#c9c9c9", "#efefef", "#ffffff"
BLUE, VERMILION, GREEN, PURPLE, YELLOW, SKY = "#0072b2", "#d55e00", "#009e73", "#b0578d", "#b58900", "#56a4d8"

#: DejaVu Sans comes with matplotlib, so that a PNG is the same on every machine; its metrics are also those of Verdana.
FONTS = "DejaVu Sans, Verdana, Arial, sans-serif"
#: Width of letters in parts of the size of the type, a little on the wide side.
_NARROW, _WIDE = frozenset("ijlt.,:;|'()[]/ !fI"), frozenset("mwMWO@%−→…")
#: Pixels of a PNG for each unit of the drawing.
SCALE = 2


@dataclass(frozen=True, slots=True)
class Shape:
    """A closed or open line through points. `title` is shown where a pointer rests on it (SVG)."""

    points: Sequence[tuple[float, float]]
    closed: bool = False
    fill: str | None = None
    stroke: str | None = BLACK
    width: float = 1.0
    dashed: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle."""

    x: float
    y: float
    radius: float
    fill: str | None = None
    stroke: str | None = BLACK
    width: float = 1.0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; `anchor` says which of its ends stands at x (`start`, `middle`, `end`), y is its base line.

    `upright` text is turned about that point to be read from below.
    """

    x: float
    y: float
    words: str
    size: float = 11.0
    anchor: str = "start"
    colour: str = BLACK
    bold: bool = False
    upright: bool = False


@dataclass
class Drawing:
    """Shapes in the order in which they are drawn, on white."""

    width: float
    height: float
    title: str
    description: str
    shapes: list[Shape | Circle | Text] = field(default_factory=list)

    def add(self, *shapes: Shape | Circle | Text) -> None:
        """Draw further shapes, over those before."""
        self.shapes.extend(shapes)

    def svg(self) -> str:
        """The drawing as a document of its own, with a title and a description for those who do not see it."""
        opening = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" '
            f'height="{self.height:g}" role="img" font-family="{FONTS}">',
            f"<title>{escape(self.title)}</title>",
            f"<desc>{escape(self.description)}</desc>",
            f'<rect width="{self.width:g}" height="{self.height:g}" fill="{WHITE}"/>',
        ]
        return "\n".join([*opening, *map(_element, self.shapes), "</svg>"]) + "\n"

    def png(self) -> bytes:
        """The drawing as a picture, `SCALE` pixels for each of its units. Raises `UsageError` where matplotlib is missing."""
        return self._printed("png", {"Software": None})

    def pdf(self) -> bytes:
        """The drawing as a page of its size, its text as text. Raises `UsageError` where matplotlib is missing."""
        return self._printed("pdf", {"Title": self.title, "Creator": None, "Producer": None, "CreationDate": None})

    def _printed(self, form: str, metadata: dict[str, str | None]) -> bytes:
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise UsageError.at(
                f"{form.upper()} picture", "matplotlib is not installed",
                "install endpoint-rules-engine[report], or ask for an SVG",
            ) from None  # fmt: skip
        from matplotlib import rc_context

        with rc_context({"font.family": "DejaVu Sans", "path.simplify": False, "pdf.fonttype": 42}):
            figure = Figure(figsize=(self.width / _DPI, self.height / _DPI), dpi=_DPI * SCALE, facecolor=WHITE)
            FigureCanvasAgg(figure)
            axes = figure.add_axes((0, 0, 1, 1), xlim=(0, self.width), ylim=(self.height, 0))
            axes.set_axis_off()
            for order, shape in enumerate(self.shapes):
                _paint(axes, shape, order)
            written = io.BytesIO()
            figure.savefig(written, format=form, dpi="figure", facecolor=WHITE, metadata=metadata)
        return written.getvalue()


#: Units of the drawing in an inch: one unit is one pixel of a screen as CSS has it.
_DPI = 96


def text_width(words: str, size: float = 11.0) -> float:
    """About how wide a text is."""
    return size * sum(
        0.36 if one in _NARROW else 0.92 if one in _WIDE else 0.69 if one.isupper() else 0.63 for one in words
    )


def shortened(words: str, width: float, size: float = 11.0) -> str:
    """The text, cut where it is wider than there is room for."""
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "…", size) > width:
        words = words[:-1]
    return words.rstrip() + "…"


def line(
    x1: float, y1: float, x2: float, y2: float, stroke: str = BLACK, *, width: float = 1.0, dashed: bool = False
) -> Shape:
    """A straight line."""
    return Shape(((x1, y1), (x2, y2)), stroke=stroke, width=width, dashed=dashed)


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str | None = None,
    stroke: str | None = None,
    title: str = "",
) -> Shape:
    """A rectangle from its upper left corner."""
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return Shape(corners, closed=True, fill=fill, stroke=stroke, title=title)


# SVG ---------------------------------------------------------------------------------------------------------------------


def _element(shape: Shape | Circle | Text) -> str:
    if isinstance(shape, Text):
        weight = ' font-weight="bold"' if shape.bold else ""
        weight += f' transform="rotate(-90 {shape.x:.1f} {shape.y:.1f})"' if shape.upright else ""
        return (
            f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}" text-anchor="{shape.anchor}" '
            f'fill="{shape.colour}"{weight}>{escape(shape.words)}</text>'
        )
    title = f"<title>{escape(shape.title)}</title>" if shape.title else ""
    paint = f'fill="{shape.fill or "none"}" stroke="{shape.stroke or "none"}" stroke-width="{shape.width:g}"'
    if isinstance(shape, Circle):
        return f'<circle cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:g}" {paint}>{title}</circle>'
    dashes = ' stroke-dasharray="4 3"' if shape.dashed else ""
    name = "polygon" if shape.closed else "polyline"
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    return f'<{name} points="{points}" {paint}{dashes}>{title}</{name}>'


# PNG ---------------------------------------------------------------------------------------------------------------------


def _paint(axes: object, shape: Shape | Circle | Text, order: int) -> None:
    """One shape onto matplotlib's axes, over those before; a point of matplotlib is 1/72 inch."""
    from matplotlib import patches

    points = 72 / _DPI
    if isinstance(shape, Text):
        anchor = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
        axes.text(  # type: ignore[attr-defined]
            shape.x, shape.y, shape.words, fontsize=shape.size * points, ha=anchor, va="baseline", color=shape.colour,
            fontweight="bold" if shape.bold else "normal", zorder=order, parse_math=False,
            rotation=90 if shape.upright else 0, rotation_mode="anchor",
        )  # fmt: skip
        return
    style = {"facecolor": shape.fill or "none", "edgecolor": shape.stroke or "none", "linewidth": shape.width * points}
    if isinstance(shape, Circle):
        axes.add_patch(patches.Circle((shape.x, shape.y), shape.radius, zorder=order, **style))  # type: ignore[attr-defined]
        return
    dashes = (0, (4 / shape.width, 3 / shape.width)) if shape.dashed else "solid"
    axes.add_patch(  # type: ignore[attr-defined]
        patches.Polygon(
            list(shape.points),
            closed=shape.closed,
            fill=shape.fill is not None,
            zorder=order,
            linestyle=dashes,
            **style,
        )
    )


def joined(points: Iterable[tuple[float, float]], stroke: str, *, width: float = 1.5) -> Shape:
    """A line through points."""
    return Shape(tuple(points), stroke=stroke, width=width)
