"""The courses of many subjects for the page's panel: lesions, visits, timeline and the story of every endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl

from rules_engine import pipeline
from rules_engine.criteria.lesions import baseline_lesions
from rules_engine.criteria.numbers import hundredths
from rules_engine.criteria.visits import derive_readings
from rules_engine.explain.endpoint import EndpointStory
from rules_engine.explain.lesions import TOOLBOX_VALUES
from rules_engine.explain.many_subjects import tell_endpoints_of
from rules_engine.explain.sentences import Sentence
from rules_engine.explain.timeline import Lane, ending_of, lanes_of_course, origin_of
from rules_engine.explain.traced import Rows, rows_by
from rules_engine.model import CriterionRules, ResponseDefinition, Ruleset
from rules_engine.registry import Registry
from rules_engine.report.course import (
    Course,
    CourseLane,
    LaneMark,
    LaneSpan,
    LesionPath,
    Point,
    Story,
    Trajectory,
    Visit,
)
from rules_engine.report.course import Sentence as ToldSentence

Tables = Mapping[str, pl.LazyFrame]


def courses_of(
    subjects: Sequence[str], tables: Tables, timepoints: Mapping[str, pl.DataFrame],
    baselines: Mapping[str, pl.DataFrame], ruleset: Ruleset, registry: Registry, cutoff: date,
) -> list[Course]:  # fmt: skip
    """The courses of these subjects, in this order; `timepoints` and `baselines` are what a run derived, by response."""
    wanted = pl.LazyFrame({"subject": list(subjects)}, schema={"subject": pl.String})
    of_them = {
        name: rows.join(wanted, on="subject", how="semi")
        for name, rows in pipeline.tables_as_of(tables, cutoff).items()
    }
    stories = tell_endpoints_of(subjects, tables, timepoints, ruleset, registry, cutoff)
    mine = {name: rows.join(wanted.collect(), on="subject", how="semi") for name, rows in timepoints.items()}
    read = {
        name: _Stream.of(ruleset.responses[name], rows, baselines[name], of_them["lesion_assessments"])
        for name, rows in mine.items()
    }
    about, treatments, events = (
        rows_by(of_them[name].sort(*by).collect())
        for name, by in (
            ("subjects", ["subject"]),
            ("treatments", ["start_date", "row"]),
            ("clinical_events", ["date", "kind", "row"]),
        )
    )
    order = _streams_in_order(ruleset, read)
    collected = {
        name: rows_by(stream.sort("date", "seq").collect())
        for name, stream in pipeline.assessment_streams(ruleset, of_them, mine, registry).items()
        if ruleset.responses[name].source == "collected"
    }

    def course(subject: str) -> Course:
        row, told = about[subject][0], stories[subject]
        lanes = lanes_of_course(row, treatments.get(subject, []), events.get(subject, []), told)
        visits = [visit for name in order for visit in read[name].visits(subject)]
        for name, rows in collected.items():
            visits += _collected_visits(name, rows.get(subject, []))
        return Course(
            subject, str(row.get("arm") or ""), origin_of(told), _trajectories(subject, [read[name] for name in order]), visits,
            [_lane(group, lane) for group, of_group in lanes for lane in of_group],
            list(map(_story, told)),
        )  # fmt: skip

    return [course(subject) for subject in subjects]


def _streams_in_order(ruleset: Ruleset, read: Mapping[str, _Stream]) -> list[str]:
    """The derived streams: that of the first endpoint first, then as the ruleset has them."""
    first = [endpoint.response for endpoint in ruleset.endpoints.values()]
    return sorted(read, key=lambda name: first.index(name) if name in first else len(first))


class _Stream:
    """One derived stream: its visits and its lesions, by subject."""

    def __init__(self, name: str, rules: CriterionRules, rows: Mapping[str, Rows], lesions: Mapping[str, Rows]) -> None:
        self.name = name
        self._rules = rules
        self._rows = rows
        self._lesions = lesions

    @classmethod
    def of(
        cls, definition: ResponseDefinition, timepoints: pl.DataFrame, baselines: pl.DataFrame, lesions: pl.LazyFrame
    ) -> _Stream:
        rules = definition.rules
        assert rules is not None  # noqa: S101  (the loader gives every derived stream its rules)
        days = baselines.select("subject", baseline_date="visit_date")
        dated = timepoints.sort("subject", "visit_date").join(days, on="subject", how="left", maintain_order="left")
        reading = pipeline.select_reading(lesions, definition)
        return cls(definition.name, rules, rows_by(dated), rows_by(_contributions(reading, rules)))

    def visits(self, subject: str) -> Iterator[Visit]:
        for row in self._rows.get(subject, []):
            new = "new lesion" if row["new_lesion"] else "no new lesion"
            parts = f"target {row['target']}, non-target {row['nontarget']}, {new}"
            if row["overall_as_read"] is not None and row["overall_as_read"] != row["overall"]:
                parts += f"; read as {row['overall_as_read']}"
            if row["suspected_pseudoprogression"]:
                parts += "; pseudoprogression suspected"
            yield Visit(row["visit_date"], self.name, row["overall"], parts)

    def lesions(self, subject: str) -> list[LesionPath]:
        """What each target adds; a visit at which a lesion has no row stays empty."""
        found: dict[str, tuple[str, dict[date, int | None]]] = {}
        for row in self._lesions.get(subject, []):
            _organ, days = found.setdefault(row["lesion_id"], (row["organ"] or "", {}))
            days[row["visit_date"]] = row["c"]
        return [LesionPath(lesion, organ, list(days.items())) for lesion, (organ, days) in sorted(found.items())]

    def sums(self, subject: str) -> list[Point]:
        rows = self._rows.get(subject, [])
        first = [(row["baseline_date"], row["baseline_x100"]) for row in rows[:1] if row["baseline_date"] is not None]
        return [*first, *((row["visit_date"], row["sum_x100"]) for row in rows)]

    def nadirs(self, subject: str) -> list[tuple[date, int, int | None]]:
        return [
            (row["visit_date"], row["nadir_x100"], self._progression_from(row["nadir_x100"]))
            for row in self._rows.get(subject, [])
            if row["nadir_x100"] is not None
        ]

    def _progression_from(self, nadir: int) -> int | None:
        """The smallest sum that is progression from a nadir, in whole hundredths of a millimetre."""
        percent, rise = (self._rules.options.get(key) for key in ("pd.pct", "pd.abs_mm"))
        if percent is None or rise is None:
            return None
        needed = Fraction(nadir) * (100 + Fraction(str(percent))) / 100
        # From a nadir of 0 any growth is progression, if the rise in mm allows it.
        return max(-int(-needed // 1), nadir + hundredths(rise), nadir + 1)

    def partial_response(self, subject: str) -> int | None:
        """The largest sum that is a partial response."""
        percent = self._rules.options.get("pr.pct")
        baseline = next((row["baseline_x100"] for row in self._rows.get(subject, [])), None)
        if percent is None or baseline is None:
            return None
        return int(Fraction(baseline) * (100 - Fraction(str(percent))) / 100)


def _collected_visits(stream: str, rows: Rows) -> Iterator[Visit]:
    """Responses as a reader reported them; one whose day nobody knows stands on the first that is possible."""
    for row in rows:
        day = row["date"] or row["latest_part_date"] or row["visit_date"]
        if day is not None:
            suspected = "; pseudoprogression suspected" if row["suspected_pseudoprogression"] else ""
            code = row["iresponse"] or row["response"] or "no response"
            yield Visit(date.fromisoformat(f"{day}-01-01"[:10]), stream, code, f"as collected, {day}{suspected}")


def _contributions(reading: pl.LazyFrame, rules: CriterionRules) -> pl.DataFrame:
    """What each target adds to the sum: subject, visit_date, lesion_id, organ, c (null: not evaluated); fragments added up.

    Empty for a criterion that is not made of the toolbox, which reads lesions in a way of its own.
    """
    if not rules.options.keys() >= TOOLBOX_VALUES:
        return pl.DataFrame(schema={"subject": pl.String()})
    # The sum of nothing but nulls would be 0: a lesion of which a part was not evaluated has no size.
    whole = pl.when(pl.col("c").is_not_null().all()).then(pl.col("c").sum())
    return (
        derive_readings(reading, reading, baseline_lesions(reading), rules)
        .filter(pl.col("role").cast(pl.String) == "target")
        .group_by(pl.col("subject").cast(pl.String), "visit_date", pl.col("lesion_id").cast(pl.String))
        .agg(pl.col("organ").cast(pl.String).max(), c=whole)
        .sort("subject", "visit_date", "lesion_id")
        .collect()
    )


def _trajectories(subject: str, streams: Sequence[_Stream]) -> list[Trajectory]:
    """One per set of sums and lesions; streams that read the lesions alike share one."""
    found: dict[Any, list[str]] = {}
    kept: dict[Any, Trajectory] = {}
    for stream in streams:
        lesions, sums = stream.lesions(subject), stream.sums(subject)
        nadirs, limit = stream.nadirs(subject), stream.partial_response(subject)
        if not any(length is not None for _day, length in sums):
            continue
        key = repr((lesions, sums, nadirs, limit))
        found.setdefault(key, []).append(stream.name)
        kept[key] = Trajectory(found[key], lesions, sums, nadirs, limit)
    return list(kept.values())


def _lane(group: str, lane: Lane) -> CourseLane:
    marks = [LaneMark(mark.day, mark.kind, mark.label, mark.tip) for mark in lane.marks]
    spans = [
        LaneSpan(
            span.start, span.end,
            "goes on" if span.goes_on else "vague" if span.vague else "quiet" if span.quiet else "course", span.tip,
        )
        for span in lane.spans
    ]  # fmt: skip
    return CourseLane(group, lane.name, marks, spans)


def _story(story: EndpointStory) -> Story:
    steps = [
        *((step.title, list(map(_sentence, step.sentences))) for step in story.steps),
        ("Conclusion", list(map(_sentence, story.conclusion))),
    ]
    return Story(story.endpoint, story.label, ending_of(story), steps)


def _sentence(sentence: Sentence) -> ToldSentence:
    rules = [
        (rule.text, "; ".join(part for part in (rule.stated, rule.reference, rule.place) if part))
        for rule in sentence.rules
    ]
    return ToldSentence(sentence.text, rules, sentence.sources_named)
