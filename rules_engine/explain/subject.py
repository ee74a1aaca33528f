"""One subject's part of a study, and what a run derives from it.

A derivation is a function of one subject's records alone, so that the subject can be taken out of any study and derived again,
slowly and with every step in sight. Nothing but this subject is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches

import polars as pl

from rules_engine import pipeline, records
from rules_engine.errors import RulesEngineError, UsageError
from rules_engine.model import ResponseDefinition, Ruleset
from rules_engine.registry import Registry
from rules_engine.vocabulary import Criterion, SubjectRecords

Tables = Mapping[str, pl.LazyFrame]
LESION_TABLE = "lesion_assessments"
#: Subjects that a message names where the one asked for is not there.
_MOST_NAMED = 5
#: Names that are compared letter by letter to find a similar one.
_MOST_COMPARED = 20_000


@dataclass(frozen=True)
class SubjectData:
    """One subject of a study under a ruleset, as seen on the day `cutoff`. `tables` hold the subject's rows alone."""

    subject: str
    ruleset: Ruleset
    registry: Registry
    cutoff: date
    tables: Tables
    _readings: dict[tuple[str | None, ...], pl.LazyFrame] = field(default_factory=dict, repr=False, compare=False)
    _assessed: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    _records: dict[str | None, SubjectRecords] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, tables: Tables, subject: str, ruleset: Ruleset, registry: Registry, cutoff: date) -> SubjectData:
        """Take the subject out of a study's canonical tables. Raises `UsageError` where the study has no such subject."""
        tables = pipeline.tables_as_of(tables, cutoff)
        mine = _TablesOfSubject(tables, subject)
        if mine["subjects"].select(pl.len()).collect().item() == 0:
            raise unknown_subject(subject, tables["subjects"])
        return cls(subject, ruleset, registry, cutoff, mine)

    def reading(self, response: ResponseDefinition) -> pl.LazyFrame:
        """The lesion rows of a derived stream's assessor and reader, sorted out once for all streams that read them."""
        whose = (response.assessor, response.reader)
        if whose not in self._readings:
            lesions = pipeline.select_reading(self.tables[LESION_TABLE], response)
            self._readings[whose] = pipeline.hold_reading(lesions)
        return self._readings[whose]

    def criterion(self, response: ResponseDefinition) -> Criterion | None:
        """The criterion of a derived stream."""
        return None if response.rules is None else self.registry.criteria.require(response.rules.criterion)

    def assessed(self, response: ResponseDefinition) -> pl.DataFrame:
        """Timepoint responses of a derived stream, in the order of the visits."""
        if response.name not in self._assessed:
            criterion = self.criterion(response)
            if criterion is not None and criterion.assess_tables is not None:
                own = pipeline.tables_of_criterion(self.tables, response, criterion, self.cutoff)
                rows = pipeline.assess_tables(own, response, self.registry)
            else:
                rows = pipeline.assess_reading(self.reading(response), response, self.registry)
            self._assessed[response.name] = rows.sort("visit_date")
        return self._assessed[response.name]

    def records(self, response: str | None) -> SubjectRecords:
        """The records that endpoints of a response read (None: of no response), with each step held as it is made."""
        if response not in self._records:
            stream = pl.LazyFrame(schema=records.ASSESSMENT_SCHEMA)
            if response is not None:
                stream = self.assessments(self.ruleset.responses[response]).lazy()
            self._records[response] = held(records.collected(records.subject_records(self.tables, stream)))
        return self._records[response]

    def assessments(self, response: ResponseDefinition) -> pl.DataFrame:
        """The assessments that endpoints read from a stream. Their numbers go on from the derived streams before it."""
        timepoints, offsets = None, None
        for definition in self.ruleset.responses.values():
            if response.source == "derived" and definition.source == "derived":
                timepoints, offsets = pipeline.number_timepoints(self.assessed(definition), offsets)
            if definition.name == response.name:
                break
        return pipeline.assessment_stream(response, self.tables, timepoints, self.registry).collect()


class _TablesOfSubject(Mapping[str, pl.LazyFrame]):
    """The input tables with the rows of one subject, each read once, when it is asked for."""

    def __init__(self, tables: Tables, subject: str) -> None:
        self._tables = tables
        self._subject = subject
        self._read: dict[str, pl.LazyFrame] = {}

    def __getitem__(self, table: str) -> pl.LazyFrame:
        if table not in self._read:
            rows = self._tables[table].filter(pl.col("subject") == self._subject)
            self._read[table] = rows.collect(engine=pipeline.ENGINE).lazy()
        return self._read[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def held(mine: SubjectRecords) -> SubjectRecords:
    """The records with each step held as it is made, so that what is told is what was derived."""
    return replace(mine, hold=lambda frame: frame.collect(engine=pipeline.ENGINE).lazy())


def unknown_subject(subject: str, subjects: pl.LazyFrame) -> RulesEngineError:
    """The error for a subject that the study does not have; names those that were meant perhaps, else some that are there."""
    known = subjects.select("subject").unique().sort("subject").collect()["subject"]
    near = near_subjects(subject, known)
    some = near or known.head(_MOST_NAMED).to_list()
    more = f" … ({known.len()} in all)" if not near and known.len() > _MOST_NAMED else ""
    return UsageError.at(
        f"subject {subject!r}",
        f"the study has no such subject; {'near it are' if near else 'it has'} {', '.join(some)}{more}",
        "name one of subjects.subject",
        meant=near[0] if near else "",
    )


def near_subjects(subject: str, known: pl.Series) -> list[str]:
    """Subjects that differ from the name in case and punctuation alone, or in the zeros before the number; else similar ones."""
    bare = known.str.to_lowercase().str.replace_all("[^a-z0-9]", "")
    wanted = re.sub("[^a-z0-9]", "", subject.lower())
    number = bare.str.extract("([0-9]+)$").str.strip_chars_start("0")
    wanted_number = re.search("([0-9]+)$", wanted)
    found = known.filter(bare == wanted)
    if found.is_empty() and wanted_number is not None:
        found = known.filter(number == wanted_number[1].lstrip("0"))
    if found.is_empty() and known.len() <= _MOST_COMPARED:
        return get_close_matches(subject, known.to_list(), n=3)
    return found.head(_MOST_NAMED).to_list()
