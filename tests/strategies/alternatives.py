"""Every option of a JSON Schema with each alternative value: what tests change, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from rules_engine.loading import properties_of

Schema = Mapping[str, Any]


def alternatives(options: Mapping[str, Any], schema: Schema, above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Options with one value changed, and the path of that value: each key, each other value that its schema allows."""
    for key, about in properties_of(schema).items():
        value = options.get(key)
        for other in [*_others(value, about), *_around(value, about)]:
            yield f"{above}{key}", {**options, key: other}
        if isinstance(value, Mapping) and properties_of(about):
            for path, changed in alternatives(value, about, f"{above}{key}."):
                yield path, {**options, key: changed}


def _around(value: Any, about: Schema) -> list[Any]:
    """A mapping in place of null, null in place of a mapping; one entry of an open mapping changed."""
    found: list[Any] = []
    branches = [branch for word in ("anyOf", "oneOf") for branch in about.get(word, ())]
    of_mapping = next((branch for branch in branches if properties_of(branch)), None)
    if of_mapping is not None:
        found.append(None if isinstance(value, Mapping) else _smallest(of_mapping))
    if isinstance(value, Mapping) and not properties_of(about):
        for name, item in value.items():
            found.append({**value, name: _changed(item)})
    return [one for one in found if _allowed(one, about)]


def _others(value: Any, about: Schema) -> list[Any]:
    """Other values of an option that is no mapping of known keys."""
    kinds = about.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    candidates: list[Any] = list(about.get("enum", ()))
    for branch in [*about.get("anyOf", ()), *about.get("oneOf", ())]:
        candidates += [branch["const"]] if "const" in branch else []
        candidates += _others(value, branch)
    if "boolean" in kinds:
        candidates += [True, False]
    if "integer" in kinds or "number" in kinds:
        known = value if isinstance(value, (int, float)) else 5
        candidates += [0, 1, known + 1, known + 7, known / 2 if "number" in kinds else known * 2, known * 1.000001]
    if "null" in kinds:
        candidates.append(None)
    if "array" in kinds:
        items = about.get("items", {})
        members = list(items.get("enum", ())) or (["one", "two"] if items.get("type") == "string" else [3, 4.5])
        candidates += [[member] for member in members] + [members, []]
    if "string" in kinds:
        candidates.append("another text")
    if "object" in kinds and not properties_of(about):
        names = about.get("propertyNames", {}).get("enum", ["some name"])
        extra = about.get("additionalProperties", {})
        member = 7 if isinstance(extra, Mapping) and extra.get("type") == "number" else "some text"
        candidates += [{}, {names[0]: member}]
    return [one for one in _distinct(candidates) if not _same(one, value) and _allowed(one, about)]


def _smallest(branch: Schema) -> dict[str, Any]:
    """A mapping with every key of a schema: its default, its first choice, or a small number."""
    return {
        key: about["default"] if "default" in about else about["enum"][0] if "enum" in about else 14
        for key, about in properties_of(branch).items()
    }


def _changed(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: _changed(value) for key, value in item.items()}
    return item + 100 if isinstance(item, (int, float)) else f"{item} changed"


def _distinct(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(_same(value, other) for other in found):
            found.append(value)
    return found


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _allowed(value: Any, about: Schema) -> bool:
    return Draft202012Validator(about).is_valid(value)


# Every value of a document -------------------------------------------------------------------------------------------------


#: In place of another value: the key is left out.
LEFT_OUT: Any = object()


def paths_of(schema: Schema, path: str) -> Iterator[str]:
    """The path of every value that a schema describes: `*` stands for a name of the author's choosing, `[]` for an item."""
    known = properties_of(schema)
    extra, items = schema.get("additionalProperties"), schema.get("items")
    for key, about in known.items():
        yield from paths_of(about, f"{path}.{key}")
    if isinstance(extra, Mapping) and not known:
        yield from paths_of(extra, f"{path}.*")
    elif isinstance(items, Mapping) and properties_of(items):
        yield from paths_of(items, f"{path}[]")
    elif not known:
        yield path


def alternatives_at(
    value: Any, schema: Schema, path: str, others: Mapping[str, Sequence[Any]]
) -> Iterator[tuple[str, Any]]:
    """The value with one thing changed, somewhere below it, and the path of that thing.

    `others` are values to try at a path, where the schema alone does not know any that mean something.
    """
    known = properties_of(schema)
    extra, items = schema.get("additionalProperties"), schema.get("items")
    if path in others:
        yield from ((path, other) for other in others[path] if not _same(other, value))
    elif isinstance(value, Mapping) and (known or isinstance(extra, Mapping)):
        for key, part in value.items():
            about = known.get(key, extra)
            below = f"{path}.{key}" if key in known else f"{path}.*"
            if isinstance(about, Mapping):
                for where, changed in alternatives_at(part, about, below, others):
                    rest = {name: one for name, one in value.items() if name != key}
                    yield where, rest if changed is LEFT_OUT else {**value, key: changed}
    elif isinstance(value, list) and isinstance(items, Mapping) and properties_of(items):
        for place, part in enumerate(value):
            for where, changed in alternatives_at(part, items, f"{path}[]", others):
                yield where, [*value[:place], changed, *value[place + 1 :]]
    else:
        yield from ((path, other) for other in _others(value, schema))
