"""The grammar of rulesets as JSON Schema (draft 2020-12), in the words of the author of the YAML.

`structure` describes a ruleset after `extends`; what stands under `options` is left to the schemas of the plugins,
which the loader applies where it knows the plugin. `published` is the schema for editors: the same grammar with the
plugins' options filled in, and nothing required that a base may state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rules_engine import terms
from rules_engine.loading.data_schema import data_schema
from rules_engine.loading.options import properties_of
from rules_engine.loading.sources import GRAMMAR_VERSION, KINDS
from rules_engine.registry import Registry
from rules_engine.wording import without_wording

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
PARAMCD = r"^[A-Za-z][A-Za-z0-9_]{0,7}$"
DAY = r"^\d{4}-\d{2}-\d{2}$"
STRATEGIES = {
    "treatment_policy": "the event changes nothing; data after it count",
    "hypothetical": "as if the event had not happened; follow-up ends at it",
    "composite": "the event is itself an outcome",
    "while_on_treatment": "only what happens before the event counts",
    "principal_stratum": "only subjects in whom the event would not happen",
}


def text(description: str, **more: Any) -> Schema:
    """A text."""
    return {"type": "string", "minLength": 1, "description": description, **more}


def whole(description: str, minimum: int = 0, **more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": minimum, "description": description, **more}


def record(
    description: str, properties: Mapping[str, Any], required: Iterable[str] = (), all_of: Iterable[Schema] = ()
) -> Schema:
    """A mapping with known keys."""
    found: Schema = {"type": "object", "description": description, "properties": dict(properties)}
    if required:
        found["required"] = list(required)
    if all_of:
        found["allOf"] = list(all_of)
    found["additionalProperties"] = False
    return found


def named(description: str, value: Schema, names: Schema | None = None) -> Schema:
    """A mapping from names of the author's choosing."""
    found: Schema = {"type": "object", "description": description, "additionalProperties": value}
    if names is not None:
        found["propertyNames"] = names
    return found


def choice(description: str, meanings: Mapping[str, str]) -> Schema:
    """One of several words; the description tells what each means."""
    told = "; ".join(f"`{word}`: {meaning}" for word, meaning in meanings.items())
    return {"enum": list(meanings), "description": f"{description} {told}."}


OPTIONS: Schema = {
    "type": "object",
    "description": "Options; each key replaces what a base or the section above states.",
}

HEADER: Schema = {
    "rules_engine": {
        "const": GRAMMAR_VERSION,
        "description": f"Version of the ruleset grammar. Always {GRAMMAR_VERSION}; the first line of every ruleset.",
    },
    "id": text(
        "Name of the ruleset: letters, digits and underscores. A ruleset in a named folder has the folder's name.",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
    ),
    "kind": choice("What the ruleset describes.", KINDS),
    "extends": {
        "description": "Ruleset or list of rulesets that this one builds on, by name or path. Later ones win, then "
        "this file: a mapping merges, a list replaces, null removes a key.",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "uniqueItems": True}],
    },
    "title": text("What the ruleset is, in one line."),
    "reference": text("Publication or document that the ruleset transcribes."),
    "references": {"description": "Publications or documents that the ruleset transcribes."},
    "note": text("Anything that a reader should know."),
    "interpretation": {"description": "Where the source is silent: the reading that was taken, and why."},
}

SEGMENT = record(
    "Part of the schedule: a visit each `every` days while the offset is at most `until`.",
    {
        "every": whole("Days from one visit to the next.", 1),
        "until": {
            "type": ["integer", "null"], "minimum": 1,
            "description": "Last offset in days of this part; the last part has none and goes on without end.",
        },
    },
    ["every"],
)  # fmt: skip

SCHEDULE = record(
    "Nominal tumour assessments. Needed where visits missed are counted, or dates are moved to scheduled visits.",
    {
        "segments": {
            "type": "array", "minItems": 1, "items": SEGMENT,
            "description": "Parts of the schedule in order, such as `[{every: 42, until: 168}, {every: 63}]`.",
        },
        "early": whole("Days before a nominal visit that still belong to it."),
        "late": whole("Days after a nominal visit that still belong to it."),
        "anchor": choice(
            "Day 0 of the schedule; without it the endpoint's time origin.",
            {name: f"the day of {name.replace('_', ' ')}" for name in terms.ORIGINS},
        ),
    },
    ["segments"],
)  # fmt: skip

