"""A figure of the page as a file of its own: SVG with its style inside, PNG or PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from rules_engine.pages import Figure
from rules_engine.report.drawing import BLACK, WHITE, Circle, Drawing, Shape, Text
from rules_engine.report.figure_style import as_css, font_size, look

FORMATS = ("svg", "png", "pdf")
#: Weight of type from which it is drawn bold.
SEMIBOLD = 600
Points = list[tuple[float, float]]

_COMMAND = re.compile(r"([MLHVZhva])([^MLHVZhva]*)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def figure_file(figure: Figure, form: str) -> bytes:
    """The figure in one of `FORMATS`. Raises `UsageError` where PNG or PDF is asked for and matplotlib is missing."""
    if form == "svg":
        return svg_document(figure).encode()
    drawing = as_drawing(figure)
    return drawing.png() if form == "png" else drawing.pdf()


def svg_document(figure: Figure) -> str:
    """The figure as an SVG document that needs no page around it."""
    width, height = _size(figure.svg)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
    ground = f'<style>\n{as_css()}\n</style>\n<rect width="{width:g}" height="{height:g}" fill="{WHITE}"/>'
    document = figure.svg.replace("<svg", opening, 1)
    return re.sub(r"(</desc>)", lambda found: f"{found[1]}\n{ground}", document, count=1) + "\n"


def as_drawing(figure: Figure) -> Drawing:
    """The figure as shapes, each painted as the page's style sheet says."""
    root = ElementTree.fromstring(figure.svg)  # noqa: S314  (our own markup, its texts escaped)
    width, height = _size(figure.svg)
    title, description = (root.findtext(name) or "" for name in ("title", "desc"))
    drawing = Drawing(width, height, title, description)
    for element in root:
        drawing.add(*_shapes(element))
    return drawing


def _size(svg: str) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None  # noqa: S101  (every figure of the page has a view box)
    return float(found[1]), float(found[2])


def _shapes(element: ElementTree.Element) -> Iterator[Shape | Circle | Text]:
    paint = look(element.tag, frozenset((element.get("class") or "").split()))
    place = {name: float(element.get(name, 0)) for name in ("x", "y", "x1", "x2", "y1", "y2", "width", "height")}
    match element.tag:
        case "text":
            yield _text(element, paint, place)
        case "line":
            yield _shape([(place["x1"], place["y1"]), (place["x2"], place["y2"])], paint, closed=False)
        case "rect":
            left, top, right, bottom = place["x"], place["y"], place["x"] + place["width"], place["y"] + place["height"]
            yield _shape([(left, top), (right, top), (right, bottom), (left, bottom)], paint, closed=True)
        case "circle":
            centre = float(element.get("cx", 0)), float(element.get("cy", 0))
            yield Circle(*centre, float(element.get("r", 0)), _colour(paint, "fill"), _colour(paint, "stroke"))
        case "path":
            yield from _path(element.get("d", ""), paint)
        case "title" | "desc":
            return
        case other:
            raise NotImplementedError(f"a figure of the page has a <{other}>, which no file can show")


def _text(element: ElementTree.Element, paint: Mapping[str, str], place: Mapping[str, float]) -> Text:
    return Text(
        place["x"], place["y"], element.text or "", font_size(paint), element.get("text-anchor", "start"),
        _colour(paint, "fill") or BLACK, bold=int(paint.get("font-weight", "400")) >= SEMIBOLD,
        upright=element.get("transform") is not None,
    )  # fmt: skip


def _shape(points: Points, paint: Mapping[str, str], *, closed: bool) -> Shape:
    return Shape(
        points, closed=closed, fill=_colour(paint, "fill") if closed else None, stroke=_colour(paint, "stroke"),
        width=float(paint.get("stroke-width", "1")), dashed="stroke-dasharray" in paint,
    )  # fmt: skip


def _colour(paint: Mapping[str, str], name: str) -> str | None:
    """A colour of the style, its opacity as two further digits; None where it is not painted."""
    colour = paint.get(name, "none")
    if colour == "none":
        return None
    opacity = float(paint.get(f"{name}-opacity", "1"))
    return colour if opacity == 1 else f"{colour}{round(255 * opacity):02x}"


def _path(commands: str, paint: Mapping[str, str]) -> Iterator[Shape | Circle]:
    """The lines of a path, and a circle for each pair of half circles: all that the figures of the page use."""
    points: Points = []
    x = y = 0.0
    for letter, rest in _COMMAND.findall(commands):
        numbers = [float(one) for one in _NUMBER.findall(rest)]
        if letter == "Z":
            if len(points) > 1:
                yield _shape(points, paint, closed=True)
            points = []
            continue
        if letter == "a":
            across = numbers[5]
            if across > 0:
                yield Circle(x + across / 2, y, numbers[0], _colour(paint, "fill"), _colour(paint, "stroke"))
            x += across
            continue
        if letter == "M":
            if len(points) > 1:
                yield _shape(points, paint, closed=False)
            points = []
        x, y = _moved(letter, numbers, x, y)
        points.append((x, y))
    if len(points) > 1:
        yield _shape(points, paint, closed=False)


def _moved(letter: str, numbers: list[float], x: float, y: float) -> tuple[float, float]:
    """Where a command leads from (x, y)."""
    match letter:
        case "H":
            return numbers[0], y
        case "V":
            return x, numbers[0]
        case "h":
            return x + numbers[0], y
        case "v":
            return x, y + numbers[0]
        case _:
            return numbers[0], numbers[1]
