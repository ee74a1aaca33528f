"""The grammar of a grading ruleset as JSON Schema: a misspelled bound must be an error, never a bound left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules_engine.grading.rules import NEEDS, REFERENCES, WHEN

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "number"}
_TEXTS: Final[Schema] = {"type": "array", "items": {"type": ["string", "number"]}}


def _record(description: str, properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _named(description: str, value: Schema) -> Schema:
    return {"type": "object", "description": description, "additionalProperties": value}


def _bound(description: str) -> Schema:
    multiples = {limit: {"type": "number", "description": f"Multiple of the {limit}."} for limit in REFERENCES}
    one = {
        "type": "object",
        "properties": multiples,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    told = f"{description} A number in the unit, or a multiple of a limit, such as `{{uln: 3}}`."
    return {"description": told, "anyOf": [{"type": "number"}, one]}


_PROVENANCE: Final[dict[str, Schema]] = {
    "sources": {**_TEXTS, "description": "Keys of `sources` that give this cut-off."},
    "agreement": {**_TEXT, "description": "Whether the sources agree."},
    "note": {**_TEXT, "description": "How the printed bound is read (a key of `notes`)."},
    "source_note": {**_TEXT, "description": "Where the sources part (a key of `notes`)."},
}

CUTOFF: Final = _record(
    "One cut-off. Several of one grade are alternatives.",
    {
        "grade": {"type": "integer", "minimum": 1, "maximum": 5, "description": "The grade that it gives."},
        "from": _bound("The value is at least this."),
        "above": _bound("The value is more than this."),
        "to": _bound("The value is at most this."),
        "below": _bound("The value is less than this."),
        "and_above": _bound("The value must also be more than this."),
        "change_from": {"enum": list(REFERENCES[:3]), "description": "The bounds are of the value minus this limit."},
        "percent_change_from": {"enum": ["baseline"], "description": "The bounds are of the change from this, in %."},
        "when": {"enum": list(WHEN), "description": "The baseline or treatment under which the cut-off holds."},
        "arm": {**_TEXT, "description": "Which of several routes to the grade this is."},
        "baseline_printed_to": {
            "type": "object",
            "description": "The highest baseline that the text speaks of, such as `{uln: 5}`; higher ones are graded alike, flagged.",
            "properties": {
                limit: {**_NUMBER, "description": f"Multiple of the {limit} of the baseline."}
                for limit in REFERENCES[:2]
            },
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "or": {**_TEXT, "description": "Clinical text that would do instead of the number."},
        "and": {"enum": list(NEEDS), "description": "The clinical fact that is needed beside the number."},
        **_PROVENANCE,
    },
    ("grade",),
)

THRESHOLD: Final = _record(
    "The cut-offs of one term by unit; `any` is a ratio, whatever the unit.",
    {
        "term": {**_TEXT, "description": "Term of the dictionary."},
        "variant": {**_TEXT, "description": "Variant of the term that has cut-offs of its own."},
        "soc": {**_TEXT, "description": "System organ class."},
        "domain": {**_TEXT, "description": "SDTM domain of the value."},
        "analyte": {**_TEXT, "description": "Key of `analytes`."},
        "direction": {"enum": ["low", "high"], "description": "Whether low or high values are graded."},
        "cutoffs": _named("Cut-offs by unit.", {"type": "array", "items": CUTOFF}),
        **_PROVENANCE,
    },
    ("term", "analyte", "direction", "cutoffs"),
)

_GRADES: Final[Schema] = {"type": "string", "pattern": "^[1-5]*$", "description": "Grades that exist, such as '12345'."}

#: The keys of a grading ruleset beside those of every ruleset.
DOCUMENT_SCHEMA: Final = _record(
    "A grading by tables of cut-offs and terms.",
    {
        "version": {**_TEXT, "description": "Version of the dictionary, in quotes, such as '5.0'."},
        "sources": _named("Sources by the key under which cut-offs name them.", _TEXT),
        "notes": _named("Remarks by the key under which cut-offs name them.", _TEXT),
        "numerics": _record(
            "How values compare.",
            {
                "tolerance": {
                    "type": "number",
                    "minimum": 0,
                    "description": "Relative difference below which values are equal.",
                },
                "prolonged_hours": {
                    "type": "number",
                    "minimum": 0,
                    "description": "Hours after which fever is prolonged.",
                },
                "reference": {**_TEXT, "description": "Source."},
                "interpretation": {**_TEXT, "description": "The reading that was taken, and why."},
            },
        ),
        "policy": {"type": "object", "description": "What the options may say where a clinical fact is unknown."},
        "calcium": _record(
            "Calcium corrected for albumin.",
            {
                **{
                    key: {**_TEXT, "description": f"Analyte: {key} calcium."}
                    for key in ("total", "corrected", "ionized")
                },
                "albumin": {**_TEXT, "description": "Analyte: albumin."},
                "albumin_unit": {**_TEXT, "description": "Unit of the albumin below."},
                "albumin_below": {**_NUMBER, "description": "Corrected only where albumin is lower."},
                "albumin_normal": {**_NUMBER, "description": "Albumin that needs no correction."},
                "per_albumin": _named("Added per unit of albumin that is missing, by unit of calcium.", _NUMBER),
                "reference": {**_TEXT, "description": "Source."},
                "interpretation": {**_TEXT, "description": "The reading that was taken, and why."},
            },
        ),
        "plausibility": _record(
            "What a result cannot be.",
            {
                "never_zero": {**_TEXTS, "description": "Analytes of which a result of 0 is none."},
                "refused_units": {
                    "type": "array",
                    "description": "Units in which analytes are never graded.",
                    "items": _record(
                        "Units of some analytes.",
                        {
                            "for": {**_TEXTS, "description": "Analytes."},
                            "units": {**_TEXTS, "description": "Units."},
                            "note": {**_TEXT, "description": "Remark."},
                        },
                        ("for", "units"),
                    ),
                },
                "range_factor": {
                    "type": "number",
                    "exclusiveMinimum": 1,
                    "description": "A limit so many times away from the end of its own grade 1 contradicts the unit.",
                },
                "range_exempt": {**_TEXTS, "description": "Analytes whose limits are not judged."},
                "reference": {**_TEXT, "description": "Source."},
                "interpretation": {**_TEXT, "description": "The reading that was taken, and why."},
            },
        ),
        "ucum": _named("The code of each unit in UCUM.", _TEXT),
        "units": _named("Units, and the ways in which studies write them.", _TEXTS),
        "conversions": {
            "type": "array",
            "description": "How much of each unit makes one of the first.",
            "items": _record(
                "Units of some analytes.",
                {
                    "for": {**_TEXTS, "description": "Analytes."},
                    "units": _named("Amounts by unit.", _NUMBER),
                    "reference": {**_TEXT, "description": "Source."},
                    "note": {**_TEXT, "description": "Remark."},
                },
                ("for", "units"),
            ),
        },
        "analyte_names": _named("What the analytes are called.", _TEXT),
        "analytes": _named("Analytes, and the codes by which studies name them.", _TEXTS),
        "value_words": _named("Words that stand for numbers, by analyte.", _named("Numbers by word.", _NUMBER)),
        "event_words": _record(
            "Words of studies about adverse events, case ignored.",
            {
                **{
                    key: {**_TEXTS, "description": meaning}
                    for key, meaning in (
                        ("related", "Causality: related to the treatment, whichever component."),
                        ("not_related", "Causality: not related."),
                        ("withdrawn", "Action: the treatment was stopped for good."),
                        ("interrupted", "Action: the treatment was interrupted or delayed."),
                        ("reduced", "Action: the dose was reduced."),
                        ("fatal", "Outcome: the event was fatal."),
                    )
                },
                "other_specify": {**_TEXT, "description": "End of the terms that ask for a specification."},
            },
        ),
        "not_lab_gradable": {
            "type": "array",
            "description": "Terms that this version grades clinically only.",
            "items": _record(
                "One of them.",
                {
                    "analyte": {**_TEXT, "description": "Key of `analytes`."},
                    "direction": {"enum": ["low", "high"], "description": "Low or high values."},
                    "term": {**_TEXT, "description": "Term of the dictionary."},
                    "note": {**_TEXT, "description": "Remark."},
                },
                ("analyte", "direction", "term"),
            ),
        },
        "not_encoded": {
            "type": "array",
            "description": "Terms that a number may grade in this version, and whose numbers this ruleset does not hold.",
            "items": _record(
                "One of them: its results have no grade, for the reason NOT_ENCODED.",
                {
                    "analyte": {**_TEXT, "description": "Key of `analytes`."},
                    "direction": {"enum": ["low", "high"], "description": "Low or high values."},
                    "term": {**_TEXT, "description": "Term of the dictionary."},
                    "note": {**_TEXT, "description": "Why the numbers are not here."},
                },
                ("analyte", "direction", "term", "note"),
            ),
        },
        "thresholds": {"type": "array", "description": "The cut-offs, by term.", "items": THRESHOLD},
        "terms": _named(
            "The dictionary: system organ classes and their terms.",
            _named(
                "Terms, and the grades that exist for each.",
                {
                    "anyOf": [
                        _GRADES,
                        _record(
                            "A term with grades that not all sources have.",
                            {
                                "grades": _GRADES,
                                "unclear": {**_GRADES, "description": "Grades that not all sources have."},
                            },
                            ("grades", "unclear"),
                        ),
                    ]
                },
            ),
        ),
        "definitions": _named(
            "Codes and wording of terms, in the reader's own copy.",
            _record(
                "One term.",
                {
                    "code": {**_TEXT, "description": "MedDRA code."},
                    "definition": {**_TEXT, "description": "Definition."},
                    "grades": _named("Wording of the grades that exist.", _TEXT),
                },
            ),
        ),
        "preferred_terms": _named("MedDRA preferred terms, and the term that each is graded under.", _TEXT),
        "terms_without_grades": {
            **_TEXTS,
            "description": "Terms of which neither class nor grades are at hand; any grade is accepted.",
        },
        "successors": _named("Names of an earlier version, and what this version offers for them, for review.", _TEXTS),
        "aliases": _named("Other names of terms, and the term that each means.", _TEXT),
        "spelling": {
            "type": "array",
            "description": "British and American spellings.",
            "items": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
        },
        "death_terms": {**_TEXTS, "description": "Terms that are death itself."},
    },
)
