"""A study as the engine holds it, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from rules_engine.contracts import ROW, TABLES, Table
from rules_engine.errors import Problem, StudyError, closest
from rules_engine.findings import WARNING, concat_findings, derive_findings, empty_findings, phrase, sort_findings
from rules_engine.model import Ruleset
from rules_engine.registry import Registry, default_registry
from rules_engine.study import checks
from rules_engine.study.canonical import CanonicalTable, derive_canonical, empty_canonical, held_canonical
from rules_engine.study.mapping import StudyMapping, mapped_tables, mapping_of, stated_encoding
from rules_engine.study.sources import Found, RawTable, Source, find_tables, hash_file, is_connection, shown_connection

#: Tables that may be large and are read once by a run: they stay on disk until then. The others are read by every
#: endpoint and are held in memory.
_READ_WHEN_NEEDED = ("lesion_assessments", "labs")


@dataclass(frozen=True)
class Study:
    """A study's input tables, checked against their contracts.

    `tables` holds every table of `contracts.TABLES`, and those that plugins offer, in canonical form
    (`contracts.canonical_schema` plus the study's own columns), lazily; a table that the study did not bring is empty.
    `columns` says which columns each table was brought with (no entry = the table was not brought). `findings` is what
    was odd (`findings.SCHEMA`); `sources` are the files or frames that were read.
    """

    tables: Mapping[str, pl.LazyFrame]
    findings: pl.LazyFrame
    sources: tuple[Source, ...] = ()
    id: str = ""
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _readings: dict[str, pl.DataFrame] = field(init=False, default_factory=dict, repr=False, compare=False)

    def has(self, table: str) -> bool:
        """True where the study brought this table, even without rows."""
        return table in self.columns

    def readings(self, table: str) -> pl.DataFrame:
        """Who read what: each combination of criterion, assessor and reader that occurs in a table of assessments."""
        if table not in self._readings:
            names = self.tables[table].collect_schema().names()
            columns = [name for name in ("criterion", "assessor", "reader") if name in names]
            found = self.tables[table].select(columns).unique().sort(columns, nulls_last=True)
            self._readings[table] = found.collect()
        return self._readings[table]


def read_study(source: Any, *, ruleset: Ruleset | None = None, registry: Registry | None = None) -> Study:
    """Open a study (`open_study`) and check its records (`check_records`)."""
    return check_records(_open(source, ruleset, registry, _read_in_memory))


def open_study(source: Any, *, ruleset: Ruleset | None = None, registry: Registry | None = None) -> Study:
    """Read a study from a folder, a file, a database connection, or a mapping of table names to frames.

    A file is named after its table (`subjects.csv`, `labs.parquet`); a workbook has a sheet and a database a table of that
    name; formats may be mixed. Frames may be Polars, pandas, PyArrow or anything with the Arrow stream interface. Where
    `ruleset` has a `data:` section, the tables are mapped from the files that it names (SDTM, ADaM). Raises `StudyError` with
    every fault that blocks a correct result; what is merely odd is in
    `Study.findings`.
    """
    return _open(source, ruleset, registry, derive_canonical)


def contracts_of(registry: Registry | None = None) -> dict[str, Table]:
    """The contract of every input table, those that plugins offer included."""
    return {**TABLES, **(registry or default_registry()).tables}


#: How a table is held against its contract.
Read = Callable[[RawTable, Table], CanonicalTable]


def _open(source: Any, ruleset: Ruleset | None, registry: Registry | None, read: Read) -> Study:
    mapping = mapping_of(ruleset)
    contracts = contracts_of(registry)
    wanted = frozenset(contracts) | (mapping.names if mapping else frozenset())
    found = find_tables(source, registry, wanted, encoding=stated_encoding(ruleset))
    return open_found(source, found, ruleset, contracts, mapping=mapping, read=read)


def _read_in_memory(raw: RawTable, table: Table) -> CanonicalTable:
    """Tables that every check and endpoint reads are held, so that their cells are read once."""
    return (derive_canonical if table.name in _READ_WHEN_NEEDED else held_canonical)(raw, table)


def open_found(
    source: Any,
    found: Found,
    ruleset: Ruleset | None,
    contracts: Mapping[str, Table],
    *,
    mapping: StudyMapping | None = None,
    read: Read = derive_canonical,
) -> Study:
    """What `open_study` does once the tables are found; whoever holds them elsewhere says how they are read."""
    problems = list(found.problems)
    raw = {name: found.tables[name] for name in contracts if name in found.tables}
    if mapping:
        mapped, mapping_problems = mapped_tables(mapping, found.tables)
        raw |= mapped
        problems += mapping_problems
    if not raw and not problems:
        raise StudyError([_no_table(source, found, mapped=mapping is not None)])
    canonical: dict[str, CanonicalTable] = {}
    for name, table in raw.items():
        try:
            canonical[name] = read(table, contracts[name])
        except StudyError as error:
            problems.extend(error.problems)
    if problems:
        raise StudyError([*problems, *([] if mapping else _misspelt(found))])
    complete = {name: canonical.get(name) or empty_canonical(table) for name, table in contracts.items()}
    return _opened(canonical, complete, raw, found, _study_id(ruleset, found), mapped=mapping is not None)


def as_study(source: Any, *, ruleset: Ruleset | None = None, registry: Registry | None = None) -> Study:
    """The study itself where it has been read, else what `read_study` gives."""
    return source if isinstance(source, Study) else read_study(source, ruleset=ruleset, registry=registry)


def _opened(
    canonical: Mapping[str, CanonicalTable],
    complete: Mapping[str, CanonicalTable],
    raw: Mapping[str, RawTable],
    found: Found,
    study_id: str,
    *,
    mapped: bool,
) -> Study:
    """The study from its canonical tables, after what must be looked at for all subjects together; `complete` holds the tables
    that the study did not bring as well. The tables stay on disk.
    """
    tables = {name: table.rows for name, table in complete.items()}
    odd: list[pl.LazyFrame] = [table.findings.lazy() for table in canonical.values()]
    if not mapped:
        odd.append(_unread_findings(found))
    if "subjects" in canonical:
        subjects, findings, problems = checks.check_subjects(tables["subjects"], raw["subjects"].where)
        if problems:
            raise StudyError(problems)
        tables["subjects"] = subjects.lazy()
        odd += findings
        tables, findings = checks.drop_orphans(tables, subjects.lazy())
        odd += findings
    odd.append(checks.missing_arms(tables["subjects"]))
    return Study(
        tables=MappingProxyType(tables),
        findings=_published(odd),
        sources=_sources(found, canonical),
        id=study_id,
        columns=MappingProxyType({name: table.columns for name, table in canonical.items()}),
    )


def check_records(study: Study) -> Study:
    """The study with the records that count, after checks that look at one subject at a time; some or all subjects of a study."""
    tables = dict(study.tables)
    odd: list[pl.LazyFrame] = []
    if study.has("lesion_assessments"):
        facts = [name for name in tables["lesion_assessments"].collect_schema().names() if name != ROW.name]
        if (kept := checks.drop_repeated_lesions(tables["lesion_assessments"], facts)) is not None:
            tables["lesion_assessments"], repeated = kept
            odd.append(repeated)
    held = [name for name in tables if name not in _READ_WHEN_NEEDED]
    for name, rows in zip(held, pl.collect_all([tables[name] for name in held]), strict=True):
        tables[name] = rows.lazy()
    odd += [*checks.date_findings(tables), checks.swapped_ranges(tables["labs"])]
    return replace(study, tables=MappingProxyType(tables), findings=_published([study.findings, *odd]))


def _published(odd: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    return sort_findings(concat_findings(frame.lazy() for frame in pl.collect_all(odd))).collect().lazy()


def _sources(found: Found, canonical: Mapping[str, CanonicalTable]) -> tuple[Source, ...]:
    sources = []
    for name, table in sorted(found.tables.items()):
        rows = canonical[name].source_rows if name in canonical else table.rows.select(pl.len()).collect().item()
        sha256 = hash_file(table.path) if table.path else None
        sources.append(Source(name, table.path, sha256, rows, table.origin, table.alone))
    return tuple(sources)


def _study_id(ruleset: Ruleset | None, found: Found) -> str:
    """The study's identifier: what the ruleset says, else the one STUDYID of the data, else nothing."""
    stated = ((ruleset.document.get("study") or {}) if ruleset else {}).get("id")
    if stated:
        return str(stated)
    for _name, table in sorted(found.tables.items()):
        if "studyid" in table.schema:
            ids = table.rows.select(pl.col("studyid").cast(pl.String).drop_nulls().unique()).collect().to_series()
            if ids.len() == 1:
                return str(ids.item()).strip()
    return ""


# What was not read ----------------------------------------------------------------------------------------------------


def _no_table(source: Any, found: Found, *, mapped: bool) -> Problem:
    where = str(source) if isinstance(source, str | Path) else "study"
    where = shown_connection(where) if is_connection(source) else where
    there = ", ".join(found.unread) or "nothing that can be read"
    near = next((meant for name in found.unread if (meant := closest(Path(name).stem, TABLES))), "")
    remedy = f"name the files after the input tables: {', '.join(TABLES)}"
    if not mapped:
        remedy += "; for SDTM or ADaM data, map them in the section `data` of the ruleset"
    return Problem(where, f"it holds no input table (found: {there})", remedy, meant=near)


def _misspelt(found: Found) -> list[Problem]:
    """Hints for files whose name is nearly that of a table that is not there; only given beside other problems."""
    hints = []
    for name in found.unread:
        near = closest(Path(name).stem, set(TABLES) - set(found.tables))
        if near:
            hints.append(Problem(name, "no input table has this name, so it was not read", "rename it", meant=near))
    return hints


def _unread_findings(found: Found) -> pl.LazyFrame:
    """A file that looks like a misspelt table is worth a warning; other files are the user's own affair."""
    hints = _misspelt(found)
    if not hints:
        return empty_findings()
    return derive_findings(
        pl.LazyFrame({"file": [hint.where for hint in hints], "meant": [hint.meant for hint in hints]}),
        rule_id="data.file_unread",
        severity=WARNING,
        table="",
        subject=None,
        message=phrase("no input table has this name; did you mean {}?", "meant"),
        action="the file was not read",
        value=pl.col("file"),
    )
