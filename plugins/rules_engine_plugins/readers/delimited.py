"""CSV: every cell as text, after a look at the bytes that a lazy reader would forgive.

Polars fills up a line that lacks cells; a file that was cut short would lose values without a word. So the bytes are
looked at once, quickly: encoding, and as many cells in every line as in the first.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from rules_engine.errors import ReadError
from rules_engine.numerics import np

_BLOCK = 1 << 22
_QUOTE, _COMMA, _NEWLINE, _RETURN = 34, 44, 10, 13
#: The longest header line that is taken for one.
_LONGEST_HEADER = 1 << 20
#: What is decoded in memory, because its encoding is not UTF-8.
_LARGEST_DECODED = 2 << 30
_UTF8 = "save it as CSV in UTF-8 (in a spreadsheet: `CSV UTF-8`), or state its encoding in the ruleset: `data: {encoding: windows-1252}`"
_MARKS = ((codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def scan_csv(path: Path, encoding: str | None = None) -> pl.LazyFrame:
    """Every column of a comma-separated file as text; empty cells are missing, nothing else is (`NA` is a value).

    The text is UTF-8, with or without byte-order mark, or in the `encoding` that is stated.
    """
    if encoding is not None and codecs.lookup(encoding).name != "utf-8":
        return _decoded(path, encoding)
    _require_clean_header(path)
    _require_whole_lines(path)
    return pl.scan_csv(path, infer_schema=False, quote_char='"', glob=False)


def _decoded(path: Path, encoding: str) -> pl.LazyFrame:
    """The file in another encoding; a file with a byte-order mark is what the mark says, whatever is stated."""
    if path.stat().st_size > _LARGEST_DECODED:
        raise ReadError(f"it is too large to be read as {encoding}", "save it in UTF-8")
    content = path.read_bytes()
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    stated = {"UTF-8": "utf-8-sig", "UTF-16": "utf-16"}.get(marked, encoding)
    try:
        text = content.decode(stated)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ReadError(
            f"it is not {marked or encoding} text", "state the encoding that the file has", place=f"line {line}"
        ) from None
    _require_columns(text[:_LONGEST_HEADER].encode())
    _require_even(_records(io.StringIO(text, newline="")))
    return pl.read_csv(text.encode(), infer_schema=False, quote_char='"').lazy()


# The header -----------------------------------------------------------------------------------------------------------


def _require_clean_header(path: Path) -> None:
    """Refuse a file whose first line does not name columns: binary, UTF-16, names twice, other separators."""
    with path.open("rb") as file:
        start = file.read(_LONGEST_HEADER)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\x00" in start:
        is_utf16 = start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        raise ReadError("it is not UTF-8 text" + (" but UTF-16" if is_utf16 else ": there are zero bytes in it"), _UTF8)
    _require_columns(start)


def _require_columns(start: bytes) -> None:
    header = next(csv.reader(start.decode("utf-8-sig", errors="replace").splitlines()), [])
    names = [name.strip().lower() for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ReadError(f"two columns have one name: {', '.join(twice)}", "rename or remove one of them")
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise ReadError("the cells are not separated by commas", "save it as CSV with commas")


# The lines ------------------------------------------------------------------------------------------------------------


def _require_whole_lines(path: Path) -> None:
    """Refuse text that is not UTF-8 throughout, and lines with more or fewer cells than the first."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    suspect = False
    with path.open("rb") as file:
        counter = _Counter()
        while block := file.read(_BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                line += block[: max(error.start - len(decoder.getstate()[0]), 0)].count(b"\n")
                raise ReadError("it is not UTF-8 text from here on", _UTF8, place=f"line {line}") from None
            suspect = suspect or counter.is_uneven(block)
            line += block.count(b"\n")
        suspect = suspect or counter.is_open()
        if decoder.getstate()[0] or suspect:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
                _require_even(_records(text))
            if suspect:
                raise _loose_quote(path)


def _loose_quote(path: Path) -> ReadError:
    """The lines are even, and only for a reader that takes a quote inside a cell as it stands."""
    with path.open("rb") as file:
        line = next((number for number, text in enumerate(file, 1) if text.count(b'"') % 2), 1)
    return ReadError(
        "a quote stands inside a cell that is not in quotes", 'write the cell in quotes, and its own quotes twice: "5"" gauge"',
        place=f"line {line}",
    )  # fmt: skip


class _Counter:
    """Counts the commas of each line outside quotes, over blocks of bytes."""

    def __init__(self) -> None:
        self.in_quotes = False
        self.commas = 0
        self.expected: int | None = None
        self.length = 0
        self.last = 0

    def is_uneven(self, block: bytes) -> bool:
        """True where a line of the block does not have the commas of the first line; blank lines have none."""
        data = np.frombuffer(block, np.uint8)
        quotes = data == _QUOTE
        inside = (np.add.accumulate(quotes, dtype=np.uint8) & 1).astype(bool) ^ self.in_quotes
        ends = np.flatnonzero((data == _NEWLINE) & ~inside)
        commas = np.flatnonzero((data == _COMMA) & ~inside)
        self.in_quotes = bool(inside[-1])
        upto = np.searchsorted(commas, ends)
        counts = np.diff(upto, prepend=0)
        lengths = np.diff(ends, prepend=-1)
        before = np.where(ends > 0, data[ends - 1], self.last)
        self.last = int(data[-1])
        if ends.size:
            counts[0] += self.commas
            lengths[0] += self.length
            self.commas = int(commas.size - upto[-1])
            self.length = int(data.size - 1 - ends[-1])
            if self.expected is None:
                self.expected = int(counts[0])
        else:
            self.commas += int(commas.size)
            self.length += int(data.size)
        is_blank = (lengths == 1) | ((lengths == 2) & (before == _RETURN))
        return bool(((counts != self.expected) & ~is_blank).any())

    def is_open(self) -> bool:
        """True where the text ends inside quotes, or with a line that is not whole."""
        return self.in_quotes or (self.length > 0 and self.expected is not None and self.commas != self.expected)


def _records(text: io.TextIOBase) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins."""
    reader = csv.reader(text, strict=True)
    line = 1
    try:
        for record in reader:
            yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        what = "the file ends inside quotes" if "unexpected end" in str(error) else f"it cannot be read: {error}"
        raise ReadError(what, "copy or save the file again", place=f"line {line}") from None


def _require_even(records: Iterator[tuple[int, list[str]]]) -> None:
    columns = None
    for line, record in records:
        columns = len(record) if columns is None else columns
        if record and len(record) != columns:
            raise ReadError(
                f"it has {len(record)} cells where the first line names {columns} columns",
                "put text that holds commas into quotes; where it is the last line, the file may be cut short",
                place=f"line {line}",
            )
