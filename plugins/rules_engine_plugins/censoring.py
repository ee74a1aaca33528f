"""The built-in reasons to censor, and where subjects without an event are censored.

Codes and texts stand in rulesets (`censoring_reasons`, `censoring_dates`); so does the order of the reasons
(`censoring_rules`). The table that these rules transcribe: endpoints specification §4.12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from rules_engine.endpoints import censoring_dates, censoring_facts, checks, missed_visits, telling, therapies
from rules_engine.hookspecs import hookimpl
from rules_engine.vocabulary import CensoringDate, CensoringRule, Effect, Need, Observation, Rank

Options = Mapping[str, Any]

#: What the options' words for therapies mean for a rule.
_ACTIONS: dict[str, Effect] = {"ignore": "off", "event": "off", "censor": "ends", "censor_at_start": "ends_on_date"}


NO_BASELINE = CensoringRule(
    id="no_baseline",
    version="1",
    title="no adequate baseline assessment, by `no_baseline`: at the start",
    reference="FDA 2007, Appendix 3, Table A",
    derive=censoring_facts.without_baseline,
    effect=lambda _options: "at_start",
    reasons={"NO_BASELINE": None},
)
NO_POST_BASELINE = CensoringRule(
    id="no_post_baseline",
    version="1",
    title="no evaluable assessment after the baseline: at the start",
    reference="FDA 2007, Appendix 3, Table A",
    derive=censoring_facts.without_evaluable_assessment,
    effect=lambda _options: "at_start",
    reasons={"NO_POST_BASELINE": None},
)
MISSED_VISITS = CensoringRule(
    id="missed_visits",
    version="1",
    title="an event after missed visits, by `missed_visits`: it does not count, the date lies before it",
    reference="FDA 2007, Appendix 3, Table A",
    derive=missed_visits.events_after_missed_visits,
    effect=lambda options: "off" if options["missed_visits"]["method"] == "disabled" else "discards",
    reasons={"MISSED_VISITS": None},
    tell=telling.tell_missed_visits,
    check=lambda endpoint: list(checks.check_missed_visits(endpoint)),
)


def _therapy(identity: str, title: str, reference: str, reason: str) -> CensoringRule:
    def derive(observation: Observation) -> pl.LazyFrame:
        return censoring_facts.therapies_of(observation, reason)

    return CensoringRule(
        id=identity,
        version="1",
        title=title,
        reference=reference,
        derive=derive,
        effect=lambda options: _ACTIONS[therapies.action_of(options, reason)],
        reasons={reason: None},
        date_name="therapy_start",
        reads=[],
        needs=[Need("treatments")],
    )


THERAPIES = [
    _therapy(
        "curative_conversion",
        "resection or transplantation, by `curative_conversion`: nothing after it counts",
        "FDA 2007, Appendix 3, Table A",
        therapies.CURATIVE_CONVERSION,
    ),
    _therapy(
        "new_therapy",
        "anticancer therapy outside the regimen, by `new_therapy`: nothing after it counts",
        "FDA 2007, Appendix 3, Table A; EMA/CHMP/27994/2008 Rev. 1",
        therapies.NEW_THERAPY,
    ),
    _therapy(
        "repeat_tace",
        "TACE after the first session, by `repeat_tace`: nothing after it counts",
        "Kudo 2020 (TACTICS); Peng 2023 (LAUNCH)",
        therapies.REPEAT_TACE,
    ),
]


def _death_effect(options: Options) -> Effect:
    """Death where it is not an event, by `death_handling`."""
    named = options.get("events") or ()
    if "death" in named or ("death_per_ttup_death" in named and options["ttup_death"] == "event"):
        return "off"
    handling: dict[str, Effect] = {
        "censor_last_adequate": "as_stated",
        "censor_at_death": "ends_time",
        "competing": "competes",
    }
    return handling[options["death_handling"]]


DEATH_NOT_EVENT = CensoringRule(
    id="death_not_event",
    version="1",
    title="death where it is not an event, by `death_handling`",
    reference="FDA 2007, Clinical Trial Endpoints, section III.B (time to progression)",
    derive=censoring_facts.usable_deaths,
    effect=_death_effect,
    reasons={"DEATH_NOT_EVENT": None},
    date_name="death",
    rank=Rank.DEATH,
    missed_visits="death",
    needs=[Need("subjects", "death_date")],
)
PENDING_PROGRESSION = CensoringRule(
    id="pending_progression",
    version="1",
    title="an unconfirmed progression that waits, by `irecist`: the date lies before it",
    reference="Seymour 2017",
    derive=censoring_facts.pending_progressions,
    effect=lambda options: "before_date" if "progression" in options.get("events", ()) else "off",
    reasons={"PENDING_IUPD": None},
)


def _disposition(identity: str, title: str, reason: str, column: str) -> CensoringRule:
    def derive(observation: Observation) -> pl.LazyFrame:
        return censoring_facts.dispositions(observation, column)

    return CensoringRule(
        id=identity,
        version="1",
        title=title,
        reference="CDISC ADaM BDS for time-to-event analyses 1.0",
        derive=derive,
        effect=lambda _options: "as_stated",
        reasons={reason: None},
        reads=[],
    )


DISPOSITIONS = [
    _disposition(
        "withdrawal", "consent was withdrawn; it explains and moves no date", "WITHDRAWAL", "withdrawal_date"
    ),
    _disposition(
        "lost_to_followup", "lost to follow-up; it explains and moves no date", "LOST_TO_FOLLOWUP",
        "lost_to_followup_date",
    ),
    _disposition(
        "end_of_study", "the study ended for the subject; it explains and moves no date", "END_OF_STUDY",
        "end_of_study_date",
    ),
]  # fmt: skip
CUTOFF = CensoringRule(
    id="cutoff",
    version="1",
    title="still under observation at the data cut-off",
    reference="CDISC ADaM BDS for time-to-event analyses 1.0",
    derive=censoring_facts.everyone,
    effect=lambda _options: "as_stated",
    reasons={"CUTOFF": None},
    holds_for_all=True,
)

LAST_ADEQUATE = CensoringDate(
    id="last_adequate",
    version="1",
    title="at the last evaluable assessment without progression",
    reference="FDA 2007, Appendix 3, Table A",
    derive=censoring_dates.adequate_assessments,
)
LAST_EVALUABLE = CensoringDate(
    id="last_evaluable",
    version="1",
    title="at the last evaluable assessment, with or without progression",
    reference="Kudo 2020 (TACTICS)",
    derive=censoring_dates.evaluable_assessments,
)
LAST_KNOWN_ALIVE = CensoringDate(
    id="last_known_alive",
    version="1",
    title="at the day last known alive, by `os_censor`",
    reference="FDA 2007, Clinical Trial Endpoints, section III.A",
    derive=censoring_dates.last_known_alive,
    tell=telling.tell_last_known_alive,
    goes_on=True,
)


def _pfs2_date(options: Options) -> CensoringDate:
    return LAST_EVALUABLE if options["pfs2_censor"] == "last_evaluable" else LAST_KNOWN_ALIVE


PFS2_CENSOR = CensoringDate(
    id="pfs2_censor",
    version="1",
    title="as `pfs2_censor` says",
    reference="EMA/CHMP/27994/2008 Rev. 1",
    derive=lambda observation: _pfs2_date(observation.options).derive(observation),
    tell=lambda observation: (
        telling.tell_last_known_alive(observation) if _pfs2_date(observation.options).goes_on else []
    ),
    name=lambda options: _pfs2_date(options).id,
)


@hookimpl
def rules_engine_censoring_rules() -> Sequence[CensoringRule]:
    """Offer the built-in reasons to censor."""
    return [
        NO_BASELINE, NO_POST_BASELINE, MISSED_VISITS, *THERAPIES, DEATH_NOT_EVENT, PENDING_PROGRESSION, *DISPOSITIONS, CUTOFF,
    ]  # fmt: skip


@hookimpl
def rules_engine_censoring_dates() -> Sequence[CensoringDate]:
    """Offer the built-in censoring dates."""
    return [LAST_ADEQUATE, LAST_EVALUABLE, LAST_KNOWN_ALIVE, PFS2_CENSOR]
