"""How an option is told in plain English: words that its JSON Schema carries under `x-wording`.

A description of a ruleset is written from these words. An option without words is told by its description in the schema, so
that an option of any plugin is told; words make the sentence one that a statistician would write.

    Wording(title="Gap", part="Missed assessments", unit="days", says="An event counts up to {value} after the last assessment.")
    Wording(says={"ignore": "Follow-up goes on.", "censor": "The subject is censored at {cut_point}."})

In a sentence `{value}` stands for the value with its unit, `{path.of.option}` for the value of another option of the same
schema. A mapping has a sentence for each value (`true`, `false`, `null`, numbers and choices as YAML writes them); `*` stands
for any other. An empty sentence says that the value goes without saying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
#: A JSON Schema, or `False` for one that nothing meets.
Condition = Schema | bool

#: What the end of an option's key says about its unit.
_UNITS = (
    ("_days", "days"), ("_months", "months"), ("_mm", "mm"), ("_pct", "%"), (".pct", "%"), ("_hours", "hours"),
)  # fmt: skip

#: The key of a schema under which the words of an option stand.
KEY = "x-wording"


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one option.

    `title` is its name in tables, `part` the heading under which its sentence stands, `unit` the unit of a number (in the
    plural), `items` a phrase for each value that can stand in a list or in the middle of a sentence, `says` the sentence.
    `when` is a JSON Schema of all the options together: where they do not meet it (`False`: ever), the option changes nothing.
    """

    title: str = ""
    part: str = ""
    says: str | Mapping[str, str] | None = None
    unit: str = ""
    items: Mapping[str, str] = field(default_factory=dict)
    when: Condition | None = None

    def as_schema(self) -> dict[str, Any]:
        """The words as they stand under `x-wording`."""
        stated = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in stated.items() if value not in ("", None, {})} | (
            {"says": ""} if self.says == "" else {}
        )


def wording_of(schema: Schema) -> Wording:
    """The words that a schema carries; empty ones where it carries none."""
    stated = schema.get(KEY)
    if not isinstance(stated, Mapping):
        return Wording()
    return Wording(**{name: stated[name] for name in Wording.__slots__ if name in stated})


def parts_of(schema: Schema) -> Sequence[str]:
    """The order of the parts of the text, as far as a schema states it."""
    stated = schema.get(KEY)
    return tuple(stated.get("parts", ())) if isinstance(stated, Mapping) else ()


def with_wording(schema: Schema, words: Mapping[str, Wording], parts: Sequence[str] = ()) -> dict[str, Any]:
    """The schema with words laid beside its options, by path (`missed_visits.method`).

    Words for an option that the schema does not have are left aside, so that several schemas can share them. `parts` is the
    order in which the parts of the text stand; without it they stand in the order of the options.
    """
    told = dict(schema)
    if parts:
        told[KEY] = {"parts": list(parts)}
    for path, of_option in words.items():
        told = _placed(told, path.split("."), of_option)
    return told


def _placed(schema: Schema, path: Sequence[str], words: Wording) -> dict[str, Any]:
    if not path:
        return {**schema, KEY: words.as_schema()}
    placed = dict(schema)
    # An option's key may hold dots (`pr.pct`): the longest beginning of the path that is a key is meant.
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        if key in schema.get("properties", {}):
            below = _placed(schema["properties"][key], path[length:], words)
            return {**placed, "properties": {**schema["properties"], key: below}}
    for branches in ("anyOf", "oneOf"):
        if branches in schema:
            placed[branches] = [_placed(branch, path, words) for branch in schema[branches]]
    return placed


def without_wording(schema: Any) -> Any:
    """The schema without any words, as editors need it."""
    if isinstance(schema, Mapping):
        return {key: without_wording(value) for key, value in schema.items() if key != KEY}
    if isinstance(schema, list):
        return [without_wording(item) for item in schema]
    return schema


def unit_of_key(key: str) -> str:
    """The unit that an option's key tells (`gap_days`), or an empty text."""
    return next((unit for ending, unit in _UNITS if key.endswith(ending)), "")
