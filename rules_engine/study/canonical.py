"""Holds a table against its contract: canonical rows, lazily, and what was odd in them.

The table is looked at once while it is read (how many rows, which cells are odd); the canonical rows stay lazy, so that
a run reads only the columns that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import polars as pl

from rules_engine.contracts import LESION_ASSESSMENTS, ROW, SUBJECT, Column, Table, canonical_schema
from rules_engine.errors import Problem, StudyError, closest
from rules_engine.findings import ERROR, NOTE, concat_findings, derive_findings, empty_findings, phrase
from rules_engine.study.casting import NULL_ACTION, Cast, Fault, as_text, can_hold, cast_column, is_there
from rules_engine.study.sources import RawTable, unreadable

#: Required columns whose missing value another room decides on, so that the row stays: grading says NO_VALUE or
#: UNIT_UNKNOWN, and an adverse event without a term is still an event.
_MAY_BE_MISSING = {("labs", "value"), ("labs", "unit"), ("adverse_events", "term")}
#: From this many cells on, a column in which no cell is of the right kind is a column of another kind, not a row of
#: slips.
_ENOUGH_TO_JUDGE = 5
_EXAMPLES = 3
_NAMES_OF_LESIONS = (("visit_date", "visit"), ("lesion_id", "lesion"))
_LEFT_OUT = "the record is left out"


@dataclass(frozen=True)
class CanonicalTable:
    """One table as derivations receive it, what was odd, and how many rows the source has."""

    name: str
    rows: pl.LazyFrame
    findings: pl.DataFrame
    source_rows: int
    columns: frozenset[str] = field(default_factory=frozenset)


def derive_canonical(raw: RawTable, table: Table) -> CanonicalTable:
    """The table in its canonical form; raises `StudyError` with every fault that makes it unusable."""
    reading = Reading.of(raw, table)
    indexed = _indexed(raw)
    looked = reading.look(indexed)
    return reading.conclude(looked, reading.rows(indexed, as_stated=looked.subjects_are_bare))


def held_canonical(raw: RawTable, table: Table) -> CanonicalTable:
    """The same with its rows in memory: they are looked at and read in one pass."""
    reading = Reading.of(raw, table)
    looked, rows = reading.look_and_read(_indexed(raw))
    return reading.conclude(looked, rows.lazy())


def _indexed(raw: RawTable) -> pl.LazyFrame:
    """The rows with their numbers. Nothing stands between a file and these: only so can a filter by subject be left to the file."""
    without_own_numbers = raw.rows.drop(ROW.name) if ROW.name in raw.schema else raw.rows
    return without_own_numbers.with_row_index(ROW.name, offset=1).with_columns(pl.col(ROW.name).cast(pl.Int64))


@dataclass(frozen=True)
class Looked:
    """What a look at some or all rows of a source gave: `tallies` of its rows (`rows`), of filled cells (`filled_NAME`) and of
    subjects' names that are not bare (`padded`: blank, or with blanks around), and the odd rows with one flag per fault. Looks at
    parts of a source add up to that at the whole.
    """

    tallies: pl.DataFrame
    odd: pl.DataFrame

    @property
    def subjects_are_bare(self) -> bool:
        """Every subject's name stands in its cell as the engine uses it."""
        return bool(self.tallies["padded"].sum() == 0)

    @classmethod
    def sum(cls, parts: Sequence[Looked]) -> Looked:
        """The look at the whole, from those at its parts; at least one."""
        odd = pl.concat([part.odd for part in parts]).sort(ROW.name)
        return cls(pl.concat([part.tallies for part in parts]).sum(), odd)


@dataclass(frozen=True)
class Reading:
    """How a table is read under its contract. Every row is read by itself, so that any part of the rows can be read alone; the
    rows come with the number that they have in the whole (`contracts.ROW`).
    """

    raw: RawTable
    table: Table
    casts: dict[str, Cast]
    faults: list[tuple[Column, Fault]]

    @classmethod
    def of(cls, raw: RawTable, table: Table) -> Reading:
        """Raises `StudyError` where a column is missing or cannot be read as its kind."""
        casts = _casts_of(raw, table)
        return cls(raw, table, casts, _faults_of(raw, table, casts))

    def look(self, indexed: pl.LazyFrame) -> Looked:
        """One look at numbered rows of the source; raises `StudyError` where they cannot be read."""
        # One plan after the other: together they would share the rows of the source, and hold those that only one has seen.
        with self._reading():
            tallies, odd = (plan.collect() for plan in _look(self.raw, indexed, self.casts, self.faults))
        return Looked(tallies, odd)

    def look_and_read(self, indexed: pl.LazyFrame) -> tuple[Looked, pl.DataFrame]:
        """A look at numbered rows, and their canonical rows, which fit into memory."""
        plans = [*_look(self.raw, indexed, self.casts, self.faults), self.rows(indexed)]
        with self._reading():
            tallies, odd, rows = pl.collect_all(plans)
        return Looked(tallies, odd), rows

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except pl.exceptions.PolarsError as error:
            raise unreadable(self.raw.where, error) from error

    def rows(self, indexed: pl.LazyFrame, *, as_stated: bool = False) -> pl.LazyFrame:
        """Canonical rows of numbered rows of the source; `as_stated` where a look found every subject's name bare."""
        casts = self.casts
        if as_stated and SUBJECT.name in casts:
            # Who asks for one subject then asks the file, which passes over what cannot hold it.
            casts = {**casts, SUBJECT.name: replace(casts[SUBJECT.name], value=pl.col(SUBJECT.name))}
        return _canonical_rows(self.raw, self.table, casts, indexed)

    def conclude(self, looked: Looked, rows: pl.LazyFrame) -> CanonicalTable:
        """The table, from a look at all of it; raises `StudyError` where a column is of another kind."""
        tallies = looked.tallies.row(0, named=True)
        _require_right_kinds(self.raw, self.table, self.casts, tallies, looked.odd)
        return CanonicalTable(
            name=self.table.name,
            rows=rows,
            findings=_findings_of(self.table, self.faults, looked.odd, self.raw),
            source_rows=int(tallies["rows"]),
            columns=frozenset(self.raw.schema),
        )


