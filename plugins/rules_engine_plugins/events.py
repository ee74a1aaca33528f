"""The built-in events: what may end the time of an endpoint.

The texts of their reasons stand in rulesets (`event_reasons`). Order of events of one day and what the rule of missed
visits knows each as: endpoints specification §4.4 and §4.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
from rules_engine.endpoints import events, passed_over, telling, therapies
from rules_engine.hookspecs import hookimpl
from rules_engine.vocabulary import Event, Need, Observation, Rank

CLINICAL_EVENTS = Need("clinical_events")

PROGRESSION = Event(
    id="progression",
    version="1",
    title="progression or recurrence by `pd_rule`, and clinical progression where `clinical_progression` says so",
    reference="Eisenhauer 2009, section 4.4; Seymour 2017",
    derive=events.progressions,
    passed_over=passed_over.progressions_passed_over,
    reasons={"PD": None, "RECURRENCE": None},
    rank=Rank.ASSESSMENT,
    missed_visits="progression",
    is_assessment=True,
    reads_responses=True,
)
CLINICAL_PROGRESSION = Event(
    id="clinical_progression",
    version="1",
    title="progression declared without imaging",
    reference="FDA 2007, Appendix 3, Table C",
    derive=lambda observation: events.recorded(observation, ["clinical_progression"]),
    reasons={"CLINICAL_PROGRESSION": None},
    missed_visits="progression",
    counts=lambda options: "progression" in options["events"] and options["clinical_progression"] == "event",
    named=False,
    needs=[CLINICAL_EVENTS],
)
SECOND_PROGRESSION = Event(
    id="second_progression",
    version="1",
    title="the first PD after the first therapy outside the regimen",
    reference="EMA/CHMP/27994/2008 Rev. 1",
    derive=events.second_progressions,
    reasons={"PD": None, "RECURRENCE": None},
    rank=Rank.ASSESSMENT,
    missed_visits="progression",
    is_assessment=True,
    reads_responses=True,
)
RESPONSE = Event(
    id="response",
    version="1",
    title="the first CR or PR",
    reference="Eisenhauer 2009, section 4.6",
    derive=events.first_responses,
    reasons={"RESPONSE": None},
    rank=Rank.ASSESSMENT,
    reads_responses=True,
)
DEATH = Event(
    id="death",
    version="1",
    title="death from any cause",
    reference="FDA 2007, Clinical Trial Endpoints, section III.A",
    derive=events.deaths,
    reasons={"DEATH": None},
    rank=Rank.DEATH,
    missed_visits="death",
    from_origin=False,
    needs=[Need("subjects", "death_date")],
)
DEATH_PER_TTUP_DEATH = Event(
    id="death_per_ttup_death",
    version="1",
    title="death where `ttup_death` says so",
    reference="Kudo 2020 (TACTICS)",
    derive=events.deaths,
    reasons={"DEATH": None},
    rank=Rank.DEATH,
    missed_visits="death",
    from_origin=False,
    counts=lambda options: "death_per_ttup_death" in options["events"] and options["ttup_death"] == "event",
    needs=[Need("subjects", "death_date")],
)
DISCONTINUATION = Event(
    id="discontinuation",
    version="1",
    title="end of treatment by `ttd_scope` and `ttd_components`",
    reference="FDA 2007, Clinical Trial Endpoints, section III.B (time to treatment failure)",
    derive=events.discontinuations,
    reasons={"DISCONTINUATION": None},
    rank=Rank.DISCONTINUATION,
    from_origin=False,
    tell=telling.tell_discontinuation,
    needs=[Need("treatments")],
)
THERAPY = Event(
    id="therapy",
    version="1",
    title="start of a therapy outside the regimen, as `therapy_events` says",
    reference="EMA/CHMP/27994/2008 Rev. 1 (composite strategy)",
    derive=events.therapy_starts,
    reasons=dict.fromkeys(therapies.REASONS),
    rank=Rank.THERAPY,
    counts=lambda options: bool(therapies.reasons_that_are_events(options)),
    named=False,
    needs=[Need("treatments")],
)


def _recorded(identity: str, title: str, kinds: Callable[[Mapping[str, Any]], Sequence[str]]) -> Event:
    def derive(observation: Observation) -> pl.LazyFrame:
        return events.recorded(observation, kinds(observation.options))

    return Event(
        id=identity,
        version="1",
        title=title,
        reference="the protocol lists the events",
        derive=derive,
        reasons={"OTHER": None},
        missed_visits="progression",
        needs=[CLINICAL_EVENTS],
    )


RECORDED = [
    _recorded("efs_kinds", "a recorded event of the list `efs_kinds`", lambda options: options["efs_kinds"]),
    _recorded("ttup_kinds", "a recorded event of the list `ttup_kinds`", lambda options: options["ttup_kinds"]),
    _recorded("second_primary", "a second primary cancer", lambda _options: ["second_primary"]),
]


@hookimpl
def rules_engine_events() -> Sequence[Event]:
    """Offer the built-in events."""
    return [
        PROGRESSION, CLINICAL_PROGRESSION, SECOND_PROGRESSION, RESPONSE, DEATH, DEATH_PER_TTUP_DEATH, DISCONTINUATION,
        THERAPY, *RECORDED,
    ]  # fmt: skip
