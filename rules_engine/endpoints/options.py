"""The options of the endpoint kinds, as JSON Schema written for the author of a ruleset.

Keys marked `x-estimand` change what is estimated: they have no default and a ruleset must state them. What an
endpoint is made of (`events`, `start`, `censoring` …) is stated by its definition; how rules apply to it is stated by
the shared options.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]


def choice(description: str, meanings: Mapping[str, str], *, default: str | None = None) -> Schema:
    """A key with named values, each explained; without a default it drives the estimand and must be stated."""
    explained = " ".join(f"`{value}`: {meaning}." for value, meaning in meanings.items())
    schema: Schema = {"enum": list(meanings), "description": f"{description} {explained}"}
    return {**schema, "x-estimand": True} if default is None else {**schema, "default": default}


def whole_days(description: str, default: int | None, *, nullable: bool = False, minimum: int = 0) -> Schema:
    """A number of days."""
    kind: Any = ["integer", "null"] if nullable else "integer"
    return {"type": kind, "minimum": minimum, "default": default, "description": description}


def names(description: str, default: list[str], *, choices: list[str] | None = None) -> Schema:
    """A list of names."""
    items: Schema = {"type": "string"} if choices is None else {"enum": choices}
    return {"type": "array", "items": items, "uniqueItems": True, "default": default, "description": description}


def group(description: str, properties: Mapping[str, Schema]) -> Schema:
    """A mapping of options that belong together."""
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "additionalProperties": False,
    }


_DAY_OF_PERIOD: Final = {
    "first": "the first day of the month",
    "mid": "the 15th of the month",
    "last": "the last day of the month",
}

MISSED_VISITS: Final = group(
    "Whether an event after missed tumour assessments still counts (two or more missed visits: FDA 2007, Table A).",
    {
        "method": choice(
            "How missed visits before an event are recognised; an event after too many is discarded and the subject "
            "censored at the last adequate assessment before it.",
            {
                "disabled": "every event counts, however long the gap",
                "windows": "at least `n` planned visits have their whole window between last assessment and event",
                "interval_sum": "the gap exceeds `n` planned intervals plus one early and one late window",
                "fixed_days": "the gap exceeds `gap_days` days",
            },
        ),
        "n": {
            "type": "integer",
            "minimum": 1,
            "default": 2,
            "description": "Number of consecutive missed visits from which an event is discarded.",
        },
        "gap_days": whole_days(
            "Longest gap in days after which an event still counts; for `fixed_days` only.", None, nullable=True
        ),
        "reference": choice(
            "Which assessment starts the gap.",
            {
                "last_evaluable": "the last one that could be evaluated",
                "last_any": "the last one of any result, not evaluable included",
            },
            default="last_evaluable",
        ),
        "scope": choice(
            "Which gaps are looked at.",
            {
                "before_event": "the gap just before the event",
                "any_gap": "every gap since the start; the first that is too long ends the observation",
            },
            default="before_event",
        ),
        "applies_to": {
            **names(
                "Events that the rule may discard; clinical progression, recurrence and other recorded events count as "
                "progression. `any_gap` needs both.",
                ["progression", "death"],
                choices=["progression", "death"],
            ),
            "minItems": 1,
        },
    },
)

IRECIST: Final = group(
    "Unconfirmed progression, under iRECIST or suspected pseudoprogression (Seymour 2017).",
    {
        "unconfirmed": choice(
            "An unconfirmed progression that stays without an answer.",
            {
                "event": "it is the progression, at its own date",
                "censor": "no progression; the subject is censored before it",
            },
            default="event",
        ),
        "pending_grace_days": whole_days(
            "With `unconfirmed: event`: an unconfirmed progression this many days or fewer before the cut-off, in a "
            "living subject without a later assessment, is still waiting and is no event. Null: no grace.",
            None,
            nullable=True,
        ),
        "confirm_min_days": whole_days("Days that must pass before an unconfirmed progression can be confirmed.", 0),
        "confirmed_date": choice(
            "Date of a confirmed progression.",
            {
                "first_iupd": "the first unconfirmed progression of the block that was confirmed",
                "icpd": "the assessment that confirmed it",
            },
            default="first_iupd",
        ),
    },
)

IMPUTATION: Final = group(
    "Which day a partial date takes, within the days that it can be.",
    {
        "death_day": choice(
            "Day of a death known to the month; 1 July where only the year is known.", _DAY_OF_PERIOD, default="mid"
        ),
        "assessment_day": choice("Day of an assessment known to the month.", _DAY_OF_PERIOD, default="last"),
        "therapy_day": choice(
            "Day of a therapy start known to the month; 1 January for a year.", _DAY_OF_PERIOD, default="first"
        ),
        "therapy_not_before_pd": {
            "type": "boolean",
            "default": True,
            "description": "A therapy start known to the month in which progression was first seen is not put before "
            "that progression.",
        },
    },
)

LANDMARK: Final[Schema] = {
    "default": None,
    "description": "Response at a fixed time after treatment instead of best response; null: best response.",
    "anyOf": [
        {"type": "null"},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["anchor", "from_days", "to_days"],
            "properties": {
                "anchor": {
                    "enum": ["first_tace", "most_recent_tace", "origin"],
                    "description": "Day 0 of the window. `first_tace`: the first session. `most_recent_tace`: the "
                    "latest session before the assessment, each opening a window. `origin`: the time origin.",
                },
                "from_days": {"type": "integer", "description": "First day of the window."},
                "to_days": {"type": "integer", "description": "Last day of the window."},
                "tolerance": whole_days("Days by which the window is widened on both sides.", 0),
                "pick": choice(
                    "Which assessment in the window counts.",
                    {
                        "first": "the earliest",
                        "last": "the latest",
                        "best": "the best response",
                        "worst": "the worst response",
                        "closest": "the one nearest to the middle of the window",
                    },
                    default="first",
                ),
                "missing": choice(
                    "A subject without an assessment in the window and without progression until its end.",
                    {
                        "non_responder": "stays, as a non-responder",
                        "exclude_not_assessed": "is left out, unless dead by the end of the window",
                    },
                    default="non_responder",
                ),
            },
        },
    ],
}

RESPONSE: Final = group(
    "Best overall response.",
    {
        "confirmation": choice(
            "Whether CR and PR must be seen twice.",
            {"none": "once is enough", "required": "a second assessment must confirm"},
            default="none",
        ),
        "confirm_days": whole_days("Days from a response to the assessment that may confirm it.", 28),
        "max_ne": whole_days("Not evaluable assessments allowed between a response and its confirmation.", 1),
        "accept_sd": whole_days("Stable assessments allowed between a PR and its confirmation.", 0),
        "sd_min_days": whole_days("Days from the origin from which an assessment can count as stable disease.", 42),
        "cbr_days": whole_days("Days from the origin for which disease control is a clinical benefit.", 168),
        "landmark": LANDMARK,
    },
)

#: Options that every endpoint takes, so that a protocol can state them once for all.
SHARED: Final[dict[str, Schema]] = {
    "delayed_entry": choice(
        "Left truncation.",
        {
            "none": "every subject is observed from the start",
            "last_component": "a subject enters the risk set when the last component has started, and has no record if "
            "that is not before the end of observation",
        },
        default="none",
    ),
    "post_baseline": choice(
        "From when assessments count.",
        {"after_origin": "later than the origin", "on_or_after_origin": "on the day of the origin or later"},
        default="after_origin",
    ),
    "day_convention": choice(
        "How durations are counted.",
        {"plus_one": "last day minus first day plus one", "difference": "last day minus first day"},
        default="plus_one",
    ),
    "days_per_month": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 30.4375,
        "description": "Days in a month, to turn days into months.",
    },
    "pd_rule": choice(
        "What counts as progression.",
        {
            "first_pd": "the first assessment that reports progression, confirmed or not",
            "irecist": "confirmed progression per iRECIST",
            "first_pd_pseudo_confirm": "the first PD, except that one flagged as suspected pseudoprogression waits for "
            "its re-assessment",
        },
    ),
    "pd_date": choice(
        "Date of progression.",
        {
            "earliest_part": "the earliest scan of the assessment that shows it",
            "assessment": "the date of the assessment",
            "latest_part": "the latest scan of the assessment",
            "visit": "the nominal date of the visit",
            "next_scheduled": "the next planned visit, unless within the window of one",
            "midpoint": "the middle between the last evaluable assessment before it and the progression",
        },
        default="earliest_part",
    ),
    "nonpd_date": choice(
        "Date of an assessment without progression.",
        {
            "latest_part": "its latest scan",
            "assessment": "the date of the assessment",
            "earliest_part": "its earliest scan",
            "visit": "the nominal date of the visit",
        },
        default="latest_part",
    ),
    "clinical_progression": choice(
        "Progression declared without imaging.",
        {"ignore": "no event", "event": "an event like progression"},
        default="ignore",
    ),
    "no_baseline": choice(
        "A subject without an adequate baseline assessment.",
        {
            "use_assessments": "assessments count nevertheless",
            "censor_day1": "assessments contribute nothing; without death the subject is censored at the start",
        },
    ),
    "missed_visits": MISSED_VISITS,
    "new_therapy": choice(
        "Anticancer therapy outside the regimen before the event.",
        {
            "ignore": "follow-up goes on (treatment policy)",
            "censor": "censored at the last adequate assessment before it (hypothetical)",
            "censor_at_start": "censored on the day it started",
            "event": "its start is an event (composite)",
        },
    ),
    "new_therapy_boundary": choice(
        "An event or assessment on the day on which a censoring therapy starts.",
        {"inclusive": "counts", "exclusive": "does not count"},
        default="inclusive",
    ),
    "curative_conversion": choice(
        "Resection or transplantation after the regimen.",
        {
            "as_new_therapy": "like `new_therapy`, with its own reason",
            "ignore": "follow-up goes on",
            "censor": "censored at the last adequate assessment before it",
            "censor_at_start": "censored on its day",
            "event": "an event",
        },
    ),
    "repeat_tace": choice(
        "TACE sessions after the first.",
        {
            "part_of_regimen": "neither an event nor a reason to censor",
            "as_new_therapy": "like `new_therapy`, with their own reason",
        },
        default="part_of_regimen",
    ),
    "death_handling": choice(
        "Death where it is not an event (time to progression).",
        {
            "censor_last_adequate": "censored at the last adequate assessment",
            "censor_at_death": "censored at death",
            "competing": "a competing event at death",
        },
        default="censor_last_adequate",
    ),
    "withdrawal": choice(
        "Withdrawal of consent.",
        {
            "reason_only": "explains the censoring; all data collected are used",
            "truncate": "nothing dated after it is used",
        },
        default="reason_only",
    ),
    "os_censor": choice(
        "Until when a living subject is followed for survival.",
        {
            "last_known_alive": "the latest dated fact that requires the subject to be alive",
            "last_contact": "the last contact, or the origin",
        },
        default="last_known_alive",
    ),
    "post_cutoff_alive": choice(
        "Facts after the cut-off that prove the subject alive.",
        {"cap_at_cutoff": "known alive at the cut-off", "ignore": "only facts up to the cut-off are used"},
        default="cap_at_cutoff",
    ),
    "report_deaths_after_days": {
        "type": ["integer", "null"],
        "minimum": 0,
        "default": None,
        "description": "Say how many deaths without progression came more than this many days after the last assessment; "
        "null: not said. It changes no record.",
    },
    "irecist": IRECIST,
    "imputation": IMPUTATION,
    "response": RESPONSE,
    "ttup_kinds": names(
        "Recorded events that make a tumour untreatable by TACE.",
        ["untreatable_intrahepatic", "vascular_invasion", "extrahepatic_spread", "child_pugh_c"],
    ),
    "ttup_death": choice(
        "Death in the time to untreatable progression.",
        {"censor": "not an event (`death_handling` applies)", "event": "an event (TACE-specific PFS)"},
        default="censor",
    ),
    "efs_kinds": names("Recorded events that are failures in EFS.", ["surgery_precluded", "incomplete_resection"]),
    "ttd_scope": choice(
        "When treatment counts as discontinued.",
        {
            "all": "every component has ended: the latest last dose",
            "any": "one component has ended: the earliest last dose",
        },
        default="all",
    ),
    "ttd_components": names("Drug components looked at for discontinuation; an empty list means all.", []),
    "pfs2_censor": choice(
        "Censoring date of PFS2.",
        {"last_known_alive": "last known alive", "last_evaluable": "last evaluable assessment"},
        default="last_known_alive",
    ),
    "start_variables": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "ADaM variable of each day on which the clock can start.",
    },
    "event_reasons": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Text of each kind of event (EVNTDESC).",
    },
    "censoring_reasons": {
        "type": "object",
        "description": "CNSR code and text (EVNTDESC) of each reason to censor.",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "required": ["code", "text"],
            "properties": {
                "code": {"type": "integer", "minimum": 1, "description": "Value of CNSR; 0 is kept for events."},
                "text": {"type": "string", "description": "What ended the observation (EVNTDESC)."},
            },
        },
    },
    "censoring_dates": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Text of each kind of censoring date (CNSDTDSC).",
    },
}

REQUIRED_TEXTS: Final = ["start_variables", "event_reasons", "censoring_reasons", "censoring_dates"]

#: What a time-to-event endpoint is made of, beside the words that plugins offer.
COMPOSITION: Final[dict[str, Schema]] = {
    "start": choice(
        "Where the clock starts.",
        {"origin": "at `origin`", "response": "at the first CR or PR; others have no record"},
        default="origin",
    ),
    "population": choice(
        "Who has a record.",
        {"all": "every subject with an origin up to the cut-off", "responders": "those with CR or PR"},
        default="all",
    ),
    "therapy_events": choice(
        "Whether the start of anticancer therapy outside the regimen is an event.",
        {
            "per_options": "where `new_therapy`, `curative_conversion` or `repeat_tace` say `event`",
            "never": "whatever these say",
            "always": "whatever these say; repeat TACE where it counts as new therapy",
        },
        default="per_options",
    ),
    "baseline_rule": choice(
        "The rule of `no_baseline`.",
        {"applied": "holds", "ignored": "does not hold: assessments count without a baseline"},
        default="applied",
    ),
    "date_transformation": choice(
        "`pd_date: next_scheduled` and `midpoint`.",
        {"applied": "move the date of a progression", "ignored": "leave the date of the scan"},
        default="applied",
    ),
}

RESPONDERS: Final[Schema] = {
    **names(
        "Values that make a responder; each also stands for its iRECIST form.",
        ["CR", "PR"],
        choices=["CR", "PR", "SD", "NON-CR/NON-PD"],
    ),
    "minItems": 1,
}

DENOMINATOR: Final = choice(
    "Who has a record, and so is counted.",
    {
        "all": "every subject with an origin up to the data cut-off",
        "response_evaluable": "those with an adequate baseline and an assessment after it; a sensitivity analysis, "
        "which the label must name",
    },
    default="all",
)

BENEFIT: Final = choice(
    "What else makes a responder.",
    {
        "none": "nothing",
        "long_control": "an adequate assessment at `response.cbr_days` or later, before progression",
    },
    default="none",
)


def merge_options(*layers: Mapping[str, Any] | None) -> dict[str, Any]:
    """Options laid over one another, later layers over earlier ones: mappings merge, everything else replaces."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in (layer or {}).items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge_options(merged[key], value) if both else value
    return merged