STUDY = record(
    "The study, as the report and the data sets name it.",
    {
        "id": text("Identifier of the study (STUDYID)."),
        "design": text("Design in one sentence."),
        "population": text("Who is in the study."),
        "arms": {
            "type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"},
            "description": "Values of `subjects.arm`, in the order of the tables.",
        },
        "reference_arm": text("The arm that others are compared with."),
        "horizons_months": named(
            "Follow-up horizon of an endpoint in months, for the text of the report; nothing is truncated by it.",
            {"type": "number", "exclusiveMinimum": 0},
        ),
        "data_cutoff": text("Data cut-off, inclusive, such as 2025-12-31; the call may state another.", pattern=DAY),
        "sponsor": text("Who is responsible for the study."),
        "registration": text("Number in a trial registry."),
        "phase": text("Phase of development."),
        "protocol": text("Version of the protocol or analysis plan that this ruleset transcribes."),
        "note": text("Anything that a reader should know."),
    },
)  # fmt: skip

ESTIMAND = record(
    "The estimand in the words of ICH E9(R1); the report prints it. What the engine does is stated by the options.",
    {
        "population": text("Population of the analysis."),
        "treatment": text("The treatment condition and what it is compared with."),
        "variable": text("The variable (endpoint) of each subject."),
        "intercurrent_events": named(
            "Each intercurrent event with the strategy for it.", choice("Strategy for the event.", STRATEGIES)
        ),
        "summary": text("Population-level summary, such as a Kaplan-Meier median."),
        "note": text("Anything that a reader should know."),
    },
)

ASSESSOR = text("Selects the rows of this assessor, such as `investigator`; without it no selection.")
READER = text("Selects the rows of this reader, where an assessor has several; without it no selection.")


COVARIATE = record(
    "A characteristic of the subjects as analyses use it: a column of `subjects`, read as a number or as levels.",
    {
        "column": text("Column of `subjects`; without it the covariate's own name."),
        "kind": choice(
            "How the column is read; without it by the column itself, numbers as numbers and everything else as levels.",
            {"category": "levels", "number": "a number; text that is no number is reported and taken as missing"},
        ),
        "levels": {
            "type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"},
            "description": "Levels in the order of tables, the first the reference; further values follow "
            "alphabetically. With `cuts`, names of the intervals, lowest first.",
        },
        "reference": text("The level that others are compared with, where it is not the first."),
        "cuts": {
            "type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "number"},
            "description": "Numbers in ascending order at which a number is cut into levels.",
        },
        "cut_belongs_to": choice(
            "Where a value that equals a cut belongs.",
            {"upper": "to the level above (the default)", "lower": "to the level below"},
        ),
        "pool": named(
            "Levels that stand for several values, such as `{A-B: [A, B], C: [C]}`.",
            {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
        ),
        "missing": choice(
            "Subjects without a value.",
            {
                "own_level": "a level of their own, `(missing)` (the default of levels)",
                "exclude": "left out of analyses that use the covariate, and counted (the only choice for numbers)",
            },
        ),
        "transform": choice(
            "What is done to a number first.", {"none": "nothing (the default)", "log": "natural logarithm"}
        ),
        "per": {
            "type": "number", "exclusiveMinimum": 0,
            "description": "The step of a number that a ratio is reported for, such as 10 for age in decades.",
        },
        "years_to": text(
            "The column is a date, perhaps partial, and the number the years from it to the date in this column of "
            "`subjects`: with `column: birth_date, years_to: baseline_date` the age."
        ),
        "label": text("What tables call it."),
        "unit": text("Unit of the number."),
        "source": text("Publication or section that the levels or cuts come from."),
        "note": text("Anything that a reader should know."),
    },
)  # fmt: skip


