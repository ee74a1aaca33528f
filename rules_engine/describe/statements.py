"""Options told one by one: each with its heading, its sentence, and whether it changes anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from rules_engine.describe.language import (
    capitalised,
    counted,
    joined,
    plain,
    sentence,
    spoken,
    without_code,
    yaml_word,
)
from rules_engine.loading import properties_of
from rules_engine.wording import Condition, Wording, unit_of_key, wording_of

Schema = Mapping[str, Any]
_PLACE = re.compile(r"\{([A-Za-z0-9_.]+)(?::(\w+))?\}")
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Statement:
    """One option in force.

    `path` is its place below the options (`missed_visits.method`), `title` its name, `part` the heading under which its
    `sentence` stands (empty where it has none of its own), `value` the value and `shown` its words for a table.
    An empty sentence goes without saying. `in_effect` is false where other options keep it from changing anything.
    """

    path: str
    title: str
    part: str
    value: Any
    shown: str
    sentence: str
    in_effect: bool = True


def tell(options: Mapping[str, Any], schema: Schema) -> list[Statement]:
    """Every option of a mapping, in the order of its schema, then those that the schema does not name."""
    return list(_Teller(options, schema).below(options, schema, (), Wording()))


@dataclass(frozen=True, slots=True)
class _Teller:
    """All options together, and their schema: sentences and conditions may name any of them.

    `met` remembers which conditions hold; many options share one.
    """

    everything: Mapping[str, Any]
    root: Schema
    met: dict[int, bool] = field(default_factory=dict)

    def holds(self, condition: Condition | None) -> bool:
        """The options meet a condition."""
        if condition is None:
            return True
        if id(condition) not in self.met:
            self.met[id(condition)] = Draft202012Validator(condition).is_valid(self.everything)
        return self.met[id(condition)]

    def below(
        self, options: Mapping[str, Any], schema: Schema, above: tuple[str, ...], inherited: Wording
    ) -> Iterator[Statement]:
        known = properties_of(schema)
        extra = schema.get("additionalProperties")
        for key in [*known, *(key for key in options if key not in known)]:
            if key not in options:
                continue
            value, path = options[key], (*above, key)
            about = known.get(key) or (extra if isinstance(extra, Mapping) else {})
            wording = wording_of(about)
            title = wording.title or str(about.get("title") or "") or capitalised(spoken(key))
            if key not in known and inherited.title:
                title = f"{inherited.title}: {key}"
            part = wording.part or inherited.part
            when = inherited.when if wording.when is None else wording.when
            if isinstance(value, Mapping) and value and (properties_of(about) or wording.says is None):
                yield from self.below(value, about, path, Wording(title=title, part=part, when=when))
                continue
            yield Statement(
                path=".".join(path),
                title=title,
                part=part,
                value=value,
                shown=words_for(value, about, key),
                sentence=self.sentence(wording, value, about, key, title if key not in known else ""),
                in_effect=self.holds(when),
            )

    def sentence(self, wording: Wording, value: Any, about: Schema, key: str, title: str) -> str:
        template = wording.says
        if isinstance(template, Mapping):
            template = template.get(yaml_word(value), template.get("*"))
        if template is None:
            asked = wording.title or str(about.get("title") or "") or title or _question(about) or spoken(key)
            return sentence(f"{without_code(asked).rstrip('.:')}: {words_for(value, about, key)}")
        return _PLACE.sub(lambda found: self.filled(found, value, about, key), template)

    def filled(self, found: re.Match[str], value: Any, about: Schema, key: str) -> str:
        """What stands for `{value}` or `{another.option}` in a sentence."""
        name, manner = found.group(1), found.group(2) or ""
        if name == "value":
            return words_for(value, about, key, manner)
        other, of_other, other_key = _find(self.everything, self.root, name)
        return found.group() if other is _MISSING else words_for(other, of_other, other_key, manner)


def _find(options: Any, schema: Schema, name: str) -> tuple[Any, Schema, str]:
    """The value at a dotted path, its schema and its own key; keys may hold dots themselves."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        key, rest = ".".join(parts[:length]), ".".join(parts[length:])
        if isinstance(options, Mapping) and key in options:
            about = properties_of(schema).get(key, {})
            return _find(options[key], about, rest) if rest else (options[key], about, key)
    return _MISSING, {}, name


def _question(about: Schema) -> str:
    """The description without the part that explains the values."""
    described = str(about.get("description", ""))
    starts = [start for start, _end, _value in _marks(about)]
    return described[: min(starts)].strip() if starts else described.strip()


def words_for(value: Any, about: Schema, key: str = "", manner: str = "") -> str:
    """A value in words: the phrase that its schema has for it, a number with its unit, a list joined.

    `manner` is `or` (join a list so), `number` (without the unit), `percent` (0.95 as 95%), `words` (a small number as
    a word), `name` (with a capital letter) or empty.
    """
    wording = wording_of(about)
    unit = "" if manner in ("number", "words") else wording.unit or unit_of_key(key)
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = about.get("items", {})
        each = [wording.items.get(yaml_word(item)) or words_for(item, items) for item in value]
        together = joined(each, "or" if manner == "or" else "and") or "none"
        numbers = value and all(isinstance(item, (int, float)) for item in value)
        return f"{together} {unit}" if unit and numbers else together
    phrase = wording.items.get(yaml_word(value))
    if phrase is not None:
        return phrase
    meaning = _meaning(value, about)
    if meaning and manner != "name":
        return meaning
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return counted(value, unit, manner)
    if isinstance(value, str) and "enum" in about:
        told = spoken(value) if "_" in value else value
        return capitalised(told) if manner == "name" else told
    return plain(value)


def _meaning(value: Any, about: Schema) -> str:
    """What a schema says of one of its values: the description of a `const` branch, or the words after its name."""
    for branches in ("oneOf", "anyOf"):
        for branch in about.get(branches, ()):
            if isinstance(branch, Mapping) and "const" in branch and branch["const"] == value:
                return str(branch.get("title") or branch.get("description") or "").rstrip(".")
    described = str(about.get("description", ""))
    marks = _marks(about)
    for place, (_start, end, of) in enumerate(marks):
        if of == value and isinstance(of, type(value)):
            until = marks[place + 1][0] if place + 1 < len(marks) else len(described)
            return without_code(described[end:until]).strip().rstrip(".;").strip()
    return ""


def _marks(about: Schema) -> list[tuple[int, int, Any]]:
    """Where a description explains each of its values (`value: …` after a mark): start, end of the mark, and the value."""
    described = str(about.get("description", ""))
    found: list[tuple[int, int, Any]] = []
    for value in about.get("enum", ()) or ([True, False] if about.get("type") == "boolean" else ()):
        word = re.escape(yaml_word(value))
        mark = re.search(rf"(?:`{word}`|(?<![\w.]){word}): ", described)
        if mark is not None:
            found.append((mark.start(), mark.end(), value))
    return sorted(found, key=lambda mark: mark[0])
