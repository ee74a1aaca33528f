"""One timepoint response told in words: what each lesion said, the sums, which rule decided, and what would have changed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from rules_engine.explain.lesions import LesionReading
from rules_engine.explain.reassessment import Reassessment
from rules_engine.explain.sentences import Sentence, wrapped
from rules_engine.explain.thresholds import Alternative, Change
from rules_engine.explain.words import (
    as_data,
    change_percent,
    listed,
    millimetres,
    mm,
    ordinal,
    percent,
)


@dataclass(frozen=True, slots=True)
class Sums:
    """The target sums of a visit, in whole hundredths of a millimetre.

    `sum_x100` is None where some target is unknown; `known_x100` is then the sum of the others. `nadir_date` is the visit that gave
    the nadir.
    """

    sum_x100: int | None
    known_x100: int | None
    baseline_x100: int | None
    baseline_date: date | None
    nadir_x100: int | None
    nadir_date: date | None
    limits: tuple[Any, ...] = ()

    @property
    def baseline_change(self) -> str | None:
        """Change from baseline in percent, as text."""
        return self._change(self.baseline_x100)

    @property
    def nadir_change(self) -> str | None:
        """Change from the nadir in percent, as text."""
        return self._change(self.nadir_x100)

    def _change(self, reference: int | None) -> str | None:
        if self.sum_x100 is None or reference is None:
            return None
        change = change_percent(self.sum_x100, reference)
        return None if change is None else percent(change, self.limits)

    def __str__(self) -> str:
        if self.sum_x100 is None:
            known = (
                "nothing is known"
                if self.known_x100 is None
                else f"the targets that are known add up to {mm(self.known_x100)}"
            )
            text = f"The sum is incomplete; {known}."
        else:
            text = f"Sum {mm(self.sum_x100)}."
        if self.baseline_x100 is None:
            return f"{text} There is no baseline sum (missing, incomplete or 0)."
        text += f" Baseline {mm(self.baseline_x100)} ({self.baseline_date})"
        text += f": {self.baseline_change}." if self.baseline_change else "."
        if self.nadir_x100 is None:
            return f"{text} There is no nadir yet."
        where = "the baseline" if self.nadir_date == self.baseline_date else f"the visit of {self.nadir_date}"
        text += f" Nadir {mm(self.nadir_x100)} ({where})"
        if self.sum_x100 is None:
            return f"{text}."
        growth = mm(self.sum_x100 - self.nadir_x100, sign=True)
        return f"{text}: {self.nadir_change}, {growth}." if self.nadir_change else f"{text}: {growth}."

    def as_dict(self) -> dict[str, Any]:
        """The sums as plain data: lengths in mm, changes in percent rounded to four places (never compared)."""
        return {
            "sum_mm": as_data(millimetres(self.sum_x100)),
            "sum_complete": self.sum_x100 is not None,
            "known_sum_mm": as_data(millimetres(self.known_x100)),
            "baseline_mm": as_data(millimetres(self.baseline_x100)),
            "baseline_date": as_data(self.baseline_date),
            "nadir_mm": as_data(millimetres(self.nadir_x100)),
            "nadir_date": as_data(self.nadir_date),
            "change_from_baseline_pct": self._rounded(self.baseline_x100),
            "change_from_nadir_pct": self._rounded(self.nadir_x100),
            "change_from_nadir_mm": None
            if self.sum_x100 is None or self.nadir_x100 is None
            else as_data(millimetres(self.sum_x100 - self.nadir_x100)),
        }

    def _rounded(self, reference: int | None) -> float | None:
        change = None if self.sum_x100 is None or reference is None else change_percent(self.sum_x100, reference)
        return None if change is None else round(float(change), 4)


@dataclass(frozen=True, slots=True)
class Component:
    """Target, non-target or overall response: the code, and the sentence that says which rule gave it and why."""

    response: str | None
    sentence: Sentence

    def as_dict(self) -> dict[str, Any]:
        """The component as plain data."""
        return {"response": self.response, **self.sentence.as_dict()}


@dataclass(frozen=True, slots=True)
class TimepointStory:
    """One timepoint response of one subject, explained. `str()` gives the text; `as_dict()` the same as data."""

    subject: str
    response_name: str
    criterion: str
    title: str
    visit_date: date
    number: int
    reason: str | None
    suspected_pseudoprogression: bool
    overall: str
    lesions: tuple[LesionReading, ...]
    sums: Sums | None
    target: Component | None
    nontarget: Component | None
    new_lesion: Component | None
    decision: Component
    reassessment: Reassessment | None
    alternatives: tuple[Alternative, ...]
    notes: tuple[Sentence, ...] = ()

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data; dates are ISO text, lengths are in mm."""

        def data(part: Any) -> Any:
            return None if part is None else part.as_dict()

        return {
            "subject": self.subject,
            "response": self.response_name,
            "criterion": self.criterion,
            "visit_date": as_data(self.visit_date),
            "visit_number": self.number,
            "reason": self.reason,
            "suspected_pseudoprogression": self.suspected_pseudoprogression,
            "overall": self.overall,
            "lesions": [lesion.as_dict() for lesion in self.lesions],
            "sums": data(self.sums),
            "target": data(self.target),
            "nontarget": data(self.nontarget),
            "new_lesion": data(self.new_lesion),
            "decision": data(self.decision),
            "reassessment": data(self.reassessment),
            "alternatives": [one.as_dict() for one in self.alternatives],
            "notes": [note.as_dict() for note in self.notes],
        }


