"""A table of the page as a file of its own: CSV, Markdown, LaTeX or RTF. The same table gives the same text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence

from rules_engine.pages import Cell, Table, table_as_markdown
from rules_engine.pages.spreadsheet import FORMULA, NUMBER

#: What LaTeX would take for a command, and how it is written.
_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$", "–": "--",
}  # fmt: skip
#: Width of a landscape page between its margins, in twentieths of a point, and the part of it that headings have.
_RTF_WIDTH, _RTF_HEADINGS = 13_600, 0.34
_RTF_INDENT = 220


def table_file(table: Table, form: str) -> str:
    """The table as the text of a file in one of `TABLE_FORMATS`."""
    return TABLE_FORMATS[form](table)


def _csv(table: Table) -> str:
    """One line per row; where a heading stands over several columns, it stands before each; notes are left out."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([_neutral(name) for name in _flat_columns(table)])
    for row in table.rows:
        cells = [_words(cell) for cell in row.cells] or [""] * (len(table.columns) - 1)
        writer.writerow([_neutral("  " * row.heading.indent + _words(row.heading)), *map(_neutral, cells)])
    return written.getvalue()


def _neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula, whatever it makes of spaces before it."""
    bare = text.lstrip(" ")
    return f"'{text}" if re.search(FORMULA, bare) and not re.search(NUMBER, bare) else text


def _flat_columns(table: Table) -> list[str]:
    bands = [band for band, width in table.bands for _ in range(width)] or [""] * len(table.columns)
    return [f"{band}: {name}" if band else name for band, name in zip(bands, table.columns, strict=True)]


def _words(cell: Cell) -> str:
    return f"{cell.tag} {cell.text}" if cell.tag else cell.text


def _latex(table: Table) -> str:
    """A `table` with `booktabs` rules."""
    lines = [
        r"\begin{table}",
        rf"\caption{{{_tex(table.caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
    ]
    if table.bands:
        lines.append(
            " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{_tex(band)}}}" for band, width in table.bands) + r" \\"
        )
    lines += [" & ".join(map(_tex, table.columns)) + r" \\", r"\midrule"]
    for row in table.rows:
        name = r"\quad " * row.heading.indent + _tex(_words(row.heading))
        cells = [_tex(_words(cell)) for cell in row.cells] or [""] * (len(table.columns) - 1)
        lines.append(" & ".join([name if row.cells else rf"\textbf{{{name}}}", *cells]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {_tex(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table}", ""])


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def _rtf(table: Table) -> str:
    """A landscape page with the caption, the table under a line, and its notes."""
    number = len(table.columns)
    headings = _RTF_WIDTH if number == 1 else int(_RTF_WIDTH * _RTF_HEADINGS)
    each = (_RTF_WIDTH - headings) // max(number - 1, 1)
    edges = [headings + each * place for place in range(number)]
    lines = [
        r"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\paperw16838\paperh11906\landscape\margl1440\margr1440\fs18",
        rf"\pard\b {_rtf_text(table.caption)}\b0\par",
    ]
    if table.bands:
        widths = [width for _band, width in table.bands]
        ends = [edges[sum(widths[: place + 1]) - 1] for place in range(len(widths))]
        lines.append(_rtf_row([(band, r"\qc\b ") for band, _width in table.bands], ends))
    ruled = r"\clbrdrb\brdrs"
    lines.append(
        _rtf_row([(name, r"\b " if not place else r"\qr\b ") for place, name in enumerate(table.columns)], edges, ruled)
    )
    for row in table.rows:
        first = rf"\li{_RTF_INDENT * row.heading.indent}" + (" " if row.cells else r"\b ")
        cells = [(_words(cell), r"\qr " if cell.numeric else r"\ql ") for cell in row.cells]
        padding = [("", "")] * (number - 1 - len(cells))
        lines.append(_rtf_row([(_words(row.heading), first), *cells, *padding], edges))
    lines += [rf"\pard\fs16 {_rtf_text(note)}\par" for note in table.notes]
    return "\n".join([*lines, "}", ""])


def _rtf_row(cells: Sequence[tuple[str, str]], edges: Sequence[int], border: str = "") -> str:
    places = "".join(rf"{border}\cellx{edge}" for edge in edges)
    return rf"\trowd\trgaph70{places}" + "".join(
        rf"\pard\intbl{style}{{{_rtf_text(text)}}}\plain\fs18\cell" for text, style in cells
    ) + r"\row"  # fmt: skip


def _rtf_text(text: str) -> str:
    """A text in RTF: ASCII, everything else by its UTF-16 units."""
    parts = []
    for letter in text:
        if letter in "\\{}":
            parts.append(f"\\{letter}")
        elif letter.isascii():
            parts.append(letter)
        else:
            units = letter.encode("utf-16-le")
            parts += [
                f"\\u{int.from_bytes(units[place : place + 2], 'little', signed=True)}?"
                for place in range(0, len(units), 2)
            ]
    return "".join(parts)


TABLE_FORMATS: Mapping[str, Callable[[Table], str]] = {
    "csv": _csv, "md": table_as_markdown, "tex": _latex, "rtf": _rtf,
}  # fmt: skip