def _weights(required: Any) -> Schema:
    return record(
        "Weights that make two groups comparable at baseline: a logistic model of belonging to the first group "
        "(propensity score), and what is made of the score.",
        {
            "method": choice(
                "The weight of a subject with score e.",
                {
                    "overlap": "1 - e in the first group, e in the reference: subjects who could have had either",
                    "inverse_probability": "1 / e in the first group, 1 / (1 - e) in the reference: all subjects",
                    "treated": "1 in the first group, e / (1 - e) in the reference: subjects like the first group",
                },
            ),
            "covariates": {
                "type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"},
                "description": "Covariates, or columns of `subjects`, of the propensity model; each enters linearly.",
            },
            "stabilised": {
                "type": "boolean",
                "description": "For `inverse_probability`: multiply each weight by the share of the subject's group. "
                "The default is true.",
            },
            "trim": record(
                "Subjects with a score outside a range are left out, and counted.",
                {
                    "score": {
                        "type": "array", "minItems": 2, "maxItems": 2,
                        "items": {"type": "number", "minimum": 0, "maximum": 1},
                        "description": "Lowest and highest score that stay, such as [0.1, 0.9].",
                    },
                    "refit": {
                        "type": "boolean",
                        "description": "Fit the model again to those who stay. The default is false.",
                    },
                },
                required("score"),
            ),
            "truncate_at": {
                "type": "number", "exclusiveMinimum": 0.5, "maximum": 1,
                "description": "Weights above this quantile of all weights are set to it, such as 0.99.",
            },
            "reference": text("Publication or section that the weights come from."),
            "note": text("Anything that a reader should know."),
        },
        required("method", "covariates"),
    )  # fmt: skip


def structure() -> Schema:
    """The schema of a ruleset after `extends`, without the plugins' options."""
    return _ruleset(_Parts(), complete=True)


def published(registry: Registry) -> Schema:
    """The schema for editors: with the options of every plugin, and nothing required that a base may state."""
    schema = _ruleset(_Parts.of(registry), complete=False)
    return {
        "$schema": DRAFT,
        "title": "Ruleset of the endpoint rules engine",
        "description": "Written by `rules-engine schema` from the grammar and the installed plugins.",
        **schema,
    }


FROM_PARAMETER: Schema = {
    "type": "object",
    "description": "The value of a parameter that the protocol declares under `parameters`.",
    "properties": {"from_parameter": {"type": "string", "description": "Name of the parameter."}},
    "required": ["from_parameter"],
    "additionalProperties": False,
}


def _or_parameter(schema: Any) -> Any:
    """A schema that lets a parameter stand for each value, and a mapping be what it was."""
    if not isinstance(schema, Mapping):
        return schema
    if _is_mapping(schema):
        changed = dict(schema)
        if isinstance(schema.get("properties"), Mapping):
            changed["properties"] = {key: _or_parameter(about) for key, about in schema["properties"].items()}
        if "additionalProperties" in schema:
            changed["additionalProperties"] = _or_parameter(schema["additionalProperties"])
        if "allOf" in schema:
            changed["allOf"] = [{**part, "then": _or_parameter(part["then"])} for part in schema["allOf"]]
        return changed
    told = {key: schema[key] for key in ("description", "default") if key in schema}
    rest = {key: about for key, about in schema.items() if key != "description"}
    if set(rest) - {"default"} == {"anyOf"}:
        return {
            **told,
            "anyOf": [*(_or_parameter(one) if _is_mapping(one) else one for one in rest["anyOf"]), FROM_PARAMETER],
        }
    return {**told, "anyOf": [{key: about for key, about in rest.items() if key != "default"}, FROM_PARAMETER]}


def _is_mapping(schema: Mapping[str, Any]) -> bool:
    return isinstance(schema.get("properties"), Mapping) or schema.get("type") == "object"


