"""A result whose parts lie on disk: read when asked for, streamed when written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import polars as pl

from rules_engine.engine import Result
from rules_engine.partitions import files
from rules_engine.partitions.part import CODES, DATA_SET, DATA_SETS, STAGE
from rules_engine.pipeline import OfSubjects
from rules_engine.pipeline.discrepancies import DISCREPANCY_KEY, uncompared_discrepancies
from rules_engine.pipeline.subjects import GROUPS
from rules_engine.study import adam

#: The files of each frame of a part, by name.
Part = Mapping[str, Path]


class StoredFrames(Mapping[str, pl.DataFrame]):
    """Frames of one group (`timepoints`, `time_to_event` …) by name, put together from all parts when asked for. The last one asked for
    is kept: those of a large study are large.
    """

    def __init__(self, group: str, parts: Sequence[Part]) -> None:
        before = f"{STAGE}{group}/"
        self._files = {
            key.removeprefix(before): [part[key] for part in parts] for key in parts[0] if key.startswith(before)
        }
        self._read = lru_cache(maxsize=1)(lambda name: files.read(self._files[name]))
        self._reading = Lock()

    def __getitem__(self, name: str) -> pl.DataFrame:
        with self._reading:  # who asks for the same at the same time waits for it
            return self._read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def stored_subjects(parts: Sequence[Part]) -> OfSubjects:
    """What was derived subject by subject, from the files of all parts, which are in the order of their subjects.

    `collected` and the graded `labs` are not there, and of graded events only what is counted of them: data sets alone are made of
    the rest.
    """
    known: dict[str, Any] = {group: StoredFrames(group, parts) for group in GROUPS}
    findings = files.read([part[f"{STAGE}findings"] for part in parts])
    return OfSubjects(**known, findings=findings, **_compared(parts))


def _compared(parts: Sequence[Part]) -> dict[str, Any]:
    """Discrepancies, and which components they compare."""
    compared = [files.read(part[f"{STAGE}compared"]) for part in parts]
    anywhere = pl.concat(compared).unique().sort(pl.all())
    found = [files.read([part[f"{STAGE}discrepancies"] for part in parts])]
    for part, here in zip(parts, compared, strict=True):
        found.append(uncompared_discrepancies(StoredFrames("timepoints", [part]), here, anywhere))
    return {"discrepancies": pl.concat(found).sort(DISCREPANCY_KEY), "compared": anywhere}


@dataclass(frozen=True)
class StoredResult(Result):
    """The result of a run in parts; a context manager, at whose end the parts are deleted.

    Data sets are read from the parts; `written` are the paths of what was written, by name.
    """

    parts: Sequence[Part] = ()
    written: Mapping[str, Path] = field(default_factory=dict)
    ending: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> StoredResult:
        return self

    def __exit__(self, *_error: object) -> None:
        self.ending.close()

    def data_sets(self) -> dict[str, Any]:
        """Everything that `write` puts into files, by name; data sets as lazy frames."""
        return {**{name: adam.as_text(self.stored(name)) for name in DATA_SETS}, **self._other_frames()}

    def as_written(self) -> Mapping[str, pl.DataFrame | pl.LazyFrame]:
        """The same as it goes into the files, words as categories."""
        return {**{name: self.stored(name) for name in DATA_SETS}, **self._other_frames()}

    def _other_frames(self) -> dict[str, pl.DataFrame]:
        return {"ard": self.ard, "findings": self.findings, "discrepancies": self.discrepancies}

    def stored(self, name: str) -> pl.LazyFrame:
        """A data set, its parts one after another, words as categories."""
        rows = files.scan([part[DATA_SET + name] for part in self.parts])
        if name == "adlb" and CODES in self.parts[0]:
            codes = files.read([part[CODES] for part in self.parts])
            return rows.with_columns(PARAM=adam.test_name(codes))
        return rows

    def made(self, name: str) -> pl.DataFrame:
        """As in memory; read from the parts, and not kept."""
        return self.stored(name).collect()

    def forget_made(self, name: str) -> None:
        """Nothing is kept."""

    @property
    def adtr(self) -> pl.DataFrame:
        """As in memory; read from the parts."""
        return adam.as_text(self.made("adtr"))

    @property
    def adrs(self) -> pl.DataFrame:
        """As in memory; read from the parts."""
        return adam.as_text(self.made("adrs"))

    @property
    def adtte(self) -> pl.DataFrame:
        """As in memory; read from the parts."""
        return adam.as_text(self.made("adtte"))

    @property
    def candidates(self) -> pl.DataFrame:
        """As in memory; read from the parts."""
        return adam.as_text(self.made("candidates"))

    @property
    def adae(self) -> pl.DataFrame:
        """As in memory; read from the parts."""
        return adam.as_text(self.made("adae"))

    @property
    def adlb(self) -> pl.DataFrame:
        """As in memory; read from the parts."""
        return adam.as_text(self.made("adlb"))
