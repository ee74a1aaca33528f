"""The grammar of a protocol's section `data`: how SDTM and ADaM files become the input tables.

A closed set of operations, all of them data: pick columns, translate codes, keep rows that meet conditions, look up
rows of another domain, convert units. `rules_engine.study.mapping` carries them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from rules_engine.contracts import TABLES, Table

Schema = dict[str, Any]

#: Encodings that text files may have.
ENCODINGS: Final = ("utf-8", "windows-1252", "latin-1", "utf-16")
#: Ready-made mappings that a protocol can start from.
LAYOUTS: Final = {
    "tables": "the study brings the input tables themselves",
    "sdtm": "the study brings SDTM domains with the names of the SDTM Implementation Guide",
    "adam": "the study brings ADaM data sets with the names of the ADaM Implementation Guide",
}

_NAME: Schema = {
    "type": "string", "minLength": 1,
    "description": "A column of the file. `NAME if any`: the study may lack it.",
}  # fmt: skip
_NAMES: Schema = {
    "description": "A column, or several of which the first that has a value is taken.",
    "anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}],
}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_WORDS: Schema = {"type": "array", "items": _SCALAR, "minItems": 1}


def _record(description: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_CONDITION = _record(
    "A condition on one column. Texts are compared without regard to case.",
    {
        "column": _NAME,
        "in": {**_WORDS, "description": "The value is one of these."},
        "not_in": {**_WORDS, "description": "The value is none of these; a missing value is none of them."},
        "missing": {"type": "boolean", "description": "true: the value is missing; false: it is there."},
    },
    ("column",),
)
_CONDITIONS: Schema = {
    "type": "array", "items": _CONDITION, "minItems": 1, "description": "Conditions that must all hold.",
}  # fmt: skip

_UNITS = _record(
    "Convert a number to the unit of the input table; a unit that is not listed is reported and the value not used.",
    {
        "column": {**_NAME, "description": "The column that holds the unit."},
        "factors": {
            "type": "object",
            "description": "Unit as written in the study, and what to multiply by: `{mm: 1, cm: 10}`.",
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
        },
        "assumed": {"type": "string", "description": "The unit of values whose unit is missing."},
    },
    ("column", "factors"),
)

_PICKED: Schema = {
    "column": _NAMES,
    "codes": {
        "type": "object",
        "description": "Code of the study, and the word of the input table. Matched without regard to case.",
        "additionalProperties": {"anyOf": [_SCALAR, {"type": "null"}]},
    },
    "others": {
        "enum": ["keep", "missing"],
        "description": "What becomes of a value that `codes` does not list. keep: it stays as written (the default), "
        "and is reported where the input table does not know it; missing: it is dropped without a word.",
    },
    "units": _UNITS,
    "value": {
        "type": ["string", "number", "boolean", "null"],
        "description": "The same value in every row; null: no value.",
    },
    "where": {**_CONDITIONS, "description": "Conditions that must all hold; alone, they give true or false."},
}
_CASE = _record("A value, taken where its conditions hold.", _PICKED)
_VALUE: Schema = {
    "description": "Where a column of the input table comes from.",
    "anyOf": [
        _NAME,
        {"type": "array", "items": _NAME, "minItems": 1, "description": "The first of these that has a value."},
        _record(
            "A column with its codes or units, a constant, a condition, or several cases.",
            {
                **_PICKED,
                "cases": {
                    "type": "array", "items": _CASE, "minItems": 1,
                    "description": "The first case whose conditions (`where`) hold gives the value.",
                },
            },
        ),
    ],
}  # fmt: skip

_LOOKUP = _record(
    "Columns of another domain, or of other rows of the same one, beside each row.",
    {
        "from": {"type": "string", "description": "The domain; `NAME if any`: the study may lack it."},
        "where": _CONDITIONS,
        "match": {
            "description": "Columns that must be equal: a list, or a mapping from this domain's column to the other's.",
            "anyOf": [
                {"type": "array", "items": _NAME, "minItems": 1},
                {"type": "object", "minProperties": 1, "additionalProperties": _NAME},
            ],
        },
        "order": {
            "type": "array", "items": _NAME, "minItems": 1,
            "description": "Where several rows match, the first in the order of these columns is taken.",
        },
        "take": {
            "type": "object", "minProperties": 1, "additionalProperties": _NAME,
            "description": "Name to use here, and the column of the other domain.",
        },
    },
    ("from", "match", "take"),
)  # fmt: skip

_PIVOT = _record(
    "Records of one test each become one row: per `by`, and for every test and value a column TEST_VALUE, such as "
    "LDIAM_TRSTRESC.",
    {
        "by": {"type": "array", "items": _NAME, "minItems": 1, "description": "Columns that name a row."},
        "name": {**_NAME, "description": "The column that names the test, such as TRTESTCD."},
        "values": {"type": "array", "items": _NAME, "minItems": 1, "description": "Columns that hold its values."},
        "where": {**_CONDITIONS, "description": "Records to use: conditions that must all hold."},
    },
    ("by", "name", "values"),
)


def table_part(table: Table) -> Schema:
    """JSON Schema of one part of a table."""
    columns = {column.name: {**_VALUE, "description": column.meaning} for column in table.columns}
    schema = _record(
        f"One source of {table.name} (one row per {table.row}).",
        {
            "from": {
                "type": "string", "minLength": 1,
                "description": "The domain that the rows come from; `NAME if any`: the study may lack it.",
            },
            "qualifiers": {
                "type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1,
                "description": "Supplemental domains (SUPP--): each QNAM becomes a column of the record that it qualifies; "
                "`NAME if any`: the study may lack it.",
            },
            "pivot": _PIVOT,
            "where": {**_CONDITIONS, "description": "Rows to use: conditions that must all hold."},
            "lookups": {
                "type": "object", "additionalProperties": _LOOKUP,
                "description": "Columns of other domains beside each row; each lookup has a name of its own.",
            },
            "columns": {
                "type": "object", "properties": columns, "additionalProperties": False,
                "description": "Columns of the input table. Those that are not named are missing.",
            },
            "extra": {
                "type": "object",
                "additionalProperties": _VALUE,
                "description": "Further columns to keep, for strata and selection.",
            },
        },
    )  # fmt: skip
    return {**schema, "type": ["object", "null"]}


#: Parts of a table of which only a plugin knows the columns.
_ANY_PARTS: Schema = {"type": ["object", "null"], "additionalProperties": {"type": ["object", "null"]}}


def data_schema(of_plugins: Iterable[Table] = (), *, open_to_others: bool = False) -> Schema:
    """JSON Schema of the section `data`, for the engine's tables and those of plugins; `open_to_others` lets pass what other
    tables say, which is checked where the plugins are known.
    """
    return _record(
        "How the study's own files become the input tables. Without it the study brings the input tables themselves.",
        {
            "layout": {
                "enum": list(LAYOUTS),
                "description": "What the mapping starts from. "
                + "; ".join(f"{k}: {v}" for k, v in LAYOUTS.items())
                + ".",
            },
            "encoding": {
                "enum": list(ENCODINGS),
                "description": "Encoding of the study's CSV files; utf-8 where nothing is stated.",
            },
            "domains": {
                "type": "object",
                "description": "Files of each domain, without their ending; several are read one below the other. "
                "A domain that is not listed is the file of that name.",
                "additionalProperties": {"type": "array", "items": {"type": "string", "minLength": 1}},
            },
            "tables": {
                "type": "object",
                "description": "The input tables, each from one or more named parts. Over a layout a part of the same name "
                "is merged, and null removes it.",
                "properties": {
                    table.name: {
                        "type": ["object", "null"],
                        "description": f"Parts of {table.name}, by names of your choosing.",
                        "additionalProperties": _part_schema,
                    }
                    for table in (*TABLES.values(), *of_plugins)
                    for _part_schema in [table_part(table)]
                },
                **({"additionalProperties": _ANY_PARTS} if open_to_others else {"additionalProperties": False}),
            },
        },
    )
