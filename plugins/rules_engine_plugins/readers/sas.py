"""SAS transport files (version 5 and 8) and SAS data sets.

The library reads what it finds; what a file promises of itself is held against its bytes here first: a transport file has no
number of records, so one that was cut short would only be shorter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl
from rules_engine.errors import ReadError, UsageError

_RECORD: Final = 80
_AGAIN: Final = "export or copy the file again"


def scan_xpt(path: Path) -> pl.LazyFrame:
    """Every column of a transport file: numbers, days where the format says so, text without its trailing blanks."""
    _require_whole_xpt(path)
    return _scan(path)


def scan_sas7bdat(path: Path) -> pl.LazyFrame:
    """Every column of a SAS data set: numbers, days and times where the format says so, text."""
    _require_whole_sas7bdat(path)
    return _scan(path)


def _scan(path: Path) -> pl.LazyFrame:
    try:
        import polars_readstat
    except ImportError:
        raise UsageError.at(
            str(path), "reading SAS files needs polars-readstat", "pip install 'endpoint-rules-engine[sas]'"
        ) from None
    try:
        rows: pl.LazyFrame = polars_readstat.scan_readstat(str(path), missing_string_as_null=True, preserve_order=True)
        rows.collect_schema()
    except (RuntimeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ReadError(f"it cannot be read as a SAS file: {_first_line(error)}", _AGAIN) from None
    return rows


# Transport files ------------------------------------------------------------------------------------------------------


def _require_whole_xpt(path: Path) -> None:
    """Refuse a transport file whose parts do not have the lengths that its headers state."""
    size = path.stat().st_size
    if size % _RECORD:
        raise ReadError(
            f"it has {size:,} bytes, which is no multiple of {_RECORD}: it is cut short or was changed on the way",
            _AGAIN,
        )
    with path.open("rb") as file:
        head = file.read(min(size, 64 << 20))
    is_v8 = head[:80].startswith(b"HEADER RECORD*******LIBV8")
    members = head.count(b"HEADER RECORD*******MEMBER  ") + head.count(b"HEADER RECORD*******MEMBV8 ")
    if members != 1:
        raise ReadError(
            "it holds no data set" if members == 0 else f"it holds {members} data sets",
            _AGAIN if members == 0 else "write each data set into a file of its own",
        )
    names = head.find(b"HEADER RECORD*******NAMSTV8" if is_v8 else b"HEADER RECORD*******NAMESTR")
    member = head.find(b"HEADER RECORD*******MEMB")
    rows = head.find(b"HEADER RECORD*******OBSV8" if is_v8 else b"HEADER RECORD*******OBS ", max(names, 0))
    if names < 0 or rows < 0:
        raise ReadError("its headers are not complete", _AGAIN)
    width = int(head[member + 74 : member + 78])
    columns = int(head[names + 54 : names + 58]) if not is_v8 else int(head[names + 52 : names + 58])
    descriptions = head[names + _RECORD : rows]
    if len(descriptions) < columns * width:
        raise ReadError(f"it describes fewer columns than the {columns} that its header states", _AGAIN)
    lengths = [int.from_bytes(descriptions[place + 4 : place + 6], "big") for place in range(0, columns * width, width)]
    kinds = [int.from_bytes(descriptions[place : place + 2], "big") for place in range(0, columns * width, width)]
    starts = [
        int.from_bytes(descriptions[place + 84 : place + 88], "big") for place in range(0, columns * width, width)
    ]
    expected = [sum(lengths[:number]) for number in range(columns)]
    wrong = [
        kind not in (1, 2) or (kind == 1 and not 2 <= length <= 8) or length < 1
        for kind, length in zip(kinds, lengths, strict=True)
    ]
    if starts != expected or any(wrong):
        raise ReadError("the lengths and positions of its columns contradict each other", _AGAIN)
    _require_whole_rows(path, rows + _RECORD, size, sum(lengths), head[rows : rows + _RECORD], is_v8=is_v8)


def _require_whole_rows(path: Path, start: int, size: int, length: int, header: bytes, *, is_v8: bool) -> None:
    content = size - start
    rest = content % length if length else 0
    stated = header[48:63].strip() if is_v8 else b""
    if stated.isdigit() and int(stated) and int(stated) * length > content:
        raise ReadError(f"its header states {int(stated):,} rows; it holds {content // length:,}", _AGAIN)
    with path.open("rb") as file:
        file.seek(size - rest)
        left_over = file.read()
    if left_over.strip(b" \x00"):
        raise ReadError(f"its last row has {rest} bytes where a row has {length}: it is cut short", _AGAIN)


# SAS data sets --------------------------------------------------------------------------------------------------------


def _require_whole_sas7bdat(path: Path) -> None:
    """Refuse a data set that is shorter than the pages that its header states."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(288)
    if len(head) < 288:
        raise ReadError("it is cut short inside its header", _AGAIN)
    order = "little" if head[37] == 1 else "big"
    shift = 4 if head[35] == 0x33 else 0
    wide = 4 if head[32] == 0x33 else 0

    def number(place: int, length: int) -> int:
        return int.from_bytes(head[place : place + length], "little" if order == "little" else "big")

    header, page = number(196 + shift, 4), number(200 + shift, 4)
    pages = number(204 + shift, 8 if wide else 4)
    if header + page * pages > size:
        raise ReadError(
            f"its header states {header + page * pages:,} bytes; it holds {size:,}: it is cut short", _AGAIN
        )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
