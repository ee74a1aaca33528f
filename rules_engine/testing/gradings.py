"""The laws of a grading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar

import polars as pl
from hypothesis import strategies as st

import rules_engine
from rules_engine.contracts import ADVERSE_EVENTS
from rules_engine.grading import CONTEXT_SCHEMA
from rules_engine.guard import fingerprint
from rules_engine.loading import load_grading_rules
from rules_engine.model import GradingRules
from rules_engine.registry import Registry, build_registry, default_registry
from rules_engine.testing import laws, strategies
from rules_engine.vocabulary import Grading

LABS = "labs"
EVENTS = "adverse_events"


class GradingConformance:
    """Everything that the engine relies on in a grading. A subclass names the grading, its ruleset and its options.

    `analytes` are (analyte, unit) pairs that the ruleset grades; `terms` are terms of adverse events that it knows.
    """

    grading: ClassVar[Grading]
    ruleset: ClassVar[Path | str]
    options: ClassVar[Mapping[str, Any]] = {}
    analytes: ClassVar[Sequence[tuple[str, str]]]
    terms: ClassVar[Sequence[str]] = ()
    examples: ClassVar[int] = 10
    subjects: ClassVar[int] = 12

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins, and the grading where it is not installed."""
        known, grading = default_registry(), self.grading
        if grading.id in known.gradings:
            return known
        hook = rules_engine.hookimpl(lambda: [grading])
        return build_registry(extra=[("under test", SimpleNamespace(rules_engine_gradings=hook))])

    @cached_property
    def rules(self) -> GradingRules:
        """The ruleset as the grading receives it."""
        return load_grading_rules(self.ruleset, registry=self.registry)

    @cached_property
    def complete(self) -> dict[str, Any]:
        """The options with the defaults of the schema."""
        return laws.complete_options(self.options, self.grading.options_schema)

    def histories(self) -> st.SearchStrategy[dict[str, pl.DataFrame]]:
        """Laboratory results and adverse events; a subclass may draw its own."""
        return st.fixed_dictionaries(
            {
                LABS: strategies.lab_histories(self.analytes, subjects=self.subjects),
                EVENTS: strategies.table_histories(ADVERSE_EVENTS, subjects=self.subjects).map(self._with_terms),
            }
        )

    def made(self, subjects: int) -> dict[str, pl.DataFrame]:
        """Histories of so many subjects, always the same."""
        rng = Random(3)  # noqa: S311  (test data, not secrets)
        events = strategies.table_frame(rng, subjects, ADVERSE_EVENTS)
        return {LABS: strategies.lab_frame(rng, subjects, self.analytes), EVENTS: self._with_terms(events)}

    def _with_terms(self, events: pl.DataFrame) -> pl.DataFrame:
        words = [*self.terms, "no such term"]
        picked = [words[number % len(words)] for number in range(events.height)]
        grades = [("1", "2", "3", "4", "5", None, "severe")[number % 7] for number in range(events.height)]
        return events.with_columns(
            pl.Series("term", picked, dtype=pl.String), pl.Series("grade", grades, dtype=pl.String)
        )

    def graded(self, frames: laws.Frames) -> dict[str, pl.DataFrame]:
        """The graded tables."""
        people = [
            {"subject": subject, "treatment_start": strategies.START} for subject in laws.subjects_of(frames)
        ]  # fmt: skip
        context = pl.LazyFrame(
            [{name: row.get(name) for name in CONTEXT_SCHEMA} for row in people], schema=CONTEXT_SCHEMA
        )
        grades = {LABS: self.grading.grade_labs, EVENTS: self.grading.grade_events}
        return {
            name: laws.collected(
                grade(frames[name].lazy(), self.rules.document, self.complete, context), f"grading of {name}"
            )
            for name, grade in grades.items()
        }

    # Laws

    def test_every_record_comes_back_once_with_more_columns(self) -> None:
        """No record is lost, none is made up, none is changed."""

        def hold(frames: laws.Frames) -> None:
            for name, rows in self.graded(frames).items():
                given = frames[name]
                assert set(given.columns) <= set(rows.columns), f"{name}: columns are lost"
                laws.require_same(given, rows.select(given.columns), f"{name}: the records are others than were given")

        laws.for_all(self.histories(), hold, self.examples)

    def test_findings_are_those_of_the_contract(self) -> None:
        """What is odd is told as findings."""
        from rules_engine.findings import SCHEMA

        def hold(frames: laws.Frames) -> None:
            graded = self.graded(frames)
            for find, name in ((self.grading.lab_findings, LABS), (self.grading.event_findings, EVENTS)):
                laws.require_schema(laws.collected(find(graded[name].lazy()), f"findings of {name}"), dict(SCHEMA))

        laws.for_all(self.histories(), hold, self.examples)

    def test_no_rows_give_no_rows(self) -> None:
        """An empty table is no error."""
        for rows in self.graded({name: rows.clear() for name, rows in self.made(1).items()}).values():
            assert rows.is_empty()

    def test_missing_cells_never_break_it(self) -> None:
        """Whatever is empty but the key: every record comes back."""

        def hold(frames: laws.Frames) -> None:
            holed = laws.with_holes(frames, ("subject", "row"))
            for name, rows in self.graded(holed).items():
                assert rows.height == holed[name].height

        laws.for_all(self.histories(), hold, self.examples)

    def test_what_is_given_is_not_changed_and_the_answer_is_the_same_twice(self) -> None:
        """No state, no clock, no changed input."""

        options, document = fingerprint(self.complete), fingerprint(self.rules.document)
        self.graded(self.made(self.subjects))
        assert fingerprint(self.complete) == options, "the grading changed its options"
        assert fingerprint(self.rules.document) == document, "the grading changed its ruleset"

        def hold(frames: laws.Frames) -> None:
            before = {name: rows.clone() for name, rows in frames.items()}
            first = self.graded(frames)
            for name, again in self.graded(frames).items():
                assert frames[name].equals(before[name]), f"the grading changed {name}"
                laws.require_same(first[name], again, "the same input gave another answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_the_order_of_rows_does_not_matter(self) -> None:
        """A table has no order."""

        def hold(frames: laws.Frames) -> None:
            again = self.graded(laws.shuffled(frames))
            for name, rows in self.graded(frames).items():
                laws.require_same(rows, again[name], "the same rows in another order gave another answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_other_subjects_do_not_matter(self) -> None:
        """Subjects graded in two parts are graded the same."""

        def hold(frames: laws.Frames) -> None:
            everybody = laws.subjects_of(frames)
            parts = [self.graded(laws.of_subjects(frames, part)) for part in (everybody[::2], everybody[1::2])]
            for name, rows in self.graded(frames).items():
                apart = pl.concat([part[name] for part in parts])
                laws.require_same(rows, apart, "other subjects changed the answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_the_work_in_python_does_not_grow_with_the_subjects(self) -> None:
        """No Python per row or subject; counted, not timed."""

        def work_on(subjects: int) -> Any:
            frames = self.made(subjects)
            return lambda: self.graded(frames)

        laws.require_work_that_does_not_grow(work_on, 30, 300)

    def test_options_are_described_and_what_is_unknown_is_refused(self) -> None:
        """The schema says what each option means and takes no other."""
        laws.require_option_schema(self.grading.options_schema)

    def test_the_grading_says_what_it_is_and_where_it_is_from(self) -> None:
        """Id, version, title and reference; the ruleset is one of its own."""
        laws.require_words(self.grading, ("id", "version", "title", "reference"))
        assert self.rules.grading == self.grading.id
