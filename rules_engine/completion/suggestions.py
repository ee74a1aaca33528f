"""Suggestions for a place in a ruleset, best first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.completion.outline import Cursor, cursor_at, outline
from rules_engine.completion.schema_walk import Schema, SchemaWalk

#: Suggestions of one answer; whoever types narrows them down.
MOST = 100
#: Rulesets that one builds on and whose names are looked up.
_MOST_BASES = 40
#: Where a name is wanted: the key, and the sections of the document whose keys are the names.
_NAMED = {"like": ("definitions", "endpoints"), "response": ("responses",), "endpoints": ("endpoints",)}
#: Sections whose keys are the author's, and where names of what a base defines are worth suggesting.
_OVERRIDABLE = {"endpoints": ("definitions", "endpoints"), "responses": ("responses",), "analyses": ("analyses",)}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A word that may stand at the cursor: what is shown, what is inserted, what it means; `kind` is key, value or name."""

    label: str
    insert: str
    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """The columns (from 1, the end not included) of the line that a suggestion replaces, and the suggestions."""

    start: int
    end: int
    suggestions: tuple[Suggestion, ...] = ()


def complete(
    text: str, line: int, column: int, *, schema: Schema, rulesets: Mapping[str, str], text_of: Callable[[str], str | None]
) -> Completion:  # fmt: skip
    """What may stand at a place of a ruleset's text (line and column from 1), whether or not the text is right.

    `schema` is that of rulesets (`loading.ruleset_schema`), `rulesets` the kind of each that can be named, `text_of` gives the text of one.
    """
    cursor = cursor_at(text, line, column)
    if cursor is None:
        return Completion(column, column)
    document = outline(text)
    found: list[Suggestion] = []
    places = SchemaWalk(schema).at(cursor.path, document)
    if cursor.kind in ("key", "item"):
        found += _keys(places, cursor)
        found += _overridden(cursor, document, text_of)
    if cursor.kind in ("value", "item"):
        found += _names(cursor, document, rulesets, text_of)
        found += _values(places)
    return Completion(cursor.start, column, tuple(_matching(found, cursor.typed)))


def _matching(found: Iterable[Suggestion], typed: str) -> list[Suggestion]:
    """Those that begin with what was typed, then those that hold it; each label once."""
    word = typed.strip().strip("\"'").casefold()
    by_label = {suggestion.label: suggestion for suggestion in reversed(list(found))}
    ordered = list(reversed(by_label.values()))
    begin = [one for one in ordered if one.label.casefold().startswith(word)]
    hold = [one for one in ordered if word in one.label.casefold() and one not in begin]
    return [*begin, *hold][:MOST]


def _keys(places: Iterable[Schema], cursor: Cursor) -> Iterator[Suggestion]:
    places = list(places)
    required = {name for place in places for name in place.get("required", ())}
    options = {name: below for place in places for name, below in place.get("properties", {}).items()}
    for name in sorted(options, key=lambda name: name not in required):
        if name not in cursor.siblings:
            yield Suggestion(name, f"{name}: ", "key", _description(options[name]))


def _description(schema: Any) -> str:
    return _shortened(str(schema.get("description", ""))) if isinstance(schema, Mapping) else ""


def _shortened(text: str) -> str:
    return text if len(text) <= 300 else text[:300].rsplit(" ", 1)[0] + " …"


def _values(places: Iterable[Schema]) -> Iterator[Suggestion]:
    places = list(places)
    told = " ".join(str(place.get("description", "")) for place in places)
    for place in places:
        values = [place["const"]] if "const" in place else list(place.get("enum", place.get("examples", ())))
        kinds = place.get("type", ())
        if "boolean" in ([kinds] if isinstance(kinds, str) else kinds):
            values += [True, False]
        if "default" in place and not isinstance(place["default"], dict | list):
            values.append(place["default"])
        for value in values:
            if not isinstance(value, dict | list):
                text = value if isinstance(value, str) else json.dumps(value)
                yield Suggestion(text, _written(text), "value", _meaning(text, told))


def _meaning(word: str, description: str) -> str:
    """What a description says of one of its words: `` `word`: meaning. ``"""
    found = re.search(rf"`{re.escape(word)}`: (.*?)(?:[.;] `|\.$|$)", description)
    return _shortened(found[1]) if found else ""


def _written(text: str) -> str:
    """A text as YAML needs it."""
    return (
        text
        if re.fullmatch(r"[A-Za-z0-9_./+-]([A-Za-z0-9_./+ -]*[A-Za-z0-9_./+-])?", text)
        else json.dumps(text, ensure_ascii=False)
    )


def _names(
    cursor: Cursor, document: Mapping[str, Any], rulesets: Mapping[str, str], text_of: Callable[[str], str | None]
) -> Iterator[Suggestion]:  # fmt: skip
    keys = [part for part in cursor.path if isinstance(part, str)]
    key = keys[-1] if keys else ""
    if keys == ["extends"]:
        kind = document.get("kind")
        for name, its_kind in rulesets.items():
            if kind is None or its_kind == kind:
                yield Suggestion(name, name, "name", f"{its_kind} ruleset")
    elif (key == "criterion" and len(keys) > 1) or key == "grading":
        yield from (Suggestion(name, name, "name", f"{kind} ruleset") for name, kind in rulesets.items() if kind == key)
    elif len(keys) > 1 and key in _NAMED:
        yield from _defined(_NAMED[key], document, text_of)


def _overridden(
    cursor: Cursor, document: Mapping[str, Any], text_of: Callable[[str], str | None]
) -> Iterator[Suggestion]:
    if len(cursor.path) == 1 and cursor.path[0] in _OVERRIDABLE:
        for one in _defined(_OVERRIDABLE[str(cursor.path[0])], document, text_of):
            if one.label not in cursor.siblings:
                yield Suggestion(one.label, f"{one.label}: ", "name", one.detail)


def _defined(
    sections: Iterable[str], document: Mapping[str, Any], text_of: Callable[[str], str | None]
) -> Iterator[Suggestion]:  # fmt: skip
    """Names that the document or a ruleset that it builds on defines in these sections."""
    sections = list(sections)
    for owner, part in _with_bases(document, text_of):
        for section in sections:
            stated = part.get(section)
            for name, value in stated.items() if isinstance(stated, Mapping) else ():
                label = str(value.get("label", "")) if isinstance(value, Mapping) else ""
                told = ", ".join(word for word in (label, owner and f"from {owner}") if word)
                yield Suggestion(str(name), str(name), "name", told)


def _with_bases(
    document: Mapping[str, Any], text_of: Callable[[str], str | None]
) -> Iterator[tuple[str, Mapping[str, Any]]]:  # fmt: skip
    yield "", document
    waiting, seen = _bases_of(document), set[str]()
    while waiting and len(seen) < _MOST_BASES:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        text = text_of(name)
        if text is not None:
            base = outline(text)
            yield name, base
            waiting += _bases_of(base)


def _bases_of(document: Mapping[str, Any]) -> list[str]:
    stated = document.get("extends")
    return [stated] if isinstance(stated, str) else [str(name) for name in stated] if isinstance(stated, list) else []