class _Parts:
    """What plugins add to the grammar; without plugins, everything open."""

    def __init__(self) -> None:
        self.criterion_values: dict[str, Schema] = {}
        self.criterion_options: Schema = OPTIONS
        self.endpoint_kinds: dict[str, Schema] = {}
        self.endpoint_options: Schema = OPTIONS
        self.estimators: dict[str, Schema] = {}
        self.gradings: dict[str, Schema] = {}
        self.grading_options: Schema = OPTIONS
        self.titles: dict[str, dict[str, str]] = {}
        self.data: Schema = data_schema(open_to_others=True)

    @classmethod
    def of(cls, registry: Registry) -> _Parts:
        """The parts that the installed plugins add."""
        parts = cls()
        parts.data = data_schema(registry.tables.values())
        criteria = {name: without_wording(criterion.options_schema) for name, criterion in registry.criteria.items()}
        parts.criterion_values = {name: _values(properties_of(schema)) for name, schema in criteria.items()}
        parts.criterion_options = _any_of_these(
            criteria.values(), "Values of the criterion ruleset that this response changes."
        )
        kinds = {name: without_wording(kind.options_schema) for name, kind in registry.endpoint_kinds.items()}
        parts.endpoint_kinds = {name: partial(schema) for name, schema in kinds.items()}
        parts.endpoint_options = _any_of_these(kinds.values(), str(OPTIONS["description"]))
        parts.estimators = {
            name: partial(without_wording(item.options_schema)) for name, item in registry.estimators.items()
        }
        parts.gradings = {name: partial(grading.document_schema) for name, grading in registry.gradings.items()}
        gradings = [without_wording(grading.options_schema) for grading in registry.gradings.values()]
        parts.grading_options = _any_of_these(gradings, "Options of the grading.")
        parts.titles = {
            "criterion": {name: item.title for name, item in registry.criteria.items()},
            "kind": {name: item.title for name, item in registry.endpoint_kinds.items()},
            "estimator": {name: item.title for name, item in registry.estimators.items()},
            "grading": {name: item.title for name, item in registry.gradings.items()},
        }
        return parts

    def plugin(self, kind: str, description: str) -> Schema:
        """The id of a plugin's object."""
        titles = self.titles.get(kind)
        return choice(description, titles) if titles else text(description)


def partial(schema: Any) -> Any:
    """A schema for part of a mapping: nothing is required, no key is judged by another."""
    if isinstance(schema, Mapping):
        dropped = {"required", "dependentRequired", "dependentSchemas", "if", "then", "else", "minProperties"}
        kept = {key: partial(value) for key, value in schema.items() if key not in dropped or key == "properties"}
        if isinstance(schema.get("properties"), Mapping):
            kept["properties"] = {key: partial(value) for key, value in schema["properties"].items()}
        if isinstance(kept.get("allOf"), list):
            kept["allOf"] = [branch for branch in kept["allOf"] if branch]
            if not kept["allOf"]:
                del kept["allOf"]
        return kept
    if isinstance(schema, (list, tuple)):
        return [partial(item) for item in schema]
    return schema


def _any_of_these(schemas: Iterable[Mapping[str, Any]], description: str) -> Schema:
    """A mapping that may hold any key of any of the schemas; where they differ on a key, either will do."""
    known: dict[str, list[Any]] = {}
    for schema in schemas:
        for key, about in properties_of(schema).items():
            told = known.setdefault(key, [])
            if partial(about) not in told:
                told.append(partial(about))
    if not known:
        return {**OPTIONS, "description": description}
    merged = {key: told[0] if len(told) == 1 else {"anyOf": told} for key, told in sorted(known.items())}
    return {"type": "object", "description": description, "properties": merged, "additionalProperties": False}


def _value(about: Mapping[str, Any] | None = None) -> Schema:
    """One value of a criterion, with what a reader must know about it."""
    return record(
        str((about or {}).get("description", "One value that the criterion runs on.")),
        {
            "value": about if about is not None else {"description": "The value."},
            "unit": {"type": ["string", "null"], "description": "Unit of the value, such as mm, days or %."},
            "text": text("What the value is, in one sentence."),
            "reference": text("Publication and section that the value comes from."),
            "interpretation": text("Where the publication is silent: the reading that was taken, and why."),
        },
    )


def _values(properties: Mapping[str, Any]) -> Schema:
    return record("The values that the criterion runs on.", {key: _value(about) for key, about in properties.items()})


def _ruleset(parts: _Parts, *, complete: bool) -> Schema:
    def required(*keys: str) -> list[str]:
        return list(keys) if complete else []

    by_kind = {
        "criterion": _criterion(parts, required),
        "grading": _grading(parts, required),
        "protocol": _protocol(parts, required),
    }
    return {
        "type": "object",
        "properties": HEADER,
        "required": ["rules_engine", "id", "kind"],
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": schema}
            for kind, schema in by_kind.items()
        ],
    }


