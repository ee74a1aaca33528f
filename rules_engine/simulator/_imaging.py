"""When subjects are scanned: planned visits with jitter, missed ones, early re-scans, the last scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rules_engine.simulator._cohort import NEVER, Cohort
from rules_engine.simulator._draw import Bools, Ints, Streams, Texts, between, days_between

#: Stands for a visit that does not exist.
NO_VISIT = 10**3


@dataclass(frozen=True, slots=True)
class Visits:
    """Arrays of subjects × visits; visit 0 is the baseline. Visit numbers per subject may be `NO_VISIT`."""

    day: Ints
    done: Bools
    reason: Texts
    flagged: Bools  # pseudoprogression suspected
    progression: Ints  # first visit done on or after the day of true progression
    pseudo: Ints  # visit of the transient rise
    pseudo_by_new_lesion: Bools

    @property
    def progression_day(self) -> Ints:
        """Day of the scan that shows true progression; `NEVER` = not seen."""
        return self.day_of(self.progression)

    def day_of(self, visit: Ints) -> Ints:
        """Day of one visit per subject; `NEVER` where there is none."""
        rows = np.arange(len(self.day))
        known = np.minimum(visit, self.day.shape[1] - 1)
        day: Ints = np.where(visit == NO_VISIT, NEVER, self.day[rows, known])
        return day

    @property
    def last_day(self) -> Ints:
        """Day of the last scan done, the baseline included."""
        last: Ints = np.where(self.done, self.day, 0).max(axis=1)
        return last


def draw_visits(streams: Streams, plan: dict[str, Any], cohort: Cohort) -> Visits:
    """Plan the visits of every subject and decide which take place."""
    rng = streams("imaging")
    imaging, pseudo_plan = plan["imaging"], plan["pseudoprogression"]
    count, visits = len(cohort), imaging["visits"]
    numbers = np.arange(visits)

    interval = np.where(numbers < imaging["late_from_visit"], imaging["every"], imaging["every_late"])
    interval = np.where(numbers == 0, imaging["first_after_tace"], interval)
    jitter = np.clip(np.round(rng.normal(0, imaging["jitter"], (count, visits))), -14, 21).astype(np.int64)
    planned = cohort.tace_start[:, None] + np.cumsum(interval)[None, :] + jitter

    attended = rng.random((count, visits)) >= imaging["missed"]
    gap_from = np.where(rng.random(count) < imaging["long_gap"], days_between(rng, [1, 6], count), NO_VISIT)
    in_gap = (numbers >= gap_from[:, None]) & (numbers <= gap_from[:, None] + days_between(rng, [1, 2], count)[:, None])
    attended &= ~in_gap
    attended &= (rng.random(count) >= imaging["no_post_baseline"])[:, None]

    # Transient rise: first or second visit, well before any true progression.
    pseudo = days_between(rng, [0, 1], count)
    rises = (rng.random(count) < pseudo_plan["share"]) & (cohort.ici_start < NEVER) & (cohort.depth > 0.2)
    rises &= cohort.progression > _at(planned, pseudo) + 90
    rises &= _at(planned, pseudo) > cohort.ici_start + 20
    rises &= _at(attended, pseudo)
    pseudo = np.where(rises, pseudo, NO_VISIT)

    seen = _first_visit(planned, attended, cohort.progression)
    flagged_true = (rng.random(count) < pseudo_plan["true_progression_flagged"]) & cohort.ici & (seen != NO_VISIT)
    flagged_at = np.where(rises, pseudo, np.where(flagged_true, seen, NO_VISIT))

    # After a suspicion the next scan comes early, and the later ones follow it at the usual pace.
    soon = days_between(rng, imaging["rescan_after_suspicion"], count)
    too_early = days_between(rng, imaging["early_rescan"], count)
    soon = np.where(rng.random(count) < imaging["rescan_too_early"], too_early, soon)
    following = flagged_at + 1
    shift = _at(planned, flagged_at) + soon - _at(planned, following)
    planned = np.where(numbers >= following[:, None], planned + shift[:, None], planned)
    attended |= (numbers == following[:, None]) & (flagged_at != NO_VISIT)[:, None]
    seen = np.where(flagged_true & ~rises, seen, _first_visit(planned, attended, cohort.progression))

    # Each scan after progression may be the last.
    further = rng.geometric(imaging["after_progression"], count) - 1
    stops_flagged = rng.random(count) < pseudo_plan["no_further_scan"]
    further = np.where(flagged_true, np.where(stops_flagged, 0, np.maximum(further, 1)), further)
    last = np.where(seen == NO_VISIT, NO_VISIT, seen + further)
    done = attended & (numbers <= last[:, None]) & (planned < cohort.end[:, None])
    seen = np.where((seen != NO_VISIT) & _at(done, seen), seen, NO_VISIT)
    pseudo = np.where((pseudo != NO_VISIT) & _at(done, pseudo), pseudo, NO_VISIT)
    flagged = (numbers == flagged_at[:, None]) & done

    reason = np.where(rng.random((count, visits)) < imaging["symptom"], "symptom", "scheduled").astype(object)
    reason[(numbers == following[:, None]) & (flagged_at != NO_VISIT)[:, None]] = "other"

    first = np.ones((count, 1), dtype=np.bool_)
    return Visits(
        day=np.concatenate([cohort.baseline[:, None], planned], axis=1),
        done=np.concatenate([first, done], axis=1),
        reason=np.concatenate([np.full((count, 1), "scheduled", dtype=object), reason], axis=1),
        flagged=np.concatenate([~first, flagged], axis=1),
        progression=np.where(seen == NO_VISIT, NO_VISIT, seen + 1),
        pseudo=np.where(pseudo == NO_VISIT, NO_VISIT, pseudo + 1),
        pseudo_by_new_lesion=between(rng, [0, 1], count) < pseudo_plan["new_lesion"],
    )


def _at(values: np.ndarray, visit: Ints) -> np.ndarray:
    """The entry of one visit per subject; the last one where there is no such visit (callers mask those)."""
    chosen: np.ndarray = values[np.arange(len(values)), np.minimum(visit, values.shape[1] - 1)]
    return chosen


def _first_visit(planned: Ints, attended: Bools, day: Ints) -> Ints:
    """Number of the first attended visit on or after `day`; `NO_VISIT` where there is none."""
    shows = attended & (planned >= day[:, None])
    return np.where(shows.any(axis=1), shows.argmax(axis=1), NO_VISIT)
