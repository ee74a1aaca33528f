"""What is kept of one part: its data sets, and what the stage of all subjects reads of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import polars as pl

from rules_engine import pipeline
from rules_engine.engine import MADE, Engine, Result
from rules_engine.pipeline import Derived, OfCohort
from rules_engine.pipeline.cohort import counted_events
from rules_engine.study import Study, adam, check_records
from rules_engine.study.extra_columns import read_extra_columns
from rules_engine.vocabulary import ARD_SCHEMA

#: Data sets in which the parts follow one another.
DATA_SETS = MADE
DATA_SET, STAGE, READING, CODES, LESIONS = "data/", "stage/", "reading", "codes", "lesions"
#: Frames of the stage that only data sets are made of.
_NOT_KEPT = ("collected/", "graded/labs")
_EVENTS = "graded/adverse_events"


def derive_part(
    engine: Engine, part: Study, cutoff: date, progress: pipeline.Progress
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Run the stage of single subjects on the tables of a part, which are as `open_study` gives them; the frames by name."""
    checked = check_records(part)
    with_columns = read_extra_columns(
        checked, "lesion_assessments", pipeline.extra_lesion_columns(engine.ruleset, engine.registry)
    )
    yield READING, with_columns.findings.collect()
    if checked.tables["lesion_assessments"] is not part.tables["lesion_assessments"]:
        yield LESIONS, checked.tables["lesion_assessments"].collect()
    of_subjects = pipeline.derive_subjects(
        engine.ruleset, with_columns.tables, engine.registry, cutoff, progress=progress, with_candidates=True
    )
    if of_subjects.candidates is not None:
        yield f"{DATA_SET}candidates", of_subjects.candidates
        of_subjects = replace(of_subjects, candidates=None)  # a data set that is written need not be held
    for name, frame in of_subjects.frames().items():
        if name == _EVENTS:
            yield STAGE + name, counted_events(engine.ruleset, frame)
        elif not name.startswith(_NOT_KEPT):
            yield STAGE + name, frame
    labs = of_subjects.labs
    if labs is not None and "analyte_name" in labs.columns:
        yield CODES, adam.test_codes(labs)
    nothing = OfCohort(pl.DataFrame(schema=ARD_SCHEMA), {}, of_subjects.findings)
    result = Result(engine.ruleset, with_columns, Derived.of(of_subjects, nothing), cutoff, engine.registry)
    progress("data sets")
    for name in DATA_SETS:
        if name != "candidates":
            yield DATA_SET + name, result.made(name)
            result.forget_made(name)