def _criterion(parts: _Parts, required: Any) -> Schema:
    by_id = [
        {
            "if": {"properties": {"criterion": {"const": name}}, "required": ["criterion"]},
            "then": {"properties": {"values": values}},
        }
        for name, values in parts.criterion_values.items()
    ]
    rule = {
        "description": "One rule: what it says, and where it is published.",
        "anyOf": [{"type": "string"}, {"type": "object"}],
    }
    return record(
        "The values that a response criterion runs on.",
        {
            **HEADER,
            "criterion": parts.plugin("criterion", "Plugin that runs on these values."),
            "values": named("The values by option key, such as `pr.pct`.", _value()),
            "rules": named("The criterion's rules by rule id: one sentence and its source each.", rule),
        },
        required("criterion", "values"),
        all_of=by_id,
    )


def _grading(parts: _Parts, required: Any) -> Schema:
    own = {**HEADER, "grading": parts.plugin("grading", "Plugin that runs this grading.")}
    by_id = [
        {
            "if": {"properties": {"grading": {"const": name}}, "required": ["grading"]},
            "then": {**document, "properties": {**document["properties"], **own}},
        }
        for name, document in parts.gradings.items()
        if "properties" in document
    ]
    return {
        "type": "object",
        "description": "Terms, grades and thresholds of a grading; its plugin knows the rest of the grammar.",
        "properties": own,
        "required": required("grading"),
        **({"allOf": by_id} if by_id else {}),
    }


def _protocol(parts: _Parts, required: Any) -> Schema:
    graded = {
        "grading": text("Grading ruleset, by name or path, such as `ctcae_v5`."),
        "options": parts.grading_options,
        "note": text("Anything that a reader should know."),
    }
    window = record(
        "Days that count: from the start of treatment to the end of observation.",
        {
            "from": text("First day: a time origin such as `first_component`, `first_tace` or `randomisation`."),
            "to": text("Last day: `end_of_study`, or another date of the subject."),
            "days_after": whole("Days after the last treatment that still count."),
            "cut_at_new_therapy": {
                "type": "boolean",
                "description": "End the day before the first anticancer therapy outside the regimen.",
            },
        },
    )
    sections = {
        "study": STUDY,
        "estimand": ESTIMAND,
        "schedule": SCHEDULE if required("segments") else partial(SCHEDULE),
        "responses": named(
            "Streams of timepoint responses by name; endpoints say which one they read.", _response(parts)
        ),
        "options": {
            **parts.endpoint_options,
            "description": "Options of all endpoints; a definition or an endpoint may state its own.",
        },
        "definitions": named(
            "Endpoints that are derived only where an endpoint says `like: NAME`.", _endpoint(parts), None
        ),
        "endpoints": named(
            "The endpoints, by PARAMCD: at most eight letters, digits and underscores.",
            _endpoint(parts),
            {
                "pattern": PARAMCD,
                "description": "A PARAMCD: at most eight letters, digits and underscores.",
            },
        ),
        "adverse_events": record(
            "How adverse events are graded and counted.", {**graded, "window": window}, required("grading")
        ),
        "labs": record("How laboratory results are graded.", {**graded, "window": window}, required("grading")),
        "covariates": named("Characteristics of the subjects as analyses use them, by name.", COVARIATE),
        "weights": named("Weights of subjects, by name; analyses say which they use.", _weights(required)),
        "analyses": named("The estimates, by name.", _analysis(parts, required)),
        "agreement": named("How far readers, assessors or criteria say the same, by name.", _agreement(required)),
        "data": parts.data,
    }
    if not required("kind"):  # the loader knows the values of parameters; an editor sees their names
        sections = {name: _or_parameter(section) for name, section in sections.items()}
    declared = named("Values that options refer to by `{from_parameter: NAME}`.", _parameter(required))
    return record("Everything about one study.", {**HEADER, **sections, "parameters": declared})


def _parameter(required: Any) -> Schema:
    return record(
        "One named value. A ruleset that extends this one, the call or the command line (`--set NAME=VALUE`) may change it.",
        {
            "value": {"description": "The value; the options that refer to it say what it may be."},
            "unit": text("Unit of the value, such as days."),
            "description": text("What the value is, in one sentence."),
            "minimum": {"type": "number", "description": "Smallest value that may be set."},
            "maximum": {"type": "number", "description": "Largest value that may be set."},
            "choices": {"type": "array", "minItems": 1, "description": "The values that may be set."},
        },
        required("value"),
    )


