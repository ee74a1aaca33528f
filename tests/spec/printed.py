"""The statistics that a report prints, read from its HTML: each with the place in the analysis results where it is to be found.

What is no statistic, and is not read here: the sections of definitions, single subjects and provenance; dates, study days and row
numbers; headings (months of a landmark, confidence levels, percentages that a criterion asks for); ticks of axes; examples and
listings of subjects; and how many of them are drawn or listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

import polars as pl
from rules_engine.vocabulary import ANALYSES_OF_ENGINE

NUMBER = re.compile(r"<?−?\d+(?:,\d{3})*(?:\.\d+)?%?")
#: Sections that print no statistic.
NO_STATISTICS = ("definitions", "subject", "provenance")
#: Tables that list subjects.
LISTINGS = ("Spared a false progression", "Index of subjects")
#: Columns of the tables of data quality that hold numbers; the others are words and examples.
COUNTED = ("Findings", "Subjects", "Visits")


@dataclass
class PrintedTable:
    """A table of the page: where it stands, the names over its columns, and its rows (heading, tag, cells)."""

    section: str
    caption: str = ""
    bands: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def column(self, place: int) -> str:
        """What a cell is of: the words over its column, with those over several columns."""
        name = self.columns[place + 1]
        return f"{self.bands[place + 1]} {name}" if self.bands else name


@dataclass
class PrintedFigure:
    """A figure of the page: its description, its caption, and the texts in it with their classes."""

    section: str
    name: str = ""
    description: str = ""
    caption: str = ""
    texts: list[tuple[str, str]] = field(default_factory=list)


class PrintedPage(HTMLParser):
    """Tables and figures of a report in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[PrintedTable] = []
        self.figures: list[PrintedFigure] = []
        self._section = ""
        self._within: list[str] = []
        self._text = ""
        self._tag = ""
        self._class = ""
        self._span = 1
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        if tag == "section":
            self._section = known.get("aria-labelledby") or ""
        elif tag == "table":
            self.tables.append(PrintedTable(self._section))
        elif tag == "svg":
            self.figures.append(PrintedFigure(self._section))
        elif tag == "desc":
            self.figures[-1].name = (known.get("id") or "").removesuffix("-d")
        elif tag in ("thead", "tbody"):
            self._within = [tag]
        elif tag == "tr":
            self._row: tuple[str, str, list[str]] = ("", "", [])
            self._is_band = known.get("class") == "bands"
        if tag == "span" and known.get("class") == "tag":
            self._within.append("tag")
        elif tag in ("th", "td", "caption", "desc", "text", "figcaption"):
            self._text, self._tag = "", ""
            self._class, self._span = known.get("class") or "", int(known.get("colspan") or 1)

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self._within and self._within[-1] == "tag":
            self._within.pop()
        elif tag in ("caption", "th", "td", "tr") and self.tables:
            self._of_table(self.tables[-1], tag)
        elif tag == "desc":
            self.figures[-1].description = self._text
        elif tag == "figcaption":
            self.figures[-1].caption = self._text
        elif tag == "text":
            self.figures[-1].texts.append((self._class, self._text))

    def _of_table(self, table: PrintedTable, tag: str) -> None:
        if tag == "caption":
            table.caption = self._text
        elif tag == "th" and self._within[:1] == ["thead"]:
            (table.bands if self._is_band else table.columns).extend([self._text] * self._span)
        elif tag == "th":
            self._row = (self._text.strip(), self._tag, [])
        elif tag == "td":
            self._row[2].append(self._text)
        elif tag == "tr" and self._within[:1] == ["tbody"]:
            table.rows.append(self._row)

    def handle_data(self, data: str) -> None:
        if self._within and self._within[-1] == "tag":
            self._tag += data
        else:
            self._text += data


def spelled(row: dict[str, object]) -> set[str]:
    """How a number of the results may be written: as its own format says; a percentage also without its sign, or with one."""
    value, form = row["value"], str(row["format"] or "g")
    assert isinstance(value, float)
    if form == "d":
        return {f"{value:,.0f}"}
    text = "<0.0001" if form == ".4f" and value < 0.0001 else format(value, form)
    is_zero = not text.strip("<%−-0.,")
    text = text.lstrip("-") if is_zero else text.replace("-", "−")
    of_hundred = text.removesuffix("%")
    return {text, of_hundred, f"{of_hundred}%"} if "%" in form or "percent" in str(row["statistic"]) else {text}


