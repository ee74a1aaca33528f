"""NCI's own workbook of the CTCAE, as its reader downloaded it: terms, grades that exist, codes and wording.

The workbook is untrusted: it is looked at as an archive before a library opens it. Its wording and the MedDRA codes never
become part of this package; they go into the reader's own copy of a grading ruleset.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rules_engine.errors import StudyError, UsageError

#: What an honest workbook never reaches: bytes on disk, bytes unpacked, and unpacked bytes per packed one.
LARGEST_FILE: Final = 50_000_000
LARGEST_CONTENT: Final = 300_000_000
LARGEST_RATIO: Final = 200
_HEADER_ROWS: Final = 25
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")

_GRADES: Final = tuple(f"grade {number}" for number in range(1, 6))
_REQUIRED: Final = ("ctcae term", *_GRADES)
#: Headings that the published workbooks use, beside those required.
_SOC: Final = ("meddra soc", "ctcae soc", "soc")
_CODE: Final = ("meddra code", "code")
_DEFINITION: Final = ("definition",)
_VERSION: Final = re.compile(r"ctcae\s*v?\.?\s*(\d+(?:\.\d+)+)", re.IGNORECASE)


@dataclass(frozen=True)
class WorkbookTerm:
    """One term of the workbook: class, MedDRA code, definition, and the wording of the grades that exist."""

    term: str
    soc: str
    code: str | None
    definition: str | None
    grades: Mapping[int, str]


@dataclass(frozen=True)
class Workbook:
    """The dictionary of a workbook, the version it names and the sheet it stands on."""

    version: str
    sheet: str
    terms: tuple[WorkbookTerm, ...]


def read_workbook(path: Path) -> Workbook:
    """Read NCI's workbook. Raises `UsageError` where it cannot be opened and `StudyError` where it is no such workbook."""
    require_honest(path)
    try:
        import fastexcel
    except ImportError:
        raise UsageError.at(
            "ctcae import", "reading workbooks needs fastexcel", "pip install 'endpoint-rules-engine[excel]'"
        ) from None
    try:
        reader = fastexcel.read_excel(str(path))
        sheets = [
            (name, _rows(reader.load_sheet(name, header_row=None, dtypes="string"))) for name in reader.sheet_names
        ]
    except fastexcel.FastExcelError as error:
        raise StudyError.at(str(path), f"it cannot be read as a workbook: {_first_line(error)}", _DOWNLOAD) from None
    for name, rows in sheets:
        found = _dictionary(name, rows, path)
        if found is not None:
            return found
    names = ", ".join(name for name, _rows in sheets)
    raise StudyError.at(
        str(path),
        f"no sheet has the headings {', '.join(_REQUIRED)} (sheets: {names})",
        "name NCI's CTCAE workbook, as downloaded",
    )


_DOWNLOAD: Final = "download NCI's workbook again"


def require_honest(path: Path) -> None:
    """Raise `UsageError` or `StudyError` for a file that is missing, no workbook, encrypted, cut short or a zip bomb."""
    if not path.is_file():
        raise UsageError.at(str(path), "there is no such file", "name the workbook that you downloaded from NCI")
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise StudyError.at(
            str(path), f"it has {size:,} bytes; NCI's workbook has fewer than {LARGEST_FILE:,}", _DOWNLOAD
        )
    with path.open("rb") as file:
        start = file.read(8)
    if start == _OLE:
        raise StudyError.at(
            str(path), "it is encrypted, or a workbook of the old format .xls", "save it as .xlsx without a password"
        )
    if start[:2] != b"PK":
        raise StudyError.at(str(path), "it is no .xlsx workbook", "name NCI's CTCAE workbook, as downloaded")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise StudyError.at(str(path), f"it is damaged or cut short: {_first_line(error)}", _DOWNLOAD) from None
    if any(member.flag_bits & 1 for member in members):
        raise StudyError.at(str(path), "it is encrypted", "save it without a password")
    content = sum(member.file_size for member in members)
    if content > LARGEST_CONTENT or content > LARGEST_RATIO * max(size, 1):
        raise StudyError.at(
            str(path), f"it unpacks to {content:,} bytes out of {size:,}: no honest workbook does", _DOWNLOAD
        )
    if not any(member.filename == "xl/workbook.xml" for member in members):
        raise StudyError.at(str(path), "it is an archive, but no workbook", "name NCI's CTCAE workbook, as downloaded")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _rows(sheet: Any) -> list[list[str]]:
    frame = sheet.to_polars()
    return [["" if cell is None else str(cell).strip() for cell in row] for row in frame.iter_rows()]


def _folded(cell: str) -> str:
    return re.sub(r"\s+", " ", cell).strip().casefold()


def _dictionary(sheet: str, rows: Sequence[Sequence[str]], path: Path) -> Workbook | None:
    """The dictionary on a sheet; None where the sheet does not have its headings."""
    for number, row in enumerate(rows[:_HEADER_ROWS]):
        headings = {_folded(cell): position for position, cell in reversed(list(enumerate(row))) if cell}
        # Headings may carry the version: "CTCAE v5.0 Term".
        headings |= {re.sub(r"ctcae v[\d.]+", "ctcae", name): place for name, place in list(headings.items())}
        if all(name in headings for name in _REQUIRED):
            terms = tuple(_terms(rows[number + 1 :], headings))
            if not terms:
                raise StudyError.at(f"{path}, sheet {sheet!r}", "it has headings and no terms", _DOWNLOAD)
            return Workbook(_version(sheet, rows[: number + 1], path), sheet, terms)
    return None


def _version(sheet: str, head: Sequence[Sequence[str]], path: Path) -> str:
    for text in (sheet, *(cell for row in head for cell in row), path.name.replace("_", " ")):
        found = _VERSION.search(text)
        if found:
            return found[1]
    raise StudyError.at(
        f"{path}, sheet {sheet!r}",
        "neither sheet, headings nor file name say which version it is",
        "keep NCI's file name",
    )


def _terms(rows: Sequence[Sequence[str]], headings: Mapping[str, int]) -> Iterator[WorkbookTerm]:
    def cell(row: Sequence[str], names: Sequence[str]) -> str:
        place = next((headings[name] for name in names if name in headings), None)
        return "" if place is None or place >= len(row) else row[place]

    for row in rows:
        term = re.sub(r"\s+", " ", cell(row, ["ctcae term"]))
        if not term:
            continue
        wording = {number: cell(row, [name]) for number, name in enumerate(_GRADES, start=1)}
        yield WorkbookTerm(
            term=term,
            soc=re.sub(r"\s+", " ", cell(row, _SOC)),
            code=cell(row, _CODE).removesuffix(".0") or None,
            definition=cell(row, _DEFINITION).strip("- ") or None,
            grades={number: text for number, text in wording.items() if text.strip("-\u2013\u2014 ")},
        )
