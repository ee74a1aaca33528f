"""A subject's records: everything that an endpoint may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any, TypeVar

import polars as pl

from rules_engine.errors import closest

Found = TypeVar("Found")

#: The frames of `SubjectRecords`.
RECORD_FRAMES = (
    "subjects", "origins", "assessments", "therapies", "tace", "components", "clinical_events", "sightings",
)  # fmt: skip
#: Columns of `SubjectRecords.sightings`.
SIGHTING_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "source_id": pl.String(),
    "seq": pl.Int64(),
    "date": pl.Date(),
}


def no_sightings() -> pl.LazyFrame:
    """Nothing that other readings saw."""
    return pl.LazyFrame(schema=SIGHTING_SCHEMA)


@dataclass(frozen=True, slots=True)
class SubjectRecords:
    """Everything that an endpoint may look at, one lazy frame per kind of record (endpoints specification §1).

    =================  ==============================  =====================================================
    frame              one row per                     columns
    =================  ==============================  =====================================================
    subjects           subject                         subject, baseline_date, baseline_adequate, death_date
                                                       (partial), last_contact_date, withdrawal_date,
                                                       lost_to_followup_date, end_of_study_date
    origins            subject × named origin          subject, origin, date
    assessments        subject × timepoint             subject, source_id, seq, date (partial), visit_date,
                                                       visit, earliest_part_date, latest_part_date,
                                                       earliest_pd_part_date, response, iresponse,
                                                       suspected_pseudoprogression
    therapies          subject × therapy outside       subject, source_id, seq, start_date (partial), kind
                       the regimen
    tace               subject × TACE session          subject, source_id, seq, date
    components         subject × drug component        subject, source_id, seq, component, start_date,
                                                       last_date, ended
    clinical_events    subject × dated fact            subject, source_id, seq, date, kind
    sightings          subject × day of an assessment  subject, source_id, seq, date
                       of another reading
    =================  ==============================  =====================================================

    `source_id` is a text that names the record (unique per subject and frame); `seq` its number in the source, or null.
    Partial dates are text (`rules_engine.dates`); all other dates are Date. `tables` are the study's input tables in
    canonical form, the study's own columns included, for words that read what the frames do not hold.

    Steps that several endpoints have in common are planned once (`step`), so that a run over many endpoints computes
    them once; `hold` says how such a step is kept.
    """

    subjects: pl.LazyFrame
    origins: pl.LazyFrame
    assessments: pl.LazyFrame
    therapies: pl.LazyFrame
    tace: pl.LazyFrame
    components: pl.LazyFrame
    clinical_events: pl.LazyFrame
    sightings: pl.LazyFrame = field(default_factory=no_sightings)
    tables: Mapping[str, pl.LazyFrame] = field(default_factory=dict)
    hold: Callable[[pl.LazyFrame], pl.LazyFrame] = pl.LazyFrame.cache
    _known: dict[str, Any] = field(init=False, default_factory=dict, repr=False, compare=False)
    _turns: dict[str, RLock] = field(init=False, default_factory=dict, repr=False, compare=False)

    def table(self, name: str) -> pl.LazyFrame:
        """An input table of the study; a table that the study did not bring is empty."""
        try:
            return self.tables[name]
        except KeyError:
            near = closest(name, self.tables)
            meant = f"; did you mean {near!r}?" if near else ""
            raise KeyError(f"there is no input table {name!r}{meant}") from None

    def once(self, key: str, build: Callable[[], Found]) -> Found:
        """What `build` gives, built when first asked for under this key; who asks meanwhile, in another thread, waits for it."""
        if key not in self._known:
            with self._turns.setdefault(key, RLock()):
                if key not in self._known:
                    self._known[key] = build()
        found: Found = self._known[key]
        return found

    def step(self, key: str, build: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
        """A frame derived from these records, planned when first asked for under this key and held from then on."""
        return self.once(key, lambda: self.hold(build()))

    def with_frames(self, change: Callable[[str, pl.LazyFrame], pl.LazyFrame]) -> SubjectRecords:
        """The records with `change(name, frame)` in place of each frame; nothing is known of them yet."""
        frames: dict[str, Any] = {name: change(name, getattr(self, name)) for name in RECORD_FRAMES}
        return replace(self, **frames)