def known_numbers(rows: pl.DataFrame, *, with_n: bool) -> set[str]:
    """All numbers of some rows of the results, as they may be written; `with_n`: and the subjects that they rest on."""
    found: set[str] = set()
    for row in rows.iter_rows(named=True):
        if row["value"] is not None:
            found |= spelled(row)
        if with_n:
            found.add(f"{row['n']:,}")
    return found


class Results:
    """The analysis results, narrowed to the rows that a place of the page may show."""

    def __init__(self, ard: pl.DataFrame, arms: Sequence[str]) -> None:
        self.arms = arms
        self._parts = {
            (analysis, paramcd): rows
            for (analysis, paramcd), rows in ard.partition_by(["analysis", "paramcd"], as_dict=True).items()
        }
        self._known: dict[tuple[object, ...], set[str]] = {}

    def analyses(self) -> set[str]:
        """Names of all analyses."""
        return {str(analysis) for analysis, _paramcd in self._parts}

    def rows(self, analysis: str | None, paramcd: str | None) -> pl.DataFrame:
        """The rows of one analysis (None: of all) of one endpoint."""
        parts = [
            rows for (name, of), rows in self._parts.items() if of == paramcd and (analysis is None or name == analysis)
        ]
        return pl.concat(parts) if parts else pl.DataFrame()

    def known(
        self, analysis: str | None, paramcd: str | None, group: str | None = None, line: pl.Expr | None = None
    ) -> set[str]:
        """The numbers of an analysis; `group` is the text over a column, `line` narrows the rows further."""
        key = (analysis, paramcd, group, None if line is None else str(line))
        if key not in self._known:
            rows = self.rows(analysis, paramcd)
            if rows.width:
                rows = rows.filter(self._of_group(group), pl.lit(value=True) if line is None else line)
            self._known[key] = known_numbers(rows, with_n=analysis not in ANALYSES_OF_ENGINE)
        return self._known[key]

    def kinds(self) -> dict[str, str]:
        """The kinds of adverse events by their words, as captions write them."""
        overview = self.rows("adverse_events", None).filter(pl.col("variable") == "overview")
        return {label[:1].lower() + label[1:]: level for level, label in overview.select("level", "label").iter_rows()}

    def _of_group(self, over: str | None) -> pl.Expr:
        """The rows of the group that the words over a column name."""
        if over is None:
            return pl.lit(value=True)
        # The longest name first: one arm may be called like the beginning of another.
        for arm in sorted(self.arms, key=len, reverse=True):
            if over.startswith(arm):
                return (pl.col("group") == arm).fill_null(value=False)
        if over.startswith(("Total", "All")):
            return pl.col("group").is_null()
        return pl.lit(value=True)


def statistics_of_tables(
    page: PrintedPage, results: Results, endpoints: Sequence[str]
) -> Iterator[tuple[str, str, set[str]]]:
    """Every number in a table: where it stands, its text, and the numbers of the results that it may be."""
    for table in page.tables:
        if table.section in NO_STATISTICS or table.caption.startswith(LISTINGS):
            continue
        over = ""
        for heading, tag, cells in table.rows:
            if not cells:
                over = heading
            for place, cell in enumerate(cells):
                column = table.column(place)
                if table.section == "quality" and column not in COUNTED:
                    continue
                places = list(_places(table, heading, tag, over, column, results, endpoints))
                known = set().union(*(results.known(*one) for one in places)) if places else set()
                for number in NUMBER.findall(cell):
                    yield f"{table.caption}, {over}, {tag} {heading}, {column}: {cell}", number, known


Place = tuple[str | None, str | None, str | None, pl.Expr | None]


