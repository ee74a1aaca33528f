"""Workbooks: one sheet per table, every cell as text.

A workbook is an archive from somewhere: it is looked at as an archive before a library opens it, so that neither a lock nor
a bomb reaches the library. No formula is computed; a cell holds what the workbook last showed, an error value included.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import polars as pl
from rules_engine.errors import ReadError, UsageError

#: What an honest workbook of a study never reaches: bytes on disk, bytes unpacked, parts.
LARGEST_FILE: Final = 500_000_000
LARGEST_CONTENT: Final = 2_000_000_000
MOST_PARTS: Final = 10_000
#: From this size on, what a part unpacks to is held against what it takes on disk; XML shrinks about twentyfold.
_WORTH_A_LOOK: Final = 50_000_000
LARGEST_RATIO: Final = 400
_BLOCK: Final = 1 << 20
#: A row whose first cell begins with this shows how a table is filled in, and is no record.
EXAMPLE: Final = "#EXAMPLE"
_ERRORS: Final = {
    "Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!", "Value": "#VALUE!",
}  # fmt: skip


def scan_workbook(place: str, is_wanted: Callable[[str], bool]) -> Mapping[str, pl.LazyFrame | None]:
    """The sheets by name; of those wanted every row as text, the first row naming the columns.

    A workbook that is itself named after a table and has one sheet with another name is that table.
    """
    path = Path(place)
    require_honest_archive(path)
    try:
        import fastexcel
    except ImportError:
        raise UsageError.at(
            str(path), "reading workbooks needs fastexcel", "pip install 'endpoint-rules-engine[excel]'"
        ) from None
    try:
        book = fastexcel.read_excel(str(path))
        names = list(book.sheet_names)
        if len(names) == 1 and not is_wanted(names[0]) and is_wanted(path.stem):
            return {path.stem: _sheet(book, names[0])}
        return {name: _sheet(book, name) if is_wanted(name) else None for name in names}
    except fastexcel.FastExcelError as error:
        raise ReadError(f"it cannot be read as a workbook: {_first_line(error)}", "save it again as .xlsx") from None


def _sheet(book: Any, name: str) -> pl.LazyFrame:
    sheet = book.load_sheet(name, header_row=None, dtypes="string")
    if sheet.width == 0:
        raise ReadError("the sheet is empty", "a table has at least a row of column names", place=f"sheet {name}")
    cells = _with_errors(sheet)
    header = [str(cell or "").strip() for cell in cells.row(0)] if cells.height else []
    columns = [position for position, title in enumerate(header) if title]
    unnamed = [position for position, title in enumerate(header) if not title]
    for position in unnamed:
        values = cells.to_series(position).drop_nulls().str.strip_chars()
        if (values != "").any():
            raise ReadError(
                f"column {_letters(position)} holds values and has no name",
                "name it in the first row, or clear it", place=f"sheet {name}",
            )  # fmt: skip
    twice = sorted({header[p] for p in columns if [t.lower() for t in header].count(header[p].lower()) > 1})
    if twice:
        raise ReadError(
            f"two columns have one name: {', '.join(twice)}", "rename or remove one of them", place=f"sheet {name}"
        )
    rows = cells.slice(1).select(
        # A cell that holds a day is shown with the time 00:00:00.
        cells.to_series(position)
        .slice(1)
        .str.replace(r"^(\d{4}-\d{2}-\d{2}) 00:00:00$", "${1}")
        .alias(header[position])
        for position in columns
    )
    if columns:
        rows = rows.filter(~pl.nth(0).str.starts_with(EXAMPLE).fill_null(value=False))
    # Rows below the last record that were only formatted are no records.
    there = rows.select(pl.any_horizontal((pl.all().str.strip_chars() != "").fill_null(value=False))).to_series()
    filled = there.arg_true().to_list()
    return rows.head(filled[-1] + 1 if filled else 0).lazy()


def _with_errors(sheet: Any) -> pl.DataFrame:
    """The cells, error values as Excel writes them: read as missing they would be lost without a word."""
    try:
        batch, found = sheet.to_arrow_with_errors()
    except ImportError:
        return pl.DataFrame(sheet.to_polars())
    cells = pl.DataFrame(pl.from_arrow(batch))
    wrong: dict[int, dict[int, str]] = {}
    for error in getattr(found, "errors", None) or []:
        row, column = error.offset_position
        kind = re.search(r"Error\((\w+)\)", str(error.detail))
        wrong.setdefault(column, {})[row] = _ERRORS.get(kind.group(1), "#ERROR") if kind else "#ERROR"
    for column, texts in wrong.items():
        series = cells.to_series(column).scatter(list(texts), list(texts.values()))
        cells = cells.with_columns(series)
    return cells


def _letters(position: int) -> str:
    """The column as a workbook letters it: 0 is A, 26 is AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


# The archive ----------------------------------------------------------------------------------------------------------


def require_honest_archive(path: Path) -> None:
    """Raise `ReadError` for an archive that is too large, encrypted, damaged, cut short, no workbook, or a bomb."""
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ReadError(f"it has {size:,} bytes; at most {LARGEST_FILE:,} are read", "save large tables as Parquet")
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            parts = archive.infolist()
            if any(part.flag_bits & 1 for part in parts):
                raise ReadError("it is encrypted", "save it without a password")
            names = {part.filename for part in parts}
            if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
                raise ReadError("it is an archive, but no workbook", "save the table as .xlsx")
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_CONTENT:
                raise _bomb(sum(part.file_size for part in parts), size)
            unpacked = 0
            for part in parts:
                for length in _unpacked(file, part):
                    unpacked += length
                    if unpacked > LARGEST_CONTENT or (unpacked > _WORTH_A_LOOK and unpacked > LARGEST_RATIO * size):
                        raise _bomb(unpacked, size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ReadError(
            f"it is damaged or cut short: {_first_line(error)}", "save or copy the workbook again"
        ) from None


def _bomb(unpacked: int, size: int) -> ReadError:
    return ReadError(
        f"it unpacks to more than {unpacked:,} bytes out of {size:,}: no honest workbook does",
        "save large tables as Parquet or CSV",
    )


def _unpacked(file: IO[bytes], part: zipfile.ZipInfo) -> Iterator[int]:
    """Lengths of the blocks that a part unpacks to, whatever the archive's directory says of them."""
    if part.compress_type != zipfile.ZIP_DEFLATED:
        yield part.compress_size
        return
    file.seek(part.header_offset)
    head = file.read(30)
    file.seek(part.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"))
    left, inflate = part.compress_size, zlib.decompressobj(-15)
    while left > 0 and not inflate.eof:
        block = file.read(min(left, _BLOCK))
        if not block:
            raise EOFError(f"{part.filename} ends early")
        left -= len(block)
        while block and not inflate.eof:
            yield len(inflate.decompress(block, _BLOCK))
            block = inflate.unconsumed_tail


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
