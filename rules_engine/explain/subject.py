"""One subject's part of a study, and what a run derives from it.

A derivation is a function of one subject's records alone, so that the subject can be taken out of any study and derived again,
slowly and with every step in sight. Nothing but this subject is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches

import polars as pl

from rules_engine import pipeline
from rules_engine.errors import RulesEngineError, UsageError
from rules_engine.model import ResponseDefinition, Ruleset
from rules_engine.registry import Registry
from rules_engine.vocabulary import Criterion

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
    _assessed: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, tables: Tables, subject: str, ruleset: Ruleset, registry: Registry, cutoff: date) -> SubjectData:
        """Take the subject out of a study's canonical tables. Raises `UsageError` where the study has no such subject."""
        tables = pipeline.tables_as_of(tables, cutoff)
        mine = [rows.filter(pl.col("subject") == subject) for rows in tables.values()]
        found = dict(zip(tables, pl.collect_all(mine), strict=True))
        if found["subjects"].is_empty():
            raise unknown_subject(subject, tables["subjects"])
        return cls(subject, ruleset, registry, cutoff, {name: rows.lazy() for name, rows in found.items()})

    def reading(self, response: ResponseDefinition) -> pl.DataFrame:
        """The lesion rows of a derived stream's assessor and reader."""
        return pipeline.select_reading(self.tables[LESION_TABLE], response).collect()

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
                rows = pipeline.assess_reading(self.reading(response).lazy(), response, self.registry)
            self._assessed[response.name] = rows.sort("visit_date")
        return self._assessed[response.name]

    def assessments(self, response: ResponseDefinition) -> pl.DataFrame:
        """The assessments that endpoints read from a stream. Their numbers go on from the derived streams before it."""
        timepoints, offsets = None, None
        for definition in self.ruleset.responses.values():
            if response.source == "derived" and definition.source == "derived":
                timepoints, offsets = pipeline.number_timepoints(self.assessed(definition), offsets)
            if definition.name == response.name:
                break
        return pipeline.assessment_stream(response, self.tables, timepoints, self.registry).collect()


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
