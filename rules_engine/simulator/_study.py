"""Puts the tables of the made-up study together, a chunk of subjects at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl
import yaml

from rules_engine.errors import UsageError
from rules_engine.simulator._adverse_events import draw_adverse_events
from rules_engine.simulator._cohort import draw_cohort
from rules_engine.simulator._draw import Streams
from rules_engine.simulator._imaging import draw_visits
from rules_engine.simulator._labs import draw_labs
from rules_engine.simulator._lesions import draw_lesions
from rules_engine.simulator._responses import draw_responses
from rules_engine.simulator._subjects import draw_clinical_events, draw_subjects
from rules_engine.simulator._treatments import draw_treatments
from rules_engine.simulator.defects import as_text, chosen_defects, put_defects

#: Subjects that are drawn at once; part of what a seed means.
CHUNK_SUBJECTS = 5_000


def simulate(
    subjects: int, seed: int, *, defects: bool | Sequence[str] = (), placed: list[dict[str, Any]] | None = None
) -> dict[str, pl.DataFrame]:
    """A made-up study of `subjects` subjects as input tables by name (`rules_engine.contracts.TABLES`).

    The same `subjects`, `seed` and `defects` always give the same tables. The data keep every rule of the contracts,
    except for the `defects` asked for (names of `defects.DEFECTS`; True = all); `placed` receives one entry per defect
    that says what was put where. Raises `UsageError` where `subjects` is less than one or too few for the defects,
    `seed` is negative, or a defect is unknown.
    """
    chunks = list(study_in_chunks(subjects, seed, defects=defects, placed=placed))
    return {name: pl.concat([chunk[name] for chunk in chunks], rechunk=True) for name in chunks[0]}


def study_in_chunks(
    subjects: int, seed: int, *, defects: bool | Sequence[str] = (), placed: list[dict[str, Any]] | None = None
) -> Iterator[dict[str, pl.DataFrame]]:
    """The same study, `CHUNK_SUBJECTS` subjects at a time; the chunks' tables stacked in order are the study.

    Defects stand among the subjects of the first chunk.
    """
    if subjects < 1:
        raise UsageError.at("simulate", f"a study needs at least one subject, not {subjects}", "state 1 or more")
    if seed < 0:
        raise UsageError.at("simulate", f"the seed is {seed}; it must not be negative", "state a whole number from 0")
    plan = _part("scenario")
    wanted = chosen_defects(defects)
    width = max(6, len(str(subjects)))
    for chunk, first in enumerate(range(1, subjects + 1, CHUNK_SUBJECTS)):
        numbers = np.arange(first, min(first + CHUNK_SUBJECTS, subjects + 1), dtype=np.int64)
        tables = _chunk(Streams(seed, chunk), plan, numbers, width)
        if wanted and chunk == 0:
            tables, said = put_defects(tables, wanted, Streams(seed, chunk)("defects"))
            if placed is not None:
                placed.extend(said)
        yield as_text(tables, wanted) if wanted else tables


def _chunk(streams: Streams, plan: dict[str, Any], numbers: np.ndarray, width: int) -> dict[str, pl.DataFrame]:
    cohort = draw_cohort(streams, plan, numbers, width)
    visits = draw_visits(streams, plan, cohort)
    care = draw_treatments(streams, plan, cohort, visits)
    lesions = draw_lesions(streams, plan, cohort, visits, care.conversion)
    return {
        "subjects": draw_subjects(streams, plan, cohort, visits, care),
        "lesion_assessments": lesions,
        "response_assessments": draw_responses(streams, plan, lesions),
        "treatments": care.table,
        "clinical_events": draw_clinical_events(streams, plan, cohort, visits, lesions),
        "adverse_events": draw_adverse_events(streams, plan, _part("adverse_events"), cohort, care),
        "labs": draw_labs(streams, _part("labs"), cohort, visits, care),
    }


@lru_cache
def _part(name: str) -> dict[str, Any]:
    """What the study is drawn from: one of the YAML files beside this module (`scenario`, `adverse_events`, `labs`)."""
    text = files("rules_engine.simulator").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document
