"""The parts of a JSON Schema that hold at a path of a document, as far as the document goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]


class SchemaWalk:
    """Follows a path through a schema; where it branches on what the document says (`if`), by what the document says."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._validator = Draft202012Validator(root)

    def at(self, path: Sequence[str | int], document: Any) -> list[Schema]:
        """Every schema that holds at the path, references and branches resolved."""
        current: list[Schema] = list(self._expanded(self._root, document))
        for part in path:
            document = _below(document, part)
            current = [
                part_of
                for schema in current
                for below in _children(schema, part)
                for part_of in self._expanded(below, document)
            ]
        return current

    def _expanded(self, schema: Any, instance: Any, depth: int = 0) -> Iterator[Schema]:
        if not isinstance(schema, Mapping) or depth > 32:
            return
        if "$ref" in schema:
            yield from self._expanded(self._resolved(str(schema["$ref"])), instance, depth + 1)
        yield schema
        for word in ("allOf", "anyOf", "oneOf"):
            for below in schema.get(word, ()):
                yield from self._expanded(below, instance, depth + 1)
        if "if" in schema:
            holds = self._validator.evolve(schema=schema["if"]).is_valid(instance)
            yield from self._expanded(schema.get("then" if holds else "else"), instance, depth + 1)

    def _resolved(self, reference: str) -> Any:
        found: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found


def _children(schema: Schema, part: str | int) -> Iterator[Any]:
    if isinstance(part, int):
        fixed = schema.get("prefixItems", ())
        yield fixed[part] if part < len(fixed) else schema.get("items")
        return
    if part in schema.get("properties", {}):
        yield schema["properties"][part]
        return
    matching = [below for pattern, below in schema.get("patternProperties", {}).items() if re.search(pattern, part)]
    yield from matching or [schema.get("additionalProperties")]


def _below(document: Any, part: str | int) -> Any:
    if isinstance(document, Mapping):
        return document.get(str(part))
    if isinstance(document, list) and isinstance(part, int) and part < len(document):
        return document[part]
    return None
