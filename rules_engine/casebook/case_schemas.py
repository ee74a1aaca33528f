"""The formats of worked cases as JSON Schema (draft 2020-12); docs/cases.md tells them in prose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules_engine import terms

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DAY = r"^\d{4}-\d{2}-\d{2}$"
_PARTIAL = r"^\d{4}(-\d{2}(-\d{2})?)?$"

_RESPONSES = [
    *terms.RESPONSES,
    *(code for code in ("NON_CR_NON_PD", "NON_iCR_NON_iUPD")),
]


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _number(description: str, *, nullable: bool = False) -> Schema:
    return {"type": ["number", "null"] if nullable else "number", "description": description}


def _day(description: str, *, nullable: bool = False) -> Schema:
    return {
        "type": ["string", "null"] if nullable else "string",
        "pattern": _DAY,
        "description": f"{description} A calendar day, such as 2024-05-17.",
    }


def _partial(description: str) -> Schema:
    return {
        "type": ["string", "null"],
        "pattern": _PARTIAL,
        "description": f"{description} 2024-05-17, or in quotes '2024-05' or '2024' where the day or month is unknown.",
    }


def _word(description: str, words: tuple[str, ...] | list[str], *, nullable: bool = False) -> Schema:
    return {"enum": [*words, *([None] if nullable else [])], "description": description}


def _record(description: str, properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _list(description: str, items: Schema, *, minimum: int = 0) -> Schema:
    return {
        "type": ["array", "null"] if minimum == 0 else "array",
        "minItems": minimum,
        "items": items,
        "description": description,
    }


_ABOUT: Schema = {
    "id": {"type": "string", "minLength": 1, "description": "Name of the case, the only one of this name."},
    "title": _text("The case in one sentence that a physician can agree or disagree with."),
    "why": _text("The reason for the expected answer."),
    "source": _text("Publication that the expectation comes from; `adapted` where the numbers are our own."),
    "note": _text("Anything that a reader should know."),
}

_LENGTH = {"type": "number", "description": "Length in mm, with at most two decimals."}

CRITERION_ROW: Schema = _record(
    "What was read of one lesion at one visit.",
    {
        "lesion": {"type": ["string", "number"], "description": "The lesion: a key of `lesions`."},
        "mm": {**_LENGTH, "description": "Longest diameter of the whole lesion in mm; short axis of a node."},
        "viable_mm": {**_LENGTH, "description": "Longest diameter of the enhancing part in mm (mRECIST)."},
        "fragments": _list("Diameters of the parts of a split lesion, in mm (viable ones under mRECIST).", _LENGTH),
        "state": _word(
            "State of a target or of a measured new lesion; left out where it is measured.", terms.LESION_STATES
        ),
        "into": {
            "type": ["string", "number"],
            "description": "With `state: merged`: the lesion that carries the measurement.",
        },
        "status": _word("State of a non-target or an unmeasured new lesion.", terms.LESION_STATUSES),
        "vs_last": _word("Change since the last accepted assessment; `same` where left out.", terms.VS_LAST),
        "certainty": _word("Whether a new lesion is certain; `unequivocal` where left out.", terms.CERTAINTIES),
        "pattern": _word("Enhancement pattern of a new lesion in the liver (mRECIST).", terms.PATTERNS),
        "cytology": _word("Cytology of an effusion; `not_done` where left out.", terms.CYTOLOGIES),
    },
    ("lesion",),
)

CRITERION_VISIT: Schema = _record(
    "One imaging visit.",
    {
        "date": _day("Day of the visit."),
        "baseline": _flag("True for the baseline visit, which is the first and only one."),
        "reason": _word("Why the visit took place; `scheduled` where left out.", terms.VISIT_REASONS),
        "suspected_pseudoprogression": _flag("The investigator suspected pseudoprogression at this visit."),
        "rows": _list("What was read; an empty list where nothing was assessed.", CRITERION_ROW),
        "expect": _record(
            "What the engine must say of this visit; only what is stated is compared.",
            {
                "target": _text("Target response."),
                "nontarget": _text("Non-target response; `NA` where there are no such lesions at baseline."),
                "new_lesion": _flag("A new lesion counts at this visit."),
                "overall": _text("Overall response."),
                "overall_as_read": _text("Overall response before an equivocal lesion was dated back."),
                "sum_mm": _number("Sum of diameters in mm; null where it is incomplete.", nullable=True),
                "nadir_mm": _number("Smallest sum before this visit, in mm.", nullable=True),
                "accepted": _flag("The visit is used; an early scan under iRECIST is not."),
                "mrecist_overall": _text("Overall response by mRECIST alone (hybrid)."),
            },
        ),
    },
    ("date",),
)

CRITERION_CASE: Schema = _record(
    "One subject's lesions visit by visit, with the responses that must come out.",
    {
        **_ABOUT,
        "criterion": _text(
            "`RECIST_1.1`, `mRECIST`, `iRECIST`, `mRECIST+iRECIST`, or the name of a criterion ruleset."
        ),
        "options": {
            "type": ["object", "null"],
            "description": "Values that differ from the criterion's ruleset, by option key.",
        },
        "reference_date": _day("Day 0 of durations; the baseline visit where left out."),
        "lesions": {
            "type": "object",
            "description": "The lesions by name.",
            "additionalProperties": _record(
                "One lesion.",
                {
                    "role": _word("Part that the lesion plays.", terms.LESION_ROLES),
                    "organ": _text("Organ; `liver` where left out; all lymph nodes are `lymph_node`."),
                    "node": _flag("A lymph node: its `mm` is the short axis."),
                    "kind": _word("Kind of disease where it changes a rule.", terms.LESION_KINDS, nullable=True),
                    "site": {
                        "type": ["string", "null"],
                        "description": "Site where it changes a rule, such as `porta_hepatis`.",
                    },
                    "nl": _word(
                        "A new lesion under iRECIST: measured (`target`, also where left out) or not.",
                        terms.NEW_LESION_ROLES,
                    ),
                },
                ("role",),
            ),
        },
        "visits": _list(
            "The visits in order of their dates; the first one is the baseline.", CRITERION_VISIT, minimum=1
        ),
        "events": _record(
            "What else is known of the subject.",
            {
                "death": _day("Day of death.", nullable=True),
                "last_contact": _day("Day of the last contact.", nullable=True),
            },
        ),
        "expect": _record(
            "What the engine must say of the subject; only what is stated is compared.",
            {
                "bor": _text("Best overall response."),
                "progression_date": _day("Day of progression; null where there is none.", nullable=True),
                "pfs": _record(
                    "Progression-free survival as the criterion alone gives it.",
                    {
                        "event": _flag("Progression or death."),
                        "date": _day("Day of the event or of censoring."),
                        "cause": _word("What ended it.", ["progression", "death", "censored"]),
                    },
                ),
            },
        ),
    },
    ("id", "criterion", "lesions", "visits"),
)

TABLE_CASE: Schema = _record(
    "One subject's records, with the responses that must come out of a criterion that is judged from tables.",
    {
        **_ABOUT,
        "criterion": _text("Name of a criterion ruleset, such as `pcwg3`."),
        "options": {
            "type": ["object", "null"],
            "description": "Values that differ from the criterion's ruleset, by option key.",
        },
        "tables": {
            "type": "object",
            "minProperties": 1,
            "description": "Records of the subject by input table, as a study would bring them, without the subject.",
            "additionalProperties": _list(
                "The records; a column that is left out is missing.",
                {"type": "object", "description": "One record: values by column."},
            ),
        },
        "expect": _list(
            "Every timepoint response that must come out, in the order of the days.",
            _record(
                "One day; only what is stated is compared.",
                {
                    "date": _day("Day of the assessment or sample."),
                    "overall": _text("Response."),
                    "overall_as_read": _text("Response before later records changed it."),
                    "progression_date": _day("Day that progression is dated to.", nullable=True),
                    "rule_id": _text("Rule that decided."),
                },
                ("date",),
            ),
            minimum=1,
        ),
    },
    ("id", "criterion", "tables", "expect"),
)

ASSESSMENT: Schema = _record(
    "One response assessment.",
    {
        "id": _text("Name of the record."),
        "date": _partial("Day of the assessment; may be left out where `parts` are given."),
        "response": _word("Response of the timepoint.", _RESPONSES),
        "iresponse": _word("Response of the iRECIST re-assessment, where one was made.", _RESPONSES, nullable=True),
        "suspected_pseudo": _flag("The investigator suspected pseudoprogression."),
        "visit_date": _day("Nominal day of the visit.", nullable=True),
        "parts": _list(
            "The scans of an assessment that was spread over days.",
            _record(
                "One scan.", {"date": _day("Day of the scan."), "pd": _flag("The scan showed progression.")}, ("date",)
            ),
        ),
    },
    ("id", "response"),
)

SUBJECT: Schema = _record(
    "The subject's records; what is left out is missing.",
    {
        "origins": {
            "type": "object",
            "description": f"Days on which a clock can start: {', '.join(terms.ORIGINS)}.",
            "additionalProperties": _day("Day of the origin.", nullable=True),
        },
        "baseline": _record(
            "The baseline tumour assessment.",
            {
                "date": _day("Its day.", nullable=True),
                "adequate": _flag("All disease was assessed before the origin; not adequate where left out."),
            },
        ),
        "assessments": _list("Response assessments.", ASSESSMENT),
        "death": {
            "anyOf": [{"type": "null"}, _record("Death from any cause.", {"date": _partial("Day of death.")})],
            "description": "Death from any cause.",
        },
        "therapies": _list(
            "Anticancer therapies outside the regimen.",
            _record(
                "One therapy.",
                {
                    "id": _text("Name of the record."),
                    "start": _partial("First day."),
                    "kind": _word("Kind of therapy.", terms.THERAPY_KINDS),
                },
                ("id", "start", "kind"),
            ),
        ),
        "tace": _list("TACE sessions of the regimen, in any order.", _day("Day of the session.")),
        "treatment": _list(
            "Drug components of the regimen.",
            _record(
                "One component.",
                {
                    "component": _text("Name of the component."),
                    "start": _day("First dose.", nullable=True),
                    "last": _day("Last dose.", nullable=True),
                    "ended": _flag("The component has ended."),
                },
                ("component",),
            ),
        ),
        "other_events": _list(
            "Other dated facts.",
            _record(
                "One fact.",
                {"id": _text("Name of the record."), "date": _day("Its day."), "kind": _text("What happened.")},
                ("id", "date", "kind"),
            ),
        ),
        "last_contact": _day("Last day on which the subject is known to have been alive.", nullable=True),
        "withdrawal": _day("Day on which consent was withdrawn.", nullable=True),
        "lost_to_followup": _day("Day on which the subject was declared lost.", nullable=True),
        "end_of_study": _day("Day on which the subject left the study.", nullable=True),
    },
)

ENDPOINT_CASE: Schema = _record(
    "One subject's records and the record of one endpoint that must come out.",
    {
        **_ABOUT,
        "endpoint": _text("The endpoint: a definition of the preset, such as `PFS`, `OS` or `ORR`."),
        "subject": SUBJECT,
        "cut_off": _day("Data cut-off, inclusive."),
        "schedule": {
            "type": ["object", "null"],
            "description": "Nominal visits, as `schedule` of a protocol; needed where missed visits are counted.",
        },
        "ruleset": _record(
            "The rules in force.",
            {
                "preset": _text(
                    "Ruleset to start from: `common` where left out, `fda`, `ema`, `seed` or another protocol."
                ),
                "options": {
                    "type": ["object", "null"],
                    "description": "Options of the endpoint, laid over the preset's.",
                },
            },
        ),
        "expected": _record(
            "What must come out; only what is stated is compared.",
            {
                "record": _flag("False: the subject has no record of this endpoint."),
                "event": _flag("The record is an event."),
                "cnsr": {"type": "integer", "description": "CNSR: 0 for an event, else the code of the reason."},
                "date": _day("Day of the event or of censoring (ADT); of a rate, day of the response.", nullable=True),
                "start": _day("Day on which the clock starts (STARTDT)."),
                "days": {"type": "integer", "description": "Duration in days (AVAL)."},
                "months": _number("Duration in months, unrounded; compared to a millionth."),
                "reason": _text("Reason of the event or of censoring, such as `PD` or `CUTOFF`."),
                "source": {"type": ["string", "null"], "description": "Record that gives the date."},
                "event_type": {"type": "integer", "description": "0 censored, 1 event, 2 competing event."},
                "adtf": _word(
                    "Imputed part of the date: `D` day, `M` month and day, null none.", ["D", "M"], nullable=True
                ),
                "entry_days": {"type": ["integer", "null"], "description": "Delayed entry in days."},
                "interval": {
                    "type": ["array", "null"],
                    "items": _day("A limit; null without end.", nullable=True),
                    "description": "Days between which the event happened.",
                },
                "value": {"type": ["string", "null"], "description": "Value of a rate or best response, such as `PR`."},
                "responder": {"type": ["boolean", "null"], "description": "The subject is a responder."},
                "rule": _text("Rule that made the record (RULEID), such as `response.best.too_early`."),
            },
        ),
    },
    ("id", "endpoint", "subject", "cut_off", "expected"),
)


def cases_schema() -> Schema:
    """The schema of a file with a list of criterion or endpoint cases."""
    return {
        "$schema": DRAFT,
        "title": "Worked cases",
        "description": "A list of worked cases: lesions visit by visit, records of tables, or records and an endpoint.",
        "type": "object",
        "required": ["cases"],
        "properties": {
            "cases": {
                "type": "array",
                "description": "The cases.",
                "items": {
                    "if": {"required": ["tables"]},
                    "then": TABLE_CASE,
                    "else": {"if": {"required": ["criterion"]}, "then": CRITERION_CASE, "else": ENDPOINT_CASE},
                },
            }
        },
    }


def endpoint_case_schema() -> Schema:
    """The schema of a file with one endpoint case."""
    return {"$schema": DRAFT, "title": "Worked endpoint case", **ENDPOINT_CASE}
