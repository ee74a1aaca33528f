"""Laboratory results and adverse events, graded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from rules_engine import guard
from rules_engine.errors import PluginError
from rules_engine.findings import concat_findings, empty_findings
from rules_engine.grading import (
    GRADED_EVENTS_SCHEMA,
    GRADED_LABS_SCHEMA,
    derive_context,
    derive_hys_law,
    derive_worst_grades,
    event_options,
    hys_law_findings,
    lab_options,
    read_rules,
    reconcile,
    tally_worst_grades,
)
from rules_engine.model import GradedRecords, Ruleset
from rules_engine.pipeline.plans import ENGINE, Tables
from rules_engine.pipeline.responses import of_subjects
from rules_engine.registry import Registry


@dataclass(frozen=True)
class Grades:
    """Graded labs and adverse events (None where the ruleset does not ask for them), and what comes of them.

    `hys_law` is `grading.HYS_LAW_FRAME`, `worst_tally` the worst grades counted by arm (`grading.tally_worst_grades`; None where
    another grading was used), `lab_tally` what the grading counts for findings about the cohort.
    """

    labs: pl.DataFrame | None = None
    adverse_events: pl.DataFrame | None = None
    hys_law: pl.DataFrame | None = None
    worst_tally: pl.DataFrame | None = None
    lab_tally: pl.DataFrame | None = None

    def frames(self) -> dict[str, pl.DataFrame]:
        """What there is of them but the tallies, by name."""
        known = {"labs": self.labs, "adverse_events": self.adverse_events, "hys_law": self.hys_law}
        return {name: frame for name, frame in known.items() if frame is not None}


def derive_grades(ruleset: Ruleset, tables: Tables, registry: Registry, cutoff: date) -> tuple[Grades, pl.DataFrame]:
    """The grades, and what is odd in them about a subject."""
    graded: dict[str, pl.DataFrame] = {}
    odd: list[pl.LazyFrame] = []
    lab_tally: pl.DataFrame | None = None
    contexts: dict[str, pl.LazyFrame] = {}
    for table, asked in (("labs", ruleset.labs), ("adverse_events", ruleset.adverse_events)):
        if asked is None:
            continue
        grading = registry.gradings.require(asked.rules.grading)
        grade, find = (
            (grading.grade_labs, grading.lab_findings)
            if table == "labs"
            else (grading.grade_events, grading.event_findings)
        )
        of_window = guard.fingerprint(asked.window)
        if of_window not in contexts:
            context = derive_context(tables["subjects"], tables["treatments"], cutoff, asked.window)
            contexts[of_window] = context.collect(engine=ENGINE).lazy()
        context = contexts[of_window]
        who = guard.who_is(registry, "grading", asked.rules.grading, grading.version)
        rows = graded[table] = derive_graded(who, grade, tables[table], asked, context)
        odd.append(guard.collect(who, partial(find, rows.lazy())).lazy())
        if table == "labs" and grading.lab_tally is not None:
            lab_tally = guard.collect(who, partial(grading.lab_tally, rows.lazy()))
    labs, adverse_events = graded.get("labs"), graded.get("adverse_events")
    if labs is not None and adverse_events is not None:
        assert ruleset.adverse_events is not None  # noqa: S101  (there are graded events)
        within_days = event_options(ruleset.adverse_events.options).reconcile_within_days
        odd.append(_reconciled(adverse_events, labs, within_days))
    hys_law = None if labs is None else derive_liver_tests(ruleset, labs)
    if hys_law is not None:
        odd.append(hys_law_findings(hys_law.lazy()))
    worst_tally = None
    if labs is not None and _is_ours(labs):
        worst_tally = tally_worst_grades(derive_worst_grades(labs.lazy()), tables["subjects"], "arm").collect()
    return Grades(labs, adverse_events, hys_law, worst_tally, lab_tally), concat_findings(odd).collect(engine=ENGINE)


def derive_graded(
    who: str, grade: Callable[..., pl.LazyFrame], rows: pl.LazyFrame, asked: GradedRecords, context: pl.LazyFrame
) -> pl.DataFrame:
    """The rows of a table as a grading returns them: the same records, with more columns."""
    records = rows.collect(engine=ENGINE)  # once, for the grading and for holding its answer against them

    def derive(subjects: Sequence[str] | None) -> pl.LazyFrame:
        given = [records.lazy(), context]
        if subjects is not None:
            given = [of_subjects(frame, subjects) for frame in given]
        return grade(given[0], asked.rules.document, asked.options, given[1])

    def everybody() -> list[str]:
        return records["subject"].unique().to_list()

    graded = guard.derived_rows(who, derive, everybody, asked.options)
    key = [name for name in ("subject", "row") if name in records.columns]
    if missing := [name for name in key if name not in graded.columns]:
        raise PluginError.at(who, f"it returned no column {', '.join(missing)}", "a grading adds columns to its rows")
    before, after = records.select(key), graded.select(key)
    if not (before.equals(after) or before.sort(key).equals(after.sort(key))):
        raise PluginError.at(
            who,
            f"it returned {graded.height} rows for {before.height} records, or other records than it was given",
            "a grading returns every row that it is given, once, with more columns",
        )
    return graded


def _is_ours(labs: pl.DataFrame) -> bool:
    """Whether the results were graded in the toolbox's columns."""
    return set(GRADED_LABS_SCHEMA) <= set(labs.columns)


def derive_liver_tests(ruleset: Ruleset, labs: pl.DataFrame) -> pl.DataFrame | None:
    """Hy's law by subject (`grading.HYS_LAW_FRAME`); None where the ruleset does not ask or another grading was used."""
    asked = ruleset.labs
    assert asked is not None  # noqa: S101  (there are graded results)
    rule = lab_options(asked.options).hys_law
    if rule is None or not _is_ours(labs):
        return None
    return derive_hys_law(labs, rule, read_rules(asked.rules.document).tolerance)


def conclude_labs(ruleset: Ruleset, tally: pl.DataFrame, registry: Registry) -> pl.DataFrame:
    """Findings about the laboratory results of the cohort, from the stacked tallies of all subjects."""
    assert ruleset.labs is not None  # noqa: S101  (there are graded results)
    grading = registry.gradings.require(ruleset.labs.rules.grading)
    who = guard.who_is(registry, "grading", ruleset.labs.rules.grading, grading.version)
    return guard.collect(who, partial(grading.lab_conclude, tally.lazy()))


def _reconciled(adverse_events: pl.DataFrame, labs: pl.DataFrame, within_days: int) -> pl.LazyFrame:
    """Where reported and laboratory grades do not fit each other, if both were graded in the toolbox's columns."""
    if not (set(GRADED_EVENTS_SCHEMA) <= set(adverse_events.columns) and _is_ours(labs)):
        return empty_findings()
    return reconcile(adverse_events.lazy(), labs.lazy(), within_days)