def _places(
    table: PrintedTable, heading: str, tag: str, over: str, column: str, results: Results, endpoints: Sequence[str]
) -> Iterator[Place]:
    """Where in the results the numbers of a cell may stand: analysis, endpoint, words over the column, the line."""
    caption, (first, _colon, rest) = table.caption, table.caption.partition(": ")
    label = pl.col("label")
    if caption == "Flow of subjects":
        if over == "With a record of":
            yield "flow", heading, column, None
        else:
            yield "flow", None, column, label == heading
    elif caption == "Characteristics":
        yield (
            "characteristics",
            None,
            column,
            (
                label.is_in([f"{over}: {heading}", heading])
                if heading not in ("mean (standard deviation)", "median (quartiles)", "range")
                else label.str.starts_with(f"{over}: ")
            ),
        )
    elif rest == "how records end":
        yield "endings", first, column, label == heading
    elif rest == "estimates":
        # Counts stand in the lines that are called so, estimates in all others.
        counts = heading in ("Subjects", "Events", "Competing events")
        analyses = ["endings"] if counts else sorted(results.analyses() - {"endings", "at_risk", "responses", "flow"})
        for analysis in analyses:
            yield analysis, first, column, None
    elif caption.startswith("Responses behind "):
        for paramcd in caption.removeprefix("Responses behind ").split(", "):
            yield "responses", paramcd, column, label == heading
    elif caption.startswith("Progression re-assessed ("):
        stream = caption.removeprefix("Progression re-assessed (").removesuffix(")")
        yield "reassessment", None, column, (pl.col("variable") == stream) & (label == heading)
    elif table.section == "glance" or caption == "Rates of responders":
        # A line of the endpoint's name alone stands over its numbers.
        paramcd = tag or over.partition(":")[0]
        yield None, paramcd, column if column.startswith(tuple(results.arms)) else None, None
    elif first in endpoints:
        analysis, _by, variable = rest.partition(", by ")
        same = pl.lit(heading).str.starts_with(pl.col("subgroup") + ": ") if variable else pl.lit(value=True)
        of_variable = pl.col("subgroup_variable").eq_missing(pl.lit(variable or None, pl.String))
        yield analysis.replace(" ", "_"), first, column, of_variable & (same | pl.col("subgroup").is_null())
    elif caption.startswith("Adverse events by class and term"):
        prefix = f"{results.kinds()[rest]}_" if rest else ""
        is_line = pl.col("variable").is_in([f"{prefix}soc", f"{prefix}term"]) & (pl.col("level") == heading)
        yield "adverse_events", None, column, is_line & _statistic(column)
    elif caption.startswith("Adverse events"):
        is_line = (pl.col("variable") == "overview") & (label == heading)
        is_population = pl.col("level") == "population"
        rates = _statistic(column) if caption.endswith("rates") else pl.lit(value=True)
        yield "adverse_events", None, column, (is_population if heading == "Subjects" else is_line) & rates
    elif caption.startswith("Laboratory values: shift"):
        analyte = over.partition("(")[2].removesuffix(")")
        yield "laboratory", None, column, (pl.col("level") == f"{analyte} {heading}") & _statistic(column)
    elif caption.startswith("Laboratory values"):
        is_line = (pl.col("variable") == "worst") & (pl.col("level") == heading.rpartition("(")[2].removesuffix(")"))
        yield "laboratory", None, column, is_line & _statistic(column)
    elif caption == "Hy's law":
        yield "laboratory", None, column, label == heading
    elif caption == "Findings":
        yield "findings", None, None, pl.col("level") == heading
    elif caption.startswith("Derived and collected"):
        yield "discrepancies", None, None, pl.col("group") == heading
    elif table.section == "agreement":
        for analysis in results.analyses():
            yield analysis, None, None, pl.col("group_variable").is_in(["response", "endpoint"])


#: Ends of the words over a column, and the statistics below it.
_BELOW = {
    "Subjects per 100 PY": ("rate", "rate_lower", "rate_upper"),
    "Events per 100 PY": ("event_rate",),
    "Events": ("events",),
    "Any": ("subjects", "percent"),
    "n": ("subjects",),
    "≥1": ("grade_ge_1", "percent_grade_ge_1"),
    "≥3": ("grade_ge_3", "percent_grade_ge_3"),
    "5": ("grade_5", "percent_grade_5"),
    **{f"to {grade}": (f"to_{grade}",) for grade in range(5)},
    "4": ("grade_4", "percent_grade_4"),
}


def _statistic(column: str) -> pl.Expr:
    """The rows of the statistics that a column of a safety table holds."""
    return pl.col("statistic").is_in(next(names for end, names in _BELOW.items() if column.endswith(end)))


