"""The work of a whole run by stage, counted and not timed: nobody adds a collect, a join or a pass over the rows unseen.

Counted on a made-up study of twenty subjects with every kind of table: how often frames are computed, what their plans hold as
written down (before anything is shared or left out), and how many rows come out. The figures are what a run needs today; a
twentieth more, or three, is let through. Who needs more raises them here, and measures what it costs first (`python -m
benchmarks`); who needs less lowers them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, side_by_side
from rules_engine.simulator import simulate_to

from tests.scale.conftest import CUTOFF
from tests.unit.test_criteria_work import counted

COUNTS = ("collects", "scans", "joins", "sorts", "groups", "rows")
EXPECTED = {
    "reading": (29, 115, 24, 3, 25, 650),
    "responses": (42, 220, 118, 2, 87, 4_075),
    "endpoints": (224, 1_079, 588, 37, 139, 6_874),
    "grading": (11, 43, 6, 11, 17, 4_751),
    "discrepancies": (5, 24, 1, 2, 0, 188),
    "analyses": (16, 79, 0, 37, 59, 126),
    "counts of grades": (4, 2, 0, 0, 0, 7_015),
    "agreement": (1, 20, 0, 1, 4, 50),
    "data sets": (7, 47, 5, 0, 1, 3_807),
}


def most(expected: int) -> int:
    """What is let through: a small step more in a stage is no pass over the rows more."""
    return expected + max(3, expected // 20)


class Work:
    """Counts of every stage; a callable that takes the name of each stage as it begins (`endpoints: PFS` is of `endpoints`)."""

    def __init__(self) -> None:
        self.of: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._stage = "reading"
        self._is_inside = False  # computing several frames at once computes each of them

    def __call__(self, stage: str) -> None:
        self._stage = stage.partition(":")[0]

    def count(self, plans: Iterable[pl.LazyFrame], compute: Callable[[], list[pl.DataFrame]]) -> list[pl.DataFrame]:
        if self._is_inside:
            return compute()
        here = self.of[self._stage]
        for plan in plans:
            here.update(counted(plan))
        self._is_inside = True
        try:
            frames = compute()
        finally:
            self._is_inside = False
        here.update(collects=1, rows=sum(frame.height for frame in frames))
        return frames


@contextmanager
def counting() -> Iterator[Work]:
    """Counts what Polars is asked to compute meanwhile."""
    work = Work()
    collect, collect_all = pl.LazyFrame.collect, pl.collect_all

    def one(plan: pl.LazyFrame, *given: Any, **more: Any) -> pl.DataFrame:
        return work.count([plan], lambda: [collect(plan, *given, **more)])[0]

    def several(plans: Iterable[pl.LazyFrame], *given: Any, **more: Any) -> list[pl.DataFrame]:
        listed = list(plans)
        return work.count(listed, lambda: collect_all(listed, *given, **more))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl.LazyFrame, "collect", one)
        patch.setattr(pl, "collect_all", several)
        patch.setattr(side_by_side, "at_a_time", lambda: 1)  # so that it is known what is inside what
        yield work


def test_no_stage_does_more_than_it_needs(tmp_path: Path) -> None:
    simulate_to(tmp_path / "study", subjects=20, seed=7)
    engine = Engine("tace_ici_hcc")
    with counting() as work:
        result = engine.run(tmp_path / "study", data_cutoff=CUTOFF, progress=work, with_candidates=True)
        work("data sets")
        result.data_sets()
    found = {stage: tuple(counts[name] for name in COUNTS) for stage, counts in work.of.items()}
    assert found.keys() == EXPECTED.keys()
    more = {
        f"{stage}, {name}": f"{now:,}, at most {most(figure):,}"
        for stage, figures in EXPECTED.items()
        for name, now, figure in zip(COUNTS, found[stage], figures, strict=True)
        if now > most(figure)
    }
    assert not more, f"this run does more than it did; all of it: {found}"


def test_a_collect_and_a_join_more_are_seen() -> None:
    frame = pl.LazyFrame({"a": [1, 2]})
    with counting() as work:
        work("endpoints: PFS")
        frame.join(frame, on="a").collect()
        pl.collect_all([frame, frame.sort("a")])
    counts = work.of["endpoints"]
    assert [counts[name] for name in COUNTS] == [2, 4, 1, 1, 0, 6]
