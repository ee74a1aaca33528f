"""What happens to subjects under treatment: the table `adverse_events`, one row per record of an event."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from rules_engine.simulator._cohort import NEVER, Cohort
from rules_engine.simulator._draw import Ints, Streams, choose, days_between
from rules_engine.simulator._subjects import as_dates
from rules_engine.simulator._treatments import Care


def draw_adverse_events(
    streams: Streams, plan: dict[str, Any], catalogue: dict[str, Any], cohort: Cohort, care: Care
) -> pl.DataFrame:
    """Every adverse event of the cohort, in the order of subject and start."""
    rng = streams("adverse_events")
    pieces: list[pl.DataFrame] = []
    for term, event in catalogue["after_tace"].items():
        for session in range(care.sessions.shape[1]):
            pieces.append(_events(rng, cohort, term, event, care.sessions[:, session]))
    for term, event in catalogue["immune"].items():
        pieces.append(_events(rng, cohort, term, event, cohort.ici_start))
    for term, event in catalogue["other_drug"].items():
        pieces.append(_events(rng, cohort, term, event, care.other_first))
    for term, event in catalogue["disease"].items():
        anywhere = cohort.start + np.floor(rng.random(len(cohort)) * (cohort.end - cohort.start)).astype(np.int64)
        pieces.append(_events(rng, cohort, term, event, anywhere))
    pieces += [_before_treatment(rng, catalogue, cohort), _toxicity(rng, catalogue, cohort, care)]
    pieces.append(_fatal(rng, catalogue, cohort))
    events = pl.concat([piece for piece in pieces if piece.height] or pieces[:1]).sort(
        "_who", "_start", "term", "_grade", "_end"
    )
    judged = _judge(streams("immune"), catalogue["immune_judgement"], cohort, events)
    return _records(rng, plan, catalogue, cohort, judged)


def _piece(
    who: Ints, term: str, soc: str, grade: Ints, start: Ints, end: Ints, related: str, action: str | None
) -> pl.DataFrame:
    count = len(who)
    return pl.DataFrame(
        {
            "_who": who,
            "term": pl.repeat(term, count, eager=True, dtype=pl.String),
            "soc": pl.repeat(soc, count, eager=True, dtype=pl.String),
            "_grade": grade.astype(np.int64),
            "_start": start.astype(np.int64),
            "_end": end.astype(np.int64),
            "related_to": pl.repeat(related or "none", count, eager=True, dtype=pl.String),
            "action_taken": pl.repeat(action, count, eager=True, dtype=pl.String),
        }
    )


def _events(rng: np.random.Generator, cohort: Cohort, term: str, event: dict[str, Any], anchor: Ints) -> pl.DataFrame:
    """Events of one term after `anchor` (`NEVER` = no anchor), among subjects still followed on the day of onset."""
    count = len(cohort)
    start = anchor + days_between(rng, event.get("onset", [0, 0]), count)
    happens = (anchor < NEVER) & (start < cohort.end) & (rng.random(count) < event["chance"])
    who = np.flatnonzero(happens)
    end = start[who] + days_between(rng, event["lasts"], len(who))
    end[rng.random(len(who)) < event.get("stays", 0.0)] = NEVER
    end[end >= cohort.end[who]] = NEVER
    grades = event["grades"]
    grade = choose(rng, {str(one): share for one, share in grades.items()}, len(who)).astype(np.int64)
    related = event.get("related", "")
    if related == "tace;ici":
        parts = [
            _piece(who[side], term, event["soc"], grade[side], start[who][side], end[side], name, None)
            for side, name in ((cohort.ici[who], "tace;ici"), (~cohort.ici[who], "tace"))
        ]
        return pl.concat(parts)
    return _piece(who, term, event["soc"], grade, start[who], end, related, None)


def _before_treatment(rng: np.random.Generator, catalogue: dict[str, Any], cohort: Cohort) -> pl.DataFrame:
    """A complaint between the baseline scan and the first treatment; some of these go on."""
    early = np.flatnonzero(
        (rng.random(len(cohort)) < catalogue["before_treatment"]) & (cohort.baseline < cohort.start - 1)
    )
    start = cohort.baseline[early] + 1
    ends = start + days_between(rng, [0, 10], len(early))
    ends[ends >= cohort.end[early]] = NEVER
    event = catalogue["disease"]["Fatigue"]
    return _piece(early, "Fatigue", event["soc"], np.ones(len(early), dtype=np.int64), start, ends, "", None)


def _toxicity(rng: np.random.Generator, catalogue: dict[str, Any], cohort: Cohort, care: Care) -> pl.DataFrame:
    """The event for which the immune checkpoint inhibitor was stopped, shortly after its last dose."""
    who = np.flatnonzero(care.stopped_for_toxicity)
    start = care.drug_last[who] + days_between(rng, [1, 20], len(who))
    end = start + days_between(rng, [14, 60], len(who))
    end[end >= cohort.end[who]] = NEVER
    word = choose(rng, catalogue["toxicity"], len(who))
    followed = start < cohort.end[who]
    pieces = []
    for term in catalogue["toxicity"]:
        here = followed & (word == term)
        soc = catalogue["immune"][term]["soc"]
        grade = np.full(int(here.sum()), 3)
        pieces.append(_piece(who[here], term, soc, grade, start[here], end[here], "ici", "DRUG WITHDRAWN"))
    return pl.concat(pieces)


def _fatal(rng: np.random.Generator, catalogue: dict[str, Any], cohort: Cohort) -> pl.DataFrame:
    """The event that a subject died of, where the death is known and seen on study."""
    fatal = catalogue["fatal"]
    dies = (cohort.death == cohort.end) & cohort.death_known & (rng.random(len(cohort)) < fatal["share"])
    lasts = days_between(rng, fatal["lasts"], len(cohort))
    pieces = []
    for cause, event in fatal["causes"].items():
        who = np.flatnonzero(dies & (cohort.death_cause == cause))
        start = np.maximum(cohort.death[who] - lasts[who], cohort.start[who])
        grade = np.full(len(who), 5)
        pieces.append(_piece(who, event["term"], event["soc"], grade, start, cohort.death[who], "", None))
    return pl.concat(pieces)


def _judge(rng: np.random.Generator, asked: dict[str, Any], cohort: Cohort, events: pl.DataFrame) -> pl.DataFrame:
    """Add `immune_related` (null where the site does not record it), `treated_with` and `_treated`, the day of its start.

    The draws have a stream of their own: without them the study is otherwise the same.
    """
    draws = [rng.random(events.height) for _number in range(3)]
    agreed, treated, second = (pl.Series(draw) for draw in draws)
    is_recorded = pl.Series(rng.random(len(cohort)) < asked["recorded"]).gather(events["_who"])
    begins = pl.Series(days_between(rng, asked["begins"], events.height))
    last_day = pl.Series(cohort.end).gather(events["_who"])
    grade = pl.col("_grade")
    is_immune = (pl.col("related_to") == "ici") & ~pl.col("term").is_in(asked["not_immune"])
    share = grade.replace_strict(asked["treated"], default=1.0, return_dtype=pl.Float64)
    is_high = grade >= asked["high_dose_from_grade"]
    drug = (
        pl.when(pl.col("term").is_in(asked["hormone"]))
        .then(pl.lit("hormone"))
        .when(is_high & (second < asked["immunosuppressant"]))
        .then(pl.lit("high_dose_steroid;immunosuppressant"))
        .when(is_high)
        .then(pl.lit("high_dose_steroid"))
        .otherwise(pl.lit("steroid"))
    )
    is_treated = is_immune & (treated < share)
    return events.with_columns(
        immune_related=pl.when(is_recorded).then(is_immune & (agreed < asked["agreed"])),
        treated_with=pl.when(is_treated).then(drug),
        _treated=pl.when(is_treated).then(pl.min_horizontal(pl.col("_start") + begins, last_day)),
    )


def _records(
    rng: np.random.Generator, plan: dict[str, Any], catalogue: dict[str, Any], cohort: Cohort, events: pl.DataFrame
) -> pl.DataFrame:
    """Events as a study records them: seriousness, outcome, parts of an episode, partial dates, spelling."""
    count = events.height
    spelled = {
        term: event["spelled"]
        for group in ("after_tace", "immune", "other_drug", "disease")
        for term, event in catalogue[group].items()
        if "spelled" in event
    }
    lowest = {
        term: min(event["grades"])
        for group in ("disease", "other_drug", "immune", "after_tace")
        for term, event in catalogue[group].items()
    }
    draws = {f"_d{number}": rng.random(count) for number in range(7)}
    grade, start, end = pl.col("_grade"), pl.col("_start"), pl.col("_end")
    may_be_lower = grade.is_between(2, 4) & (
        grade - 1 >= pl.col("term").replace_strict(lowest, default=9, return_dtype=pl.Int64)
    )
    events = events.with_columns(**{name: pl.Series(draw) for name, draw in draws.items()}).with_columns(
        _event=pl.int_range(pl.len()),
        _fatal=grade == 5,
        _serious=(grade >= 4) | ((grade == 3) & (pl.col("_d0") < catalogue["serious_of_grade_3"])),
        # The grade rose during the event: a first record at the lower grade ends the day before the second starts.
        _parts=may_be_lower & (pl.col("_d1") < catalogue["grade_changes"]) & (end - start >= 4) & (end < NEVER),
        _initial=pl.when(may_be_lower & (pl.col("_d2") < catalogue["worsened"])).then(grade - 1).otherwise(grade),
    )
    first = events.filter("_parts").with_columns(
        _grade=grade - 1, _initial=grade - 1, _end=start + 1, _serious=pl.lit(value=False), _part=pl.lit(1)
    )
    rest = events.with_columns(
        _start=pl.when("_parts").then(start + 2).otherwise(start),
        _initial=pl.when("_parts").then(grade - 1).otherwise("_initial"),
        # What was given for the first part goes on.
        _treated=pl.when(pl.col("_parts") & pl.col("_treated").is_not_null())
        .then(pl.max_horizontal("_treated", start + 2))
        .otherwise("_treated"),
        _part=pl.lit(2),
    )
    rows = pl.concat([first, rest]).sort("_who", "_start", "_event", "_part")
    start_day, end_day = as_dates(rows["_start"].to_numpy()), as_dates(rows["_end"].to_numpy())
    subjects = pl.Series(cohort.subject.tolist(), dtype=pl.String)
    partial = plan["partial_dates"]["event_month"]
    text = pl.col("_start_day").dt.strftime("%Y-%m-%d")
    whole_episode = pl.col("_parts")
    return rows.with_columns(
        subject=subjects.gather(rows["_who"]), _start_day=start_day, _end_day=end_day
    ).select(
        "subject",
        term=pl.when(pl.col("_d3") < catalogue["british_spelling"])
        .then(pl.col("term").replace(spelled))
        .otherwise("term"),
        decoded_term="term",
        soc="soc",
        grade=pl.when((pl.col("_d4") >= catalogue["grade_missing"]) | pl.col("_fatal")).then(
            pl.col("_grade").cast(pl.String)
        ),
        initial_grade=pl.col("_initial").cast(pl.String),
        start_date=pl.when((pl.col("_d5") < partial) & ~whole_episode & ~pl.col("_fatal"))
        .then(text.str.slice(0, 7))
        .otherwise(text),
        end_date=pl.col("_end_day").dt.strftime("%Y-%m-%d"),
        serious=pl.col("_serious"),
        fatal=pl.col("_fatal"),
        related_to="related_to",
        action_taken=pl.when(pl.col("action_taken").is_not_null())
        .then("action_taken")
        .when(pl.col("related_to").str.contains("ici") & (pl.col("_grade") >= 3))
        .then(pl.lit("DRUG INTERRUPTED"))
        .otherwise(pl.lit("DOSE NOT CHANGED")),
        immune_related="immune_related",
        treated_with="treated_with",
        treated_from=pl.from_epoch("_treated", time_unit="d").dt.strftime("%Y-%m-%d"),
        outcome=pl.when("_fatal")
        .then(pl.lit("FATAL"))
        .when(pl.col("_end") < NEVER)
        .then(pl.lit("RECOVERED/RESOLVED"))
        .otherwise(pl.lit("NOT RECOVERED/NOT RESOLVED")),
        episode=pl.when(whole_episode).then(
            pl.format("E{}", pl.col("_event") - pl.col("_event").min().over("_who") + 1)
        ),
        aeseq=pl.int_range(pl.len()).over("_who") + 1,
    )  # fmt: skip