# How each column is read ----------------------------------------------------------------------------------------------


def _casts_of(raw: RawTable, table: Table) -> dict[str, Cast]:
    problems = [
        Problem(
            raw.where,
            f"it has no column {name!r}, which it needs ({table.column(name).meaning.rstrip('.')})",
            "add the column; its name is matched without regard to case",
            meant=closest(name, set(raw.schema) - {column.name for column in table.columns}),
        )
        for name in table.required
        if name not in raw.schema
    ]
    held = {column.held_as for column in table.columns if column.held_as != column.name}
    problems += [
        Problem(raw.where, f"the column name {name!r} is taken by the engine", "rename the column")
        for name in sorted(held & set(raw.schema))
    ]
    casts: dict[str, Cast] = {}
    for column in table.columns:
        if column.name not in raw.schema:
            continue
        dtype = raw.schema[column.name]
        if can_hold(column, dtype):
            casts[column.name] = cast_column(column, pl.col(column.name), dtype)
        else:
            problems.append(
                Problem(
                    f"{raw.where}, column {column.name}",
                    f"it holds {dtype}, from which {_kind_in_words(column)} cannot be read",
                    "store the column as text or in its own type",
                )
            )
    if problems:
        raise StudyError(problems)
    return casts


def _kind_in_words(column: Column) -> str:
    words = {
        "text": "text", "code": "one of " + ", ".join(column.codes), "date": "a date", "partial_date": "a date",
        "time": "a time of the day",
        "integer": "a whole number", "number": "a number", "flag": "true or false", "length": "a length in millimetres",
    }  # fmt: skip
    return words[column.kind]


def _canonical_rows(raw: RawTable, table: Table, casts: dict[str, Cast], indexed: pl.LazyFrame) -> pl.LazyFrame:
    """Declared columns in their order, the row number, and the study's own columns; rows without a required value left
    out.
    """
    # The subject is read before the other columns: who asks for one subject alone has only that one's rows read.
    declared = {
        column.held_as: (casts[column.name].value if column.name in casts else pl.lit(column.default)).cast(
            column.dtype
        )
        for column in table.columns
    }
    subject = {SUBJECT.name: declared.pop(SUBJECT.name)} if SUBJECT.name in declared else {}
    known = {column.name for column in table.columns} | {ROW.name}
    extra = [
        (
            as_text(pl.col(name), dtype)
            if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)
            else pl.col(name)
        ).alias(name)
        for name, dtype in raw.schema.items()
        if name not in known and dtype != pl.Object
    ]
    columns = [declared[name].alias(name) if name in declared else pl.col(name) for name in canonical_schema(table)]
    rows = indexed.with_columns(**subject).select(*columns, *extra)
    return rows.filter(pl.all_horizontal([pl.col(column.held_as).is_not_null() for column in _indispensable(table)]))


def _indispensable(table: Table) -> list[Column]:
    return [column for column in table.columns if column.required and (table.name, column.name) not in _MAY_BE_MISSING]


# What is odd ----------------------------------------------------------------------------------------------------------


def _faults_of(raw: RawTable, table: Table, casts: dict[str, Cast]) -> list[tuple[Column, Fault]]:
    indispensable = _indispensable(table)
    faults = [
        (column, replace(fault, action=_LEFT_OUT) if fault.action == NULL_ACTION and column in indispensable else fault)
        for column in table.columns
        if column.name in casts
        for fault in casts[column.name].faults
    ]
    for column in indispensable:
        is_missing = ~is_there(pl.col(column.name), raw.schema[column.name])
        rule = "data.subject_missing" if column == SUBJECT else "data.required_missing"
        faults.append((column, Fault(rule, ERROR, is_missing, f"{column.name} is missing", _LEFT_OUT)))
    return faults