# Text --------------------------------------------------------------------------------------------------------------------


def _lines(story: TimepointStory) -> Iterator[str]:
    yield f"{story.response_name} ({story.title}), subject {story.subject}, {story.visit_date}: {story.overall}"
    about = [f"{ordinal(story.number)} visit after baseline"] if story.number else []
    about += [f"reason {story.reason}"] if story.reason not in (None, "scheduled") else []
    about += ["pseudoprogression suspected"] if story.suspected_pseudoprogression else []
    if about:
        yield f"  {', '.join(about)}"
    yield from _lesion_lines(story.lesions)
    if story.sums is not None:
        yield wrapped(str(story.sums), 2)
    for name, part in (("Target", story.target), ("Non-target", story.nontarget), ("New lesions", story.new_lesion)):
        if part is not None:
            yield wrapped(f"{name}: {part.sentence}", 2)
    if story.reassessment is not None:
        yield from (wrapped(str(sentence), 2) for sentence in story.reassessment.sentences)
    yield wrapped(f"Overall: {story.decision.sentence}", 2)
    yield from (wrapped(str(note), 2) for note in story.notes)
    yield from _alternative_lines(story.alternatives)


def _lesion_lines(lesions: Sequence[LesionReading]) -> Iterator[str]:
    if not lesions:
        return
    cells = [
        (
            f"{lesion.role} {lesion.lesion}",
            f"{'node, ' if lesion.node else ''}{lesion.organ}",
            "" if lesion.baseline_x100 is None else mm(lesion.baseline_x100),
            "" if lesion.counted_x100 is None else mm(lesion.counted_x100),
            lesion.said + (f" {lesion.rule.cited}" if lesion.rule else ""),
        )
        for lesion in lesions
    ]
    head = ("", "", "baseline", "now", "")
    widths = [max(len(row[place]) for row in [head, *cells]) for place in range(4)]
    for name, organ, baseline, now, said in [head, *cells]:
        text = f"{name:<{widths[0]}}  {organ:<{widths[1]}}  {baseline:>{widths[2]}}  {now:>{widths[3]}}  {said}"
        yield f"    {text}".rstrip()


def _alternative_lines(found: Sequence[Alternative]) -> Iterator[str]:
    if found:
        yield "  What would have had to be different"
    for one in found:
        ways = [_way(way) for way in one.ways]
        start = f"{one.direction}, {one.category}"
        if len(ways) == 1:
            yield wrapped(f"{start}: {ways[0]}", 4)
        else:
            yield f"    {start}, any one of:"
            yield from (wrapped(way, 6) for way in ways)


def _way(way: Sequence[Change]) -> str:
    rules = dict.fromkeys(rule.cited for change in way for rule in change.rules)
    return " ".join([listed(change.text for change in way), *rules])
