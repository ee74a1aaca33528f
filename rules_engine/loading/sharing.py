"""Parts that occur several times in a schema, moved to `$defs`, so that the file stays small enough for editors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

#: Parts shorter than this, written as JSON, are left where they are.
_MINIMUM = 200
#: Values that are no schemas, whatever they look like.
_VALUES = ("default", "const", "enum", "examples")
#: Where the values of a mapping are schemas by names of the author's choosing, not a schema.
_NAMES = ("properties", "patternProperties", "$defs")


def with_shared_parts(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, its repeated parts moved to `$defs` and named for the key at which each first stands."""
    counted: Counter[str] = Counter()
    names: dict[str, str] = {}
    for key, part in _parts(schema, "part"):
        text = json.dumps(part, sort_keys=True)
        counted[text] += 1
        names.setdefault(text, key)
    shared: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for text, count in counted.items():
        if count > 1 and len(text) >= _MINIMUM:
            taken[names[text]] += 1
            number = taken[names[text]]
            shared[text] = names[text] if number == 1 else f"{names[text]}_{number}"
    definitions = {name: _replaced(json.loads(text), shared, outermost=True) for text, name in shared.items()}
    replaced: dict[str, Any] = _replaced(schema, shared, outermost=True)
    return {**replaced, "$defs": dict(sorted(definitions.items()))} if definitions else replaced


def _parts(schema: Any, key: str, *, is_schema: bool = True) -> Iterator[tuple[str, Any]]:
    """Every subschema with the key at which it stands."""
    if isinstance(schema, dict):
        if is_schema:
            yield key, schema
        for name, below in schema.items():
            if is_schema and name in _VALUES:
                continue
            yield from _parts(below, key if is_schema else name, is_schema=not (is_schema and name in _NAMES))
    elif isinstance(schema, list):
        for below in schema:
            yield from _parts(below, key)


def _replaced(schema: Any, shared: dict[str, str], *, outermost: bool = False, is_schema: bool = True) -> Any:
    if isinstance(schema, list):
        return [_replaced(below, shared) for below in schema]
    if not isinstance(schema, dict):
        return schema
    if is_schema and not outermost:
        name = shared.get(json.dumps(schema, sort_keys=True))
        if name is not None:
            return {"$ref": f"#/$defs/{name}"}
    return {
        name: below
        if is_schema and name in _VALUES
        else _replaced(below, shared, is_schema=not (is_schema and name in _NAMES))
        for name, below in schema.items()
    }