def _look(
    raw: RawTable, indexed: pl.LazyFrame, casts: dict[str, Cast], faults: list[tuple[Column, Fault]]
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """One look at the source (`Looked`): numbers of rows and of filled cells, and the odd rows with one flag per fault."""
    flags = [fault.is_odd.fill_null(value=False).alias(f"_odd_{i}") for i, (_column, fault) in enumerate(faults)]
    messages = [
        (fault.message if isinstance(fault.message, pl.Expr) else pl.lit(fault.message)).alias(f"_message_{i}")
        for i, (_column, fault) in enumerate(faults)
    ]
    cells = [as_text(pl.col(name), raw.schema[name]).alias(f"_cell_{name}") for name in casts]
    aliens = [
        cast.is_alien.fill_null(value=False).alias(f"_alien_{name}")
        for name, cast in casts.items()
        if cast.is_alien is not None
    ]
    tallies = indexed.select(
        pl.len().alias("rows"),
        _is_padded(raw).sum().alias("padded"),
        *[pl.col(name).is_not_null().sum().alias(f"filled_{name}") for name in casts],
    )
    odd = (
        indexed.with_columns(flags)
        .filter(pl.any_horizontal([f"_odd_{i}" for i in range(len(faults))]))
        .select(ROW.name, pl.col("^_odd_.*$"), *messages, *cells, *aliens)
    )
    return tallies, odd


def _is_padded(raw: RawTable) -> pl.Expr:
    """The subject's name is not what stands in its cell: a blank text, blanks around it, or no text."""
    if raw.schema.get(SUBJECT.name) != pl.String:
        return pl.lit(value=True)
    cell = pl.col(SUBJECT.name)
    return ((cell.str.strip_chars() != cell) | (cell == "")).fill_null(value=False)


def _require_right_kinds(
    raw: RawTable, table: Table, casts: dict[str, Cast], tallies: Mapping[str, int], odd: pl.DataFrame
) -> None:
    """Refuse columns in which no cell at all is of the right kind."""
    problems = []
    for name, cast in casts.items():
        column = table.column(name)
        filled = tallies[f"filled_{name}"]
        alien = int(odd[f"_alien_{name}"].sum()) if cast.is_alien is not None else 0
        enough = 1 if column.required and column.kind != "code" else _ENOUGH_TO_JUDGE
        if cast.is_alien is None or filled < enough or alien < filled:
            continue
        shown = ", ".join(repr(value) for value in odd[f"_cell_{name}"].drop_nulls().unique().sort().head(_EXAMPLES))
        problems.append(
            Problem(
                f"{raw.where}, column {name}",
                f"none of its {filled} values is {_kind_in_words(column)}: {shown}",
                "write dates as 2024-05-17, numbers with a decimal point and without unit"
                if column.kind != "code"
                else "use the codes above",
            )
        )
    if problems:
        raise StudyError(problems)


def _findings_of(table: Table, faults: list[tuple[Column, Fault]], odd: pl.DataFrame, raw: RawTable) -> pl.DataFrame:
    if odd.is_empty() and ROW.name not in raw.schema:
        return empty_findings().collect()
    frame = odd.lazy()
    parts = [
        derive_findings(
            frame.filter(f"_odd_{i}"),
            rule_id=fault.rule_id,
            severity=fault.severity,
            table=table.name,
            subject="_cell_subject",
            message=pl.col(f"_message_{i}"),
            action=fault.action,
            record=record_name(ROW.name, odd.columns, table.name, "_cell_"),
            field=column.name,
            value=pl.col(f"_cell_{column.name}"),
        )
        for i, (column, fault) in enumerate(faults)
    ]
    if ROW.name in raw.schema:
        parts.append(_row_column_note(table))
    return concat_findings(parts).collect()


def record_name(row: str, columns: Sequence[str], table: str, prefix: str = "") -> pl.Expr:
    """How a finding names a record: its row and, of a lesion, the visit and the lesion as the study wrote them."""
    told = phrase("row {}", row)
    if table != LESION_ASSESSMENTS.name:
        return told
    parts = [phrase(f"{word} {{}}", prefix + name) for name, word in _NAMES_OF_LESIONS if prefix + name in columns]
    return pl.concat_str(told, *parts, separator=", ", ignore_nulls=True)


def _row_column_note(table: Table) -> pl.LazyFrame:
    return derive_findings(
        pl.LazyFrame({"_": [1]}),
        rule_id="data.column_unread",
        severity=NOTE,
        table=table.name,
        subject=None,
        message="the engine numbers the rows itself",
        action="the study's own column is not read",
        field=ROW.name,
    )


def empty_canonical(table: Table) -> CanonicalTable:
    """The canonical form of a table that the study did not bring."""
    return CanonicalTable(table.name, pl.LazyFrame(schema=canonical_schema(table)), empty_findings().collect(), 0)