def statistics_of_figures(
    page: PrintedPage, results: Results, endpoints: Sequence[str]
) -> Iterator[tuple[str, str, set[str]]]:
    """Every number in a figure and in the words that describe it, but for the ticks of its axes."""
    for figure in page.figures:
        name = figure.name
        where = f"figure {name}"
        drawn = re.search(r"Of ([\d,]+) subjects every", figure.caption)
        if name.startswith(("km-", "cif-")):
            paramcd = name.partition("-")[2]
            for part in figure.description.split("; "):
                arm, _colon, words = part.rpartition(": ")
                for number in NUMBER.findall(words.partition(". ")[0]):
                    yield f"{where}, description", number, results.known("endings", paramcd, arm, None)
            group = None
            beneath = [words for _css, words in figure.texts].index("Number at risk")
            for css, words in figure.texts[beneath + 1 :]:
                group = words if css.startswith("label") else group
                if css == "tick":
                    yield f"{where}, at risk, {group}", words, results.known("at_risk", paramcd, group, None)
        elif name.startswith(("forest", "subgroups")):
            known = set().union(*(results.known(None, paramcd, None, None) for paramcd in endpoints))
            texts = [words for _css, words in figure.texts if re.search(r"\d/\d|\(.* to |^p ", words)]
            for text in [*texts, *re.findall(r": ([^;]+)", figure.description)]:
                for number in NUMBER.findall(text.rstrip(".")):
                    yield f"{where}: {text}", number, known
        elif name.startswith("w-"):
            counted = results.known("sums_of_diameters", None, None, pl.col("variable") == name.partition("-")[2])
            counts = re.findall(r"\(n = ([\d,]+)\)", " ".join(words for _css, words in figure.texts))
            for number in [*counts, *NUMBER.findall(figure.description), *(drawn.groups() if drawn else ())]:
                yield where, number, counted
        elif name.startswith("s-"):
            counted = results.known("sums_of_diameters", None, None, pl.col("variable") == name.partition("-")[2])
            for number in [*re.findall(r"^([\d,]+) subjects", figure.description), *(drawn.groups() if drawn else ())]:
                yield where, number, counted
        elif name.startswith("swim-"):
            known = set().union(*(results.known("endings", paramcd, None, None) for paramcd in endpoints))
            for number in [*NUMBER.findall(figure.description), *(drawn.groups() if drawn else ())]:
                yield where, number, known
        elif name == "edish":
            for number in NUMBER.findall(figure.description):
                yield where, number, results.known("laboratory", None, None, pl.col("variable") == "hys_law")
        elif name == "butterfly":
            terms = results.rows("adverse_events", None).filter(
                pl.col("variable") == "term", pl.col("statistic") == "percent"
            )
            whole = {f"{value / 100:.0%}" for value in terms["value"].drop_nulls()}
            for css, words in figure.texts:
                if css == "tick":
                    yield where, words, whole


def statistics_of_summary(text: str, results: Results, endpoints: Sequence[str]) -> Iterator[tuple[str, str, set[str]]]:
    """Every number of the screenful that a run prints, but for the data cut-off and the names of groups and endpoints."""
    lines = text.splitlines()
    counted, _comma, _cutoff = lines[1].partition(", data cut-off")
    for arm in results.arms:
        counted = counted.replace(f"{arm} ", "")
    for number in NUMBER.findall(counted):
        yield lines[1], number, results.known("flow", None, None, None)
    paramcd = ""
    for line in lines[2:]:
        words = line.split()
        if words and words[0] in endpoints:
            paramcd = words[0]
        rest = line.replace(paramcd, "", 1)
        for arm in sorted(results.arms, key=len, reverse=True):
            rest = rest.replace(arm[:15], "", 1) if rest.lstrip().startswith(arm[:15]) else rest
        if line.startswith("Findings: "):
            yield line, words[1].rstrip(","), results.known("findings", None, None, None)
        elif words and words[0] in ("error", "warning", "note"):
            for number in (words[1], *(words[3:4])):
                yield line, number, results.known("findings", None, None, pl.col("level") == words[2])
        elif line.startswith("  ") and paramcd and not words[0].startswith("…"):
            for number in NUMBER.findall(rest):
                yield line, number, results.known(None, paramcd, None, None)
