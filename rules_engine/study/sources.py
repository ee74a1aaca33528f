"""Where tables come from: files, a folder of them, a database connection, or frames handed over in memory.

Everything that can be wrong with a file before its values are looked at is found here: a folder that is not there, a
file that cannot be read or is not what its name says, two columns of one name. All faults are collected, so that a user sees
them at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from rules_engine import guard
from rules_engine.errors import PluginError, Problem, ReadError, StudyError, closest
from rules_engine.registry import Registry, default_registry
from rules_engine.vocabulary import Reader

#: Bytes read at once while a file is hashed, and those in which a format shows what it is.
_BLOCK = 1 << 20
_START = 64
#: Endings under which data often come, and what to do with such a file: it is never left aside in silence.
_TO_CONVERT: Final = {
    **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"), "unpack it: compressed files are not read"),
    ".xls": "open it and save it as .xlsx: the old format is not read",
    ".tsv": "save it as CSV, in UTF-8 with commas",
    ".sav": "save it from SPSS as CSV or SAS transport",
    ".dta": "save it from Stata as CSV or SAS transport",
    **dict.fromkeys((".rds", ".rdata"), "save it from R as Parquet or CSV"),
}
_CONNECTION = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """One table as it was read: its name, its file (None for a frame in memory or a database), the file's SHA-256 and its
    number of rows. `origin` names the database, without user and password; `alone` is true where the file itself was named,
    not the folder that it lies in.
    """

    name: str
    path: Path | None
    sha256: str | None
    rows: int
    origin: str = ""
    alone: bool = False

    def as_dict(self) -> dict[str, object]:
        """The source as the manifest shows it: the file by its name, without the folders above it."""
        return {
            "name": self.name,
            "file": self.path.name if self.path else (self.origin or None),
            "sha256": self.sha256,
            "rows": self.rows,
        }


@dataclass(frozen=True, slots=True)
class RawTable:
    """A table before it is held against its contract; column names are trimmed and lower case.

    `path` is its file, `origin` the database that it comes from.
    """

    name: str
    rows: pl.LazyFrame
    schema: Mapping[str, pl.DataType]
    path: Path | None = None
    origin: str = ""
    alone: bool = False

    @property
    def where(self) -> str:
        """The table as messages name it."""
        place = str(self.path or self.origin)
        return f"table {self.name}" + (f" ({place})" if place else "")


@dataclass(frozen=True, slots=True)
class Found:
    """What a study brings: its tables by lower-case name, the faults met, and files or tables that were not read."""

    tables: Mapping[str, RawTable]
    problems: tuple[Problem, ...]
    unread: tuple[str, ...] = ()


def find_tables(
    source: Any, registry: Registry | None, wanted: frozenset[str] | None, *, encoding: str | None = None
) -> Found:
    """The tables of a folder, file, connection or mapping, opened where `wanted` (None: all of them).

    `encoding` is that of text files. Raises `StudyError` where there is no such place.
    """
    if isinstance(source, Mapping):
        return _from_mapping(source, wanted)
    if isinstance(source, str | Path):
        opener = _Opener(registry or default_registry(), wanted, encoding)
        if isinstance(source, str) and (scheme := _CONNECTION.match(source)):
            return opener.connection(source, scheme.group(1).lower())
        path = Path(source)
        return opener.files([path] if path.is_file() else _files_of(path), alone=path.is_file())
    raise StudyError.at(
        "study",
        f"{type(source).__name__} is neither a folder nor a mapping of table names to frames",
        "pass a path, or a mapping such as {'subjects': frame}",
    )


def is_connection(source: object) -> bool:
    """True for a text such as `postgresql://host/database`."""
    return isinstance(source, str) and _CONNECTION.match(source) is not None


def input_folders(source: object) -> list[Path]:
    """The folder that results must stay out of: that of the study's files, where a folder was named. Beside a single file or
    with a connection they may go anywhere: a file that is not the engine's is never replaced.
    """
    if isinstance(source, str | Path) and not is_connection(source) and Path(source).is_dir():
        return [Path(source)]
    return []


def shown_connection(connection: str) -> str:
    """A connection as messages and the manifest show it: without user, password and options."""
    return re.sub(r"://[^/@]*@", "://", connection).split("?", 1)[0]


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


# Files and connections ------------------------------------------------------------------------------------------------


def _files_of(folder: Path) -> list[Path]:
    """What lies in a folder, by name: files, and what only looks like one."""
    if not folder.is_dir():
        parent = folder.parent if folder.parent.is_dir() else None
        near = closest(folder.name, (path.name for path in parent.iterdir() if path.is_dir())) if parent else ""
        raise StudyError.at(
            str(folder), "there is no such folder", "name the folder that holds the study's tables", meant=near
        )
    try:
        return sorted(path for path in folder.iterdir() if not _is_of_the_system(path.name))
    except OSError as error:
        raise StudyError.at(
            str(folder), f"the folder cannot be read: {error.strerror}", "allow this user to read it"
        ) from error


def _is_of_the_system(name: str) -> bool:
    """Hidden files, locks of open workbooks, and the pictures that Windows keeps of a folder."""
    return name.startswith((".", "~$")) or name.lower() == "thumbs.db"


class _Opener:
    """Opens the wanted tables of files and connections, collecting faults on the way."""

    def __init__(self, registry: Registry, wanted: frozenset[str] | None, encoding: str | None) -> None:
        self.registry = registry
        self.readers = registry.readers
        self.wanted = wanted
        self.encoding = encoding
        self.alone = False
        self.by_name: dict[str, list[RawTable]] = {}
        self.problems: list[Problem] = []
        self.unread: list[str] = []

    def is_wanted(self, name: str) -> bool:
        return self.wanted is None or name.strip().lower() in self.wanted

    def connection(self, connection: str, scheme: str) -> Found:
        """The tables of a database."""
        reader = next((reader for reader in self.readers.values() if scheme in reader.schemes), None)
        shown = shown_connection(connection)
        if reader is None or reader.scan_tables is None:
            known = sorted(scheme for reader in self.readers.values() for scheme in reader.schemes)
            raise StudyError.at(
                shown, f"no reader connects to {scheme}://", f"use {', '.join(known) or 'files'}",
                meant=closest(scheme, known),
            )  # fmt: skip
        self._open_several(reader, connection, None, shown)
        return self._found()

    def files(self, files: Iterable[Path], *, alone: bool) -> Found:
        """The tables of these files. A single file is there to be read, whatever it is called."""
        self.alone = alone
        by_suffix = {suffix: reader for reader in self.readers.values() for suffix in reader.suffixes}
        files = [file for file in files if self._is_file(file, by_suffix)]
        twice = self._names_twice(files, by_suffix)
        for file in files:
            reader = by_suffix.get(file.suffix.lower())
            if reader is None:
                self._leave_unread(file, by_suffix)
            elif reader.scan is None:
                self._open_several(reader, str(file), file, str(file))
            elif not self.is_wanted(file.stem):
                self.unread.append(file.name)
            elif _table_name(file) not in twice:
                self._open_one(reader, file)
        return self._found()

    def _is_file(self, place: Path, by_suffix: Mapping[str, Reader]) -> bool:
        """Whether it is a file; what is called like a table and is none is a fault, not a table that is not there."""
        if place.is_file():
            return True
        if place.suffix.lower() in by_suffix and self.is_wanted(place.stem):
            what = (
                "it is a folder" if place.is_dir() else "it is no file: a link that leads nowhere, a pipe or a device"
            )
            self.problems.append(Problem(str(place), what, "put a file in its place, or take it away"))
        return False

    def _leave_unread(self, file: Path, by_suffix: Mapping[str, Reader]) -> None:
        """A file that no reader reads is a fault where it was named itself, or holds a table in a format to convert."""
        remedy = _TO_CONVERT.get(file.suffix.lower(), "")
        if self.alone or (remedy and self.is_wanted(file.name.split(".", 1)[0])):
            known = ", ".join(sorted(by_suffix))
            what = f"no reader reads {file.suffix or 'such'} files"
            self.problems.append(Problem(str(file), what, remedy or f"use one of {known}"))

    def _names_twice(self, files: Iterable[Path], by_suffix: Mapping[str, Reader]) -> set[str]:
        """Names that two files of one table claim, wanted or not yet: neither is opened."""
        claims: dict[str, list[str]] = {}
        for file in files:
            reader = by_suffix.get(file.suffix.lower())
            if reader is not None and reader.scan is not None and self.is_wanted(file.stem):
                claims.setdefault(_table_name(file), []).append(file.name)
        twice = {name: given for name, given in claims.items() if len(given) > 1}
        self.problems += [_twice(name, given) for name, given in sorted(twice.items())]
        return set(twice)

    def _open_one(self, reader: Reader, file: Path) -> None:
        name = _table_name(file)
        where = f"table {name} ({file})"
        given = (file, self.encoding) if reader.takes_encoding else (file,)
        try:
            self._require_signature(reader, file)
            rows = _checked_call(self.registry, reader, where, reader.scan, *given)
            table = _named(name, _frame_of(self.registry, reader, where, rows), where, path=file)
            self.by_name.setdefault(name, []).append(table)
        except StudyError as error:
            self.problems += error.problems

    def _open_several(self, reader: Reader, place: str, path: Path | None, where: str) -> None:
        try:
            if path is not None:
                self._require_signature(reader, path)
            tables = _checked_call(self.registry, reader, where, reader.scan_tables, place, self.is_wanted)
            if not isinstance(tables, Mapping):
                raise _no_answer(self.registry, reader, where, tables, "a mapping of names to lazy frames")
            for given, rows in tables.items():
                name = str(given).strip().lower()
                if rows is None:
                    self.unread.append(str(given))
                    continue
                at = f"table {name} ({where})"
                rows = _frame_of(self.registry, reader, at, rows)
                table = _named(name, rows, at, path=path, origin="" if path else where)
                self.by_name.setdefault(name, []).append(table)
        except StudyError as error:
            self.problems += error.problems

    def _require_signature(self, reader: Reader, file: Path) -> None:
        """Refuse an empty file, and one whose bytes are those of another format."""
        where = str(file) if reader.scan is None else f"table {_table_name(file)} ({file})"
        try:
            with file.open("rb") as opened:
                start = opened.read(_START)
        except OSError as error:
            raise StudyError.at(
                where, f"the file cannot be read: {error.strerror or error}", "allow this user to read it"
            ) from error
        if not start:
            raise StudyError.at(where, "the file is empty", "a table has at least a line of column names")
        if reader.signatures and _has_signature(reader, start):
            return
        other = next(
            (other for other in self.readers.values() if other is not reader and _has_signature(other, start)), None
        )
        if other is not None:
            named = other.suffixes[0] if other.suffixes else other.id
            raise StudyError.at(
                where, f"the file cannot be read: it is named {file.suffix} and its bytes are those of {other.title} ({named})",
                f"name it {file.stem}{named}",
            )  # fmt: skip
        if start.startswith(_OLE):
            raise StudyError.at(
                where, "the file cannot be read: it is encrypted, or a workbook of the old format .xls",
                "save it as .xlsx without a password",
            )  # fmt: skip
        if reader.signatures:
            raise StudyError.at(
                where,
                f"the file cannot be read: its first bytes are not those of {reader.title}; it is damaged, or another kind of file",
                "copy or write the file again",
            )  # fmt: skip

    def _found(self) -> Found:
        tables: dict[str, RawTable] = {}
        for name, given in sorted(self.by_name.items()):
            if len(given) > 1:
                self.problems.append(_twice(name, [table.path.name if table.path else table.origin for table in given]))
            tables[name] = replace(given[0], alone=self.alone)
        return Found(tables, tuple(self.problems), tuple(sorted(self.unread)))


#: Old workbooks, and new ones with a password.
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def _has_signature(reader: Reader, start: bytes) -> bool:
    return any(start[place : place + len(mark)] == mark for place, mark in reader.signatures)


def _table_name(file: Path) -> str:
    return file.stem.strip().lower()


def _twice(name: str, given: Iterable[str]) -> Problem:
    places = " and ".join(sorted(given))
    return Problem(f"table {name}", f"it is there twice: {places}", "keep one of them")


def _checked_call(registry: Registry, reader: Reader, where: str, scan: Callable[..., Any] | None, *given: Any) -> Any:
    """What a reader gives; whatever it raises becomes an error that names the file, or the plugin at fault."""
    assert scan is not None  # noqa: S101  (a reader that scans neither is refused by the registry)
    who = guard.who_is(registry, "reader", reader.id, reader.version)
    return guard.call(guard.Who(f"{who} on {where}", who.seconds), partial(_scanned, where, scan, *given))


def _frame_of(registry: Registry, reader: Reader, where: str, rows: Any) -> pl.LazyFrame:
    """The frame that a reader gave. A third party's that runs Python is computed here, so that what fails in it is the reader's."""
    if not isinstance(rows, pl.LazyFrame):
        raise _no_answer(registry, reader, where, rows, "a lazy frame of Polars")
    plugin = registry.plugin_of("reader", reader.id)
    if plugin is not None and plugin.built_in:
        return rows
    who = guard.who_is(registry, "reader", reader.id, reader.version)
    on_file = guard.Who(f"{who} on {where}", who.seconds)
    try:
        runs_python = "PYTHON" in rows.explain(optimized=False).upper()
    except pl.exceptions.PolarsError as error:
        raise unreadable(where, error) from error
    return guard.collect(on_file, lambda: rows).lazy() if runs_python else rows


def _no_answer(registry: Registry, reader: Reader, where: str, given: Any, wanted: str) -> PluginError:
    """The error for a reader that gives what its contract forbids."""
    who = f"{guard.who_is(registry, 'reader', reader.id, reader.version)} on {where}"
    return PluginError([Problem(who, f"it returned {type(given).__name__}, not {wanted}", guard.REMEDY)])


def _scanned(where: str, scan: Callable[..., Any], *given: Any) -> Any:
    try:
        return scan(*given)
    except ReadError as error:
        place = f"{where}, {error.place}" if error.place else where
        what = error.what if is_connection(where) else f"the file cannot be read: {error.what}"
        raise StudyError.at(place, what, error.remedy) from error
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}"
        raise StudyError.at(where, what, "allow this user to read it") from error
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


def _named(name: str, rows: pl.LazyFrame, where: str, *, path: Path | None = None, origin: str = "") -> RawTable:
    """The table with trimmed lower-case column names; raises `StudyError` where two columns become one."""
    try:
        # Asked of a copy: a scan whose columns were asked for numbers its rows outside of the file, and filters them there.
        schema = rows.clone().collect_schema()
    except pl.exceptions.PolarsError as error:
        raise unreadable(where, error) from error
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}"
        raise StudyError.at(where, what, "allow this user to read it") from error
    clean = [column.strip().lstrip("\ufeff").lower() for column in schema.names()]
    twice = sorted({column for column in clean if clean.count(column) > 1})
    if twice:
        raise StudyError.at(where, f"two columns have one name: {', '.join(twice)}", "rename or remove one of them")
    renamed = {old: new for old, new in zip(schema.names(), clean, strict=True) if old != new}
    return RawTable(
        name, rows.rename(renamed) if renamed else rows, dict(zip(clean, schema.dtypes(), strict=True)), path, origin
    )


# Frames in memory -----------------------------------------------------------------------------------------------------


def _from_mapping(frames: Mapping[Any, Any], wanted: frozenset[str] | None) -> Found:
    tables: dict[str, RawTable] = {}
    problems: list[Problem] = []
    unread: list[str] = []
    for key, frame in frames.items():
        name = str(key).strip().lower()
        if name in tables:
            problems.append(Problem(f"table {name}", "it is there twice", "pass it once"))
        elif wanted is not None and name not in wanted:
            unread.append(str(key))
        else:
            try:
                tables[name] = _named(name, _lazy(name, frame), f"table {name}")
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
