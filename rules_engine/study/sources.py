"""Where tables come from: the files of a folder, or frames handed over in memory.

Everything that can be wrong with a file before its values are looked at is found here: a folder that is not there, a
file that cannot be read, two columns of one name. All faults are collected, so that a user sees them at once.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine.errors import Problem, StudyError, closest
from rules_engine.registry import Registry, default_registry
from rules_engine.vocabulary import Reader

#: Bytes read at once while a file is hashed, and the most that a header line may take.
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """One table as it was read: its name, its file (None for a frame in memory), the file's SHA-256 and its number of
    rows.
    """

    name: str
    path: Path | None
    sha256: str | None
    rows: int

    def as_dict(self) -> dict[str, object]:
        """The source as the manifest shows it: the file by its name, without the folders above it."""
        return {
            "name": self.name,
            "file": self.path.name if self.path else None,
            "sha256": self.sha256,
            "rows": self.rows,
        }


@dataclass(frozen=True, slots=True)
class RawTable:
    """A table before it is held against its contract; column names are trimmed and lower case."""

    name: str
    rows: pl.LazyFrame
    schema: Mapping[str, pl.DataType]
    path: Path | None = None

    @property
    def where(self) -> str:
        """The table as messages name it."""
        return f"table {self.name}" + (f" ({self.path})" if self.path else "")


@dataclass(frozen=True, slots=True)
class Found:
    """What a study brings: its tables by lower-case name, the faults met, and files that are no table."""

    tables: Mapping[str, RawTable]
    problems: tuple[Problem, ...]
    unread: tuple[str, ...] = ()


def find_tables(source: Any, registry: Registry | None, wanted: frozenset[str]) -> Found:
    """The tables of a folder or mapping, opened where `wanted`; raises `StudyError` where there is no folder."""
    if isinstance(source, Mapping):
        return _from_mapping(source, wanted)
    if isinstance(source, str | Path):
        return _from_folder(Path(source), registry or default_registry(), wanted)
    raise StudyError.at(
        "study",
        f"{type(source).__name__} is neither a folder nor a mapping of table names to frames",
        "pass a path, or a mapping such as {'subjects': frame}",
    )


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


# A folder -------------------------------------------------------------------------------------------------------------


def _from_folder(folder: Path, registry: Registry, wanted: frozenset[str]) -> Found:
    files = _files_of(folder)
    by_suffix = {suffix: reader for reader in registry.readers.values() for suffix in reader.suffixes}
    readable = {file: by_suffix[file.suffix.lower()] for file in files if file.suffix.lower() in by_suffix}
    by_name: dict[str, list[Path]] = {}
    for file in readable:
        by_name.setdefault(file.stem.strip().lower(), []).append(file)
    tables: dict[str, RawTable] = {}
    problems: list[Problem] = []
    for name in sorted(set(by_name) & wanted):
        paths = by_name[name]
        if len(paths) > 1:
            given = " and ".join(sorted(path.name for path in paths))
            problems.append(Problem(f"table {name}", f"it is there twice: {given}", "keep one of the files"))
            continue
        try:
            tables[name] = _open(name, paths[0], readable[paths[0]])
        except StudyError as error:
            problems.extend(error.problems)
    unread = tuple(sorted(file.name for name in set(by_name) - wanted for file in by_name[name]))
    return Found(tables, tuple(problems), unread)


def _files_of(folder: Path) -> list[Path]:
    if folder.is_file():
        raise StudyError.at(str(folder), "it is a file, not a folder of tables", f"name the folder: {folder.parent}")
    if not folder.is_dir():
        parent = folder.parent if folder.parent.is_dir() else None
        near = closest(folder.name, (path.name for path in parent.iterdir() if path.is_dir())) if parent else ""
        raise StudyError.at(
            str(folder), "there is no such folder", "name the folder that holds the study's tables", meant=near
        )
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise StudyError.at(
            str(folder), f"the folder cannot be read: {error.strerror}", "allow this user to read it"
        ) from error


def _open(name: str, path: Path, reader: Reader) -> RawTable:
    where = f"table {name} ({path})"
    try:
        if path.stat().st_size == 0:
            raise StudyError.at(where, "the file is empty", "a table has at least a line of column names")
        if reader.id == "csv":
            _require_clean_header(path, where)
        rows = reader.scan(path)
        return _named(name, rows, path, where)
    except OSError as error:
        raise StudyError.at(
            where, f"the file cannot be read: {error.strerror or error}", "allow this user to read it"
        ) from error
    except pl.exceptions.PolarsError as error:
        raise unreadable(where, error) from error


def unreadable(where: str, error: Exception) -> StudyError:
    """The error for a file whose bytes are not what its name says."""
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    problem = Problem(
        where,
        f"the file cannot be read: {first_line}",
        "write the table again as Parquet, or as CSV in UTF-8 with commas and the same number of cells in every line",
    )
    return StudyError([problem])


def _require_clean_header(path: Path, where: str) -> None:
    """Refuse a CSV file whose first line does not name columns: binary, UTF-16, names twice, other separators."""
    with path.open("rb") as file:
        start = file.read(_BLOCK)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in start:
        raise StudyError.at(
            where, "the file is not UTF-8 text", "save it as CSV in UTF-8 (in a spreadsheet: `CSV UTF-8`)"
        )
    text = start.decode("utf-8-sig", errors="replace")
    header = next(csv.reader(text.splitlines()), [])
    names = [name.strip().lower() for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise StudyError.at(where, f"two columns have one name: {', '.join(twice)}", "rename or remove one of them")
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise StudyError.at(where, "the cells are not separated by commas", "save it as CSV with commas")


def _named(name: str, rows: pl.LazyFrame, path: Path | None, where: str) -> RawTable:
    """The table with trimmed lower-case column names; raises `StudyError` where two columns become one."""
    schema = rows.collect_schema()
    clean = [column.strip().lstrip("\ufeff").lower() for column in schema.names()]
    twice = sorted({column for column in clean if clean.count(column) > 1})
    if twice:
        raise StudyError.at(where, f"two columns have one name: {', '.join(twice)}", "rename or remove one of them")
    renamed = {old: new for old, new in zip(schema.names(), clean, strict=True) if old != new}
    return RawTable(
        name, rows.rename(renamed) if renamed else rows, dict(zip(clean, schema.dtypes(), strict=True)), path
    )


# Frames in memory -----------------------------------------------------------------------------------------------------


def _from_mapping(frames: Mapping[Any, Any], wanted: frozenset[str]) -> Found:
    tables: dict[str, RawTable] = {}
    problems: list[Problem] = []
    unread: list[str] = []
    for key, frame in frames.items():
        name = str(key).strip().lower()
        if name in tables:
            problems.append(Problem(f"table {name}", "it is there twice", "pass it once"))
        elif name not in wanted:
            unread.append(str(key))
        else:
            try:
                tables[name] = _named(name, _lazy(name, frame), None, f"table {name}")
            except StudyError as error:
                problems.extend(error.problems)
    return Found(tables, tuple(problems), tuple(sorted(unread)))


def _lazy(name: str, frame: Any) -> pl.LazyFrame:
    """Any frame that speaks Arrow, as a lazy Polars frame."""
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    if not (_is_pandas(frame) or hasattr(frame, "__arrow_c_stream__")):
        raise StudyError.at(
            f"table {name}",
            f"{type(frame).__name__} is no frame that can be read",
            "pass a Polars, pandas or PyArrow table, or any object with __arrow_c_stream__",
        )
    _require_names_once(name, frame)
    try:
        converted = pl.from_pandas(frame, include_index=False) if _is_pandas(frame) else pl.DataFrame(frame)
    except Exception as error:  # whatever a foreign frame raises while it hands its data over
        raise StudyError.at(
            f"table {name}",
            f"the {type(frame).__name__} cannot be read: {error}",
            "columns must hold plain values of one type",
        ) from error
    return pl.DataFrame(converted).lazy()


def _require_names_once(name: str, frame: Any) -> None:
    """Refuse a frame with two columns of one name, before the conversion renames or refuses them."""
    names = [str(column) for column in getattr(frame, "column_names", getattr(frame, "columns", []))]
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise StudyError.at(
            f"table {name}", f"two columns have one name: {', '.join(twice)}", "rename or remove one of them"
        )


def _is_pandas(frame: Any) -> bool:
    return type(frame).__module__.split(".")[0] == "pandas" and hasattr(frame, "columns")
