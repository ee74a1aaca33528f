"""A workbook that a hospital can fill in: one sheet per input table, made from the contracts.

Headings, notes, drop-downs and formats come from the declared columns. Each sheet has example rows whose subject begins with
`#EXAMPLE`: they show how to write, and are no records when the workbook is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rules_engine.contracts import TABLES, Column, Table
from rules_engine.errors import UsageError
from rules_engine.study.casting import LONGEST_MM

#: The first cell of an example row begins with this; the reader of workbooks leaves such rows out.
EXAMPLE: Final = "#EXAMPLE"
_ROWS: Final = 5_000
_HOW: Final = {
    "text": "Text.",
    "code": "One of the words of the list.",
    "date": "A day, as 2024-05-17.",
    "partial_date": "A day, month or year: 2024-05-17, 2024-05 or 2024.",
    "integer": "A whole number.",
    "number": "A number.",
    "flag": "yes or no.",
    "length": "Millimetres, with at most two decimals.",
    "time": "A time of day, as 14:30.",
}
#: What the example rows show, table by table; columns that are not named stay empty.
_EXAMPLES: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "subjects": (
        {"arm": "TACE + ICI", "enrolment_date": "2024-01-10", "birth_date": "1958", "sex": "M",
         "last_contact_date": "2024-11-30", "safety_population": "yes"},
        {"arm": "TACE", "enrolment_date": "2024-02-02", "sex": "F", "death_date": "2024-09",
         "last_contact_date": "2024-08-28", "safety_population": "yes"},
    ),
    "lesion_assessments": (
        {"visit_date": "2024-01-08", "is_baseline": "yes", "lesion_id": "T1", "role": "target", "organ": "liver",
         "mm": 42, "viable_mm": 38.5, "state": "measured"},
        {"visit_date": "2024-03-06", "is_baseline": "no", "lesion_id": "T1", "role": "target", "organ": "liver",
         "mm": 40, "viable_mm": 0, "state": "measured"},
        {"visit_date": "2024-03-06", "is_baseline": "no", "lesion_id": "N1", "role": "non-target",
         "status": "present"},
    ),
    "response_assessments": (
        {"date": "2024-03-06", "criterion": "mRECIST", "target": "CR", "non_target": "NON-CR/NON-PD",
         "new_lesion": "N", "response": "PR"},
    ),
    "treatments": (
        {"treatment": "cTACE", "component": "tace", "start_date": "2024-01-12", "last_date": "2024-01-12"},
        {"treatment": "sorafenib", "kind": "systemic", "start_date": "2024-07"},
    ),
    "clinical_events": ({"date": "2024-06-20", "kind": "clinical_progression"},),
    "adverse_events": (
        {"term": "Fatigue", "grade": "2", "start_date": "2024-01-14", "end_date": "2024-01-20", "serious": "no",
         "related_to": "tace"},
    ),
    "labs": (
        {"date": "2024-01-11", "analyte": "ALT", "value": "31", "unit": "U/L", "lln": 5, "uln": 45,
         "is_baseline": "yes"},
    ),
}  # fmt: skip


def write_template(path: Path, tables: Sequence[Table] = tuple(TABLES.values())) -> None:
    """Write the workbook; raises `UsageError` where XlsxWriter is not installed."""
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError.at(
            str(path), "writing workbooks needs XlsxWriter", "pip install 'endpoint-rules-engine[excel]'"
        ) from None
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": "Input tables of a study", "created": datetime(2000, 1, 1)})
        _instructions(book, tables)
        lists = {table.name: _lists(table) for table in tables}
        for table in tables:
            _sheet(book, table, lists[table.name])


def _instructions(book: Any, tables: Sequence[Table]) -> None:
    sheet = book.add_worksheet("read me first")
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    bold = book.add_format({"bold": True, "valign": "top"})
    sheet.set_column(0, 0, 26, bold)
    sheet.set_column(1, 1, 110, wrap)
    for number, (head, text) in enumerate(_told(tables)):
        sheet.write_string(number, 0, head)
        sheet.write_string(number, 1, text)


def _told(tables: Sequence[Table]) -> Iterator[tuple[str, str]]:
    yield "What this is", "One sheet per input table; fill in those that you have and delete the others."
    yield (
        "Columns",
        "Dark headings are required. The note at a heading says what belongs there. Columns of your own may be added on the right.",
    )
    yield (
        "Examples",
        f"Grey rows whose subject begins with {EXAMPLE} show how to write. They are not read; delete them when you like.",
    )
    yield "Subjects", "The same identifier in every sheet, such as 01-001. Leading zeros stay: the column is text."
    yield "Dates", "As 2024-05-17. Where only month or year is known and the note allows it: 2024-05 or 2024."
    yield "Unknown", "Leave the cell empty. Write no `unknown`, no `-`, no 0."
    yield (
        "No such record",
        "A sheet with headings and no rows says that there is no such record; a sheet that is deleted says nothing.",
    )
    yield "Then", "rules-engine run RULESET --data study.xlsx --data-cutoff 2025-12-31 --out results"
    for table in tables:
        yield table.name, f"One row per {table.row}."


def _lists(table: Table) -> Mapping[str, Sequence[str]]:
    """Words of the drop-down of each column that has one."""
    words = {column.name: list(column.codes) for column in table.columns if column.codes}
    words |= {column.name: ["yes", "no"] for column in table.columns if column.kind == "flag"}
    return words


def _sheet(book: Any, table: Table, lists: Mapping[str, Sequence[str]]) -> None:
    sheet = book.add_worksheet(table.name)
    required = book.add_format({"bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF", "border": 1})
    optional = book.add_format({"bold": True, "bg_color": "#D9E2F3", "border": 1})
    grey = book.add_format({"italic": True, "font_color": "#7F7F7F", "num_format": "@"})
    text = book.add_format({"num_format": "@"})
    sheet.freeze_panes(1, 1)
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, column.name, required if column.required else optional)
        sheet.write_comment(0, place, _note(column), {"x_scale": 2, "y_scale": 1.2, "author": ""})
        width = max(12, len(column.name) + 2)
        sheet.set_column(place, place, width, None if column.kind in ("integer", "number", "length") else text)
        validation = _validation(column, lists.get(column.name, ()))
        if validation is not None:
            sheet.data_validation(1, place, _ROWS, place, validation)
    for number, example in enumerate(_EXAMPLES.get(table.name, ()), 1):
        sheet.write_string(number, 0, f"{EXAMPLE} {number}", grey)
        for place, column in enumerate(table.columns):
            value = example.get(column.name)
            if isinstance(value, str):
                sheet.write_string(number, place, value, grey)
            elif value is not None:
                sheet.write_number(number, place, value, grey)


def _note(column: Column) -> str:
    parts = ["Required." if column.required else "", column.meaning, _HOW[column.kind]]
    if column.codes:
        parts.append(f"{', '.join(column.codes)}.")
    if column.default is not None:
        shown = (
            {True: "yes", False: "no"}.get(column.default, column.default)
            if isinstance(column.default, bool)
            else column.default
        )
        parts.append(f"Empty means {shown}.")
    return " ".join(part for part in parts if part)


def _validation(column: Column, words: Sequence[str]) -> dict[str, Any] | None:
    """The drop-down or check of a column: a stop for codes and numbers, nothing for free text and dates."""
    shared = {"ignore_blank": True, "input_title": column.name[:32], "error_title": "Not possible here"}
    if words:
        listed = ",".join(words)
        said = {"error_message": "Choose one of the list, or leave the cell empty."}
        return {"validate": "list", "source": list(words), **shared, **said} if len(listed) <= 255 else None
    if column.kind == "length":
        said = {"error_message": f"Millimetres from 0 to {LONGEST_MM}."}
        return {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": LONGEST_MM, **shared, **said}
    return None
