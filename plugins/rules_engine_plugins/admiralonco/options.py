"""The options of the compatibility kinds, as JSON Schema written for the author of a ruleset.

Everything that the package leaves to the author of its scripts stands in one block `admiralonco`, so that a protocol may
derive these endpoints beside its own. What an endpoint is made of (`parameter`, `events`, `start`, `censoring` …) is stated
by its definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules_engine.endpoints.options import SHARED

Schema = dict[str, Any]

#: The key of the block.
BLOCK: Final = "admiralonco"
#: Options that say what a parameter is made of; all others say how the records are read.
OF_A_PARAMETER: Final = frozenset(
    {"parameter", "confirmed", "events", "start", "censoring", "therapies", "days_per_month"}
)


def _one_of(description: str, meanings: Mapping[str, str], **more: Any) -> Schema:
    explained = " ".join(f"`{value}`: {meaning}." for value, meaning in meanings.items())
    return {"enum": list(meanings), "description": f"{description} {explained}", **more}


def _whole(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def _words(description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "required": ["event", "date"],
        "properties": {
            "event": {"type": "string", "description": "What ended the observation (EVNTDESC)."},
            "date": {"type": "string", "description": "What the censoring date is (CNSDTDSC)."},
        },
    }


_DAY: Final = {"enum": ["first", "mid", "last"]}

_TEXTS: Final[Schema] = {
    "type": "object",
    "description": "Texts of the time-to-event records.",
    "additionalProperties": False,
    "required": ["progression", "death", "new_therapy", "last_known_alive", "last_assessment", "origin"],
    "properties": {
        "progression": {"type": "string", "description": "A progression (EVNTDESC)."},
        "death": {"type": "string", "description": "A death (EVNTDESC)."},
        "new_therapy": {
            "type": "string",
            "description": "With `new_therapy: end_dates`, a subject censored after whom a new therapy began (EVNTDESC).",
        },
        "last_known_alive": _words("Censored on the day last known alive."),
        "last_assessment": _words("Censored at the last assessment."),
        "origin": {
            "type": "object",
            "description": "Censored on the day of the origin, by the name of the origin.",
            "additionalProperties": _words("Texts for this origin."),
        },
    },
}

_BLOCK: Final[Schema] = {
    "type": "object",
    "description": "How the R package admiralonco 1.4.0 is imitated.",
    "additionalProperties": False,
    "required": [
        "codes", "flow", "sd_min_days", "confirm_days", "max_ne", "accept_sd", "no_assessment", "cut_at_progression",
        "assessments_from_new_therapy", "new_therapy", "numbers", "censoring_codes", "start_variables", "texts",
    ],
    "properties": {
        "codes": _one_of(
            "Which codes the collected responses use; others are not known to the package and are passed over.",
            {
                "recist": "CR, PR, SD, NON-CR/NON-PD, PD, NE",
                "irecist": "iCR, iPR, iSD, NON-iCR/NON-iUPD, iUPD, iCPD, NE",
            },
        ),
        "flow": _one_of(
            "Which of the two published ways of writing the script is imitated; they disagree where a progression lies "
            "before the reference date, and where two were recorded on one day.",
            {
                "functions": "assessments up to the day of the first progression that is flagged",
                "events": "assessments up to the first progression among all records, flagged or not",
            },
        ),
        "sd_min_days": _whole("Days from the reference date from which an assessment can count as stable disease."),
        "confirm_days": _whole("Days from a response to the assessment that may confirm it."),
        "max_ne": _whole("Not evaluable assessments allowed between a response and its confirmation."),
        "accept_sd": {
            "type": "integer",
            "enum": [0, 1],
            "description": "Stable assessments allowed between a PR and its confirmation: none, or one.",
        },
        "no_assessment": _one_of(
            "Best response of a subject without any assessment that counts.", {"MISSING": "missing", "NE": "not evaluable"}
        ),
        "cut_at_progression": {
            "type": "boolean",
            "description": "Assessments after the first progression do not count for responses.",
        },
        "assessments_from_new_therapy": _one_of(
            "Assessments on or after the first day of a new anticancer therapy.",
            {"kept": "count like any other", "dropped": "do not count"},
        ),
        "new_therapy": _one_of(
            "A new anticancer therapy before the end of the observation, in progression-free survival and duration of "
            "response.",
            {
                "ignored": "changes nothing",
                "strict_before": "progression, death and last assessment count only before its first day",
                "end_dates": "they and the start count until its first day, and the subject is censored with a code of "
                "its own; a last assessment after that day is not replaced by an earlier one",
            },
            **{"x-estimand": True},
        ),
        "data_cutoff": _one_of(
            "Records dated after the data cut-off. The package knows no cut-off: what it is given counts.",
            {"ignored": "count", "applied": "do not count; a subject is known alive at most until the cut-off"},
            default="ignored",
        ),
        "imputation": {
            "type": "object",
            "description": "Which day a partial date takes. An assessment of which only the year is known is passed over; "
            "the year alone stands for 1 July (death) or 1 January (therapy).",
            "additionalProperties": False,
            "properties": {
                "assessment_day": {**_DAY, "default": "last", "description": "Assessment known to the month."},
                "death_day": {**_DAY, "default": "mid", "description": "Death known to the month."},
                "therapy_day": {**_DAY, "default": "first", "description": "Therapy start known to the month."},
            },
        },
        "numbers": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "AVAL of each AVALC.",
        },
        "censoring_codes": {
            "type": "object",
            "description": "Values of CNSR.",
            "additionalProperties": False,
            "required": ["censored", "new_therapy"],
            "properties": {
                "censored": {"type": "integer", "minimum": 1, "description": "Censored."},
                "new_therapy": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Censored although a new therapy began, with `new_therapy: end_dates`.",
                },
            },
        },
        "start_variables": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "ADSL variable of each origin.",
        },
        "texts": _TEXTS,
    },
}  # fmt: skip

_COMMON: Final[dict[str, Schema]] = {
    BLOCK: _BLOCK,
}

RESPONSE_SCHEMA: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "required": [BLOCK],
    "properties": {
        "parameter": _one_of(
            "What is derived.",
            {
                "response": "Y for the first CR or PR, else N",
                "clinical_benefit": "Y for the first response, or assessment without progression late enough, else N",
                "best_response": "the best response",
                "progression": "Y for the first progression (iRECIST: the first iUPD of the run that ends in iCPD), else N",
                "unconfirmed_progression": "iRECIST: Y for the last iUPD where nothing but NE follows it, else N",
                "death": "Y for a death, else N",
                "last_assessment": "the last assessment that counts, not evaluable included",
            },
            **{"x-estimand": True},
        ),
        "confirmed": {
            "type": "boolean",
            "default": False,
            "description": "Whether CR and PR must be confirmed by a later assessment.",
        },
        **_COMMON,
    },
}

TIME_SCHEMA: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "required": [BLOCK],
    "properties": {
        "events": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "x-estimand": True,
            "items": {"enum": ["progression", "death"]},
            "description": "What ends the time; the earliest counts, on one day the first of this list.",
        },
        "start": _one_of(
            "Where the clock starts.",
            {
                "origin": "at `origin`",
                "response": "at the first CR or PR; others have no record",
                "confirmed_response": "at the first confirmed CR or PR; others have no record",
            },
            default="origin",
        ),
        "censoring": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "x-estimand": True,
            "items": {"enum": ["last_known_alive", "last_assessment", "origin"]},
            "description": "Where a subject without event is censored; the latest counts, on one day the last of this list.",
        },
        "therapies": _one_of(
            "New anticancer therapy.",
            {"per_options": "as `admiralonco.new_therapy` says", "ignored": "changes nothing"},
            default="per_options",
        ),
        "days_per_month": SHARED["days_per_month"],
        **_COMMON,
    },
}