def _response(parts: _Parts) -> Schema:
    return record(
        "One stream of timepoint responses: derived from lesions by a criterion, or as collected.",
        {
            "criterion": text("Derive the responses from lesions by this criterion ruleset, by name or path."),
            "collected_as": text(
                "Take the responses as collected under this criterion (`response_assessments.criterion`)."
            ),
            "assessor": ASSESSOR,
            "reader": READER,
            "options": parts.criterion_options,
            "label": text("What tables call this stream."),
            "note": text("Anything that a reader should know."),
        },
    )


def _endpoint(parts: _Parts) -> Schema:
    by_kind = [
        {
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": {"properties": {"options": options}},
        }
        for name, options in parts.endpoint_kinds.items()
    ]
    return record(
        "One endpoint. State `like` (another endpoint or a definition) or `kind`.",
        {
            "kind": parts.plugin("kind", "How the endpoint is derived."),
            "like": text("Take everything from this endpoint or definition, and change what is stated here."),
            "label": text("Name of the endpoint in tables (PARAM)."),
            "response": {
                "type": ["string", "null"],
                "description": "The stream of responses that the endpoint reads (a name under `responses`).",
            },
            "options": parts.endpoint_options,
            "schedule": partial(SCHEDULE),
            "reference": text("Publication or section that defines the endpoint."),
            "note": text("Anything that a reader should know."),
            "interpretation": text("Where the source is silent: the reading that was taken, and why."),
        },
        all_of=by_kind,
    )


def _agreement(required: Any) -> Schema:
    return record(
        "Pairs of responses that are compared: percentage, confusion table and kappa.",
        {
            "between": {
                "type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "string"},
                "description": "Responses (names under `responses`), compared visit by visit, or response endpoints "
                "(PARAMCD, such as BOR by two readers), compared subject by subject. Of three or more, every pair.",
            },
            "components": {
                "type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"enum": ["overall", "target", "nontarget", "new_lesion"]},
                "description": "Parts of a timepoint response that are compared; `overall` where left out.",
            },
            "codes": choice(
                "Codes of iRECIST beside those of RECIST.",
                {"plain": "are taken for the plain code they stand for (the default)", "as_recorded": "differ from it"},
            ),
            "not_evaluable": choice(
                "A response that is not evaluable.",
                {"category": "is a category like any other (the default)", "exclude": "takes no part"},
            ),
            "weights": choice(
                "What a disagreement counts, by the distance of the two codes from best to worst.",
                {
                    "none": "nothing, as in Cohen's kappa of 1960 (the default)",
                    "linear": "the less, the farther apart",
                    "quadratic": "the less, by the square of the distance",
                },
            ),
            "conf_level": {
                "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1,
                "description": "Confidence level of the limits of kappa; 0.95 where left out.",
            },
            "label": text("What tables call this comparison."),
            "note": text("Anything that a reader should know."),
        },
        required("between"),
    )  # fmt: skip


def _analysis(parts: _Parts, required: Any) -> Schema:
    by_estimator = [
        {
            "if": {"properties": {"estimator": {"const": name}}, "required": ["estimator"]},
            "then": {"properties": {"options": options}},
        }
        for name, options in parts.estimators.items()
    ]
    return record(
        "One estimate over one or more endpoints.",
        {
            "estimator": parts.plugin("estimator", "What is estimated."),
            "endpoints": {
                "type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"},
                "description": "The endpoints (PARAMCD) to estimate for.",
            },
            "by": text(
                "Column of `subjects` or covariate that groups them, such as `arm`; without it all are one group."
            ),
            "subgroups": {
                "type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"},
                "description": "Covariates or columns of `subjects`: the analysis is repeated in each level of each, and "
                "the difference between levels is tested where the estimator can.",
            },
            "weights": text("Weights (a name under `weights`) that the analysis uses."),
            "optional": {
                "type": "boolean",
                "description": "Where the study lacks a column of `subjects` that the analysis names: `true` leaves the "
                "analysis out and says so in a finding and in the results; by default the study is refused.",
            },
            "label": text("What tables call this analysis."),
            "options": OPTIONS,
            "note": text("Anything that a reader should know."),
        },
        required("estimator", "endpoints"),
        all_of=by_estimator,
    )  # fmt: skip
