"""Steps that several endpoints have in common are planned once, so that a run over many endpoints computes them once.

A step is shared by endpoints that read the very same frames with the same options. Only plans are kept, never results,
and only as long as the frames live.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import polars as pl

from rules_engine.vocabulary import SubjectRecords

Plans = dict[str, pl.LazyFrame]
_Frames = tuple[weakref.ref[pl.LazyFrame], ...]

#: By identity of the assessments: the frames of the records (held weakly), and the plans built over them.
_known: dict[int, list[tuple[_Frames, Plans]]] = {}


def options_key(options: Mapping[str, Any], names: Sequence[str]) -> str:
    """The named options as text that is equal where they are equal."""
    return json.dumps([options.get(name) for name in names], sort_keys=True, default=str)


def shared(records: SubjectRecords, key: str, build: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
    """The plan of a step over these records: built at its first use, the same one afterwards."""
    plans = _plans_over(records)
    if key not in plans:
        plans[key] = build().cache()
    return plans[key]


def derive_names(records: SubjectRecords) -> pl.LazyFrame:
    """One row per subject: subject (its name) and number."""
    return shared(
        records,
        "names",
        lambda: records.subjects.select("subject").unique().with_row_index("number"),
    )


def numbered(records: SubjectRecords) -> SubjectRecords:
    """The same records with a number in place of each subject's name: joins and sorts over numbers cost a fraction.

    The numbers mean nothing, not even an order. Records of subjects who are not in `subjects` are left out.
    """
    names = derive_names(records)

    def with_numbers(name: str) -> pl.LazyFrame:
        frame: pl.LazyFrame = getattr(records, name)
        return shared(
            records,
            f"numbered {name}",
            lambda: frame.join(names, on="subject").with_columns(subject="number").drop("number"),
        )

    return SubjectRecords(**{field.name: with_numbers(field.name) for field in fields(records)})


def named(rows: pl.LazyFrame, records: SubjectRecords, columns: Iterable[str]) -> pl.LazyFrame:
    """Rows of numbered subjects (`subject`), with the subjects' names again; rows of no subject stay as they are."""
    names = derive_names(records).select(subject="number", _name="subject")
    return (
        rows.with_columns(pl.col("subject").cast(pl.UInt32))
        .join(names, on="subject", how="left")
        .with_columns(subject="_name")
        .select(list(columns))
    )


def _plans_over(records: SubjectRecords) -> Plans:
    frames: tuple[pl.LazyFrame, ...] = tuple(getattr(records, field.name) for field in fields(records))
    owner = id(records.assessments)
    if owner not in _known:
        _known[owner] = []
        weakref.finalize(records.assessments, _known.pop, owner, None)
    for known, plans in _known[owner]:
        if all(frame is reference() for frame, reference in zip(frames, known, strict=True)):
            return plans
    # Plans over frames that are gone can never be asked for again.
    _known[owner] = [entry for entry in _known[owner] if all(reference() is not None for reference in entry[0])]
    plans = {}
    _known[owner].append((tuple(weakref.ref(frame) for frame in frames), plans))
    return plans
