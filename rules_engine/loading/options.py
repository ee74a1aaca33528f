"""Options and their schemas: which keys exist, where null is a value, what the defaults are, what must be stated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules_engine.loading.merging import AllowsNull, merge
from rules_engine.loading.nodes import Node, Path, from_plain, mapping
from rules_engine.loading.validation import choices_of, choices_text, says
from rules_engine.registry import Registry

Schema = Mapping[str, Any]

#: Marks a key of an options schema that drives the estimand: it has no default, a ruleset must state it.
ESTIMAND = "x-estimand"


def properties_of(schema: Schema) -> dict[str, Schema]:
    """The keys of a mapping that a schema describes, also where the mapping may be null instead."""
    found: dict[str, Schema] = dict(schema.get("properties", {}))
    for key in ("anyOf", "oneOf"):
        for branch in schema.get(key, ()):
            for name, about in properties_of(branch).items():
                found.setdefault(name, about)
    return found


def at(schema: Schema, path: Sequence[str | int]) -> Schema | None:
    """The schema of the value at `path`, or None where there is no such key."""
    found: Schema | None = schema
    for key in path:
        if found is None:
            return None
        if isinstance(key, int):
            items = found.get("items")
            found = items if isinstance(items, Mapping) else None
            continue
        below = properties_of(found).get(key)
        if below is None:
            extra = found.get("additionalProperties")
            below = extra if isinstance(extra, Mapping) else None
        found = below
    return found


def takes_null(schema: Schema) -> bool:
    """Null is a value under this schema, not a way to remove."""
    stated = schema.get("type")
    if stated == "null" or (isinstance(stated, list) and "null" in stated):
        return True
    if None in schema.get("enum", ()) or ("const" in schema and schema["const"] is None):
        return True
    return any(takes_null(branch) for key in ("anyOf", "oneOf") for branch in schema.get(key, ()))


def null_rule(schemas: Iterable[Schema]) -> AllowsNull:
    """Says for a path below options whether any of the schemas takes null there."""
    kept = list(schemas)

    def allows(path: Path) -> bool:
        return any((about := at(schema, path)) is not None and takes_null(about) for schema in kept)

    return allows


def document_null_rule(registry: Registry) -> AllowsNull:
    """Says for a path of a whole ruleset whether null is a value there, whatever plugin the path belongs to."""
    kinds = null_rule(kind.options_schema for kind in registry.endpoint_kinds.values())
    criteria = null_rule(criterion.options_schema for criterion in registry.criteria.values())
    estimators = null_rule(estimator.options_schema for estimator in registry.estimators.values())
    gradings = null_rule(grading.options_schema for grading in registry.gradings.values())

    def allows(path: Path) -> bool:
        match path:
            case ("options", *rest):
                return kinds(tuple(rest))
            case ("endpoints" | "definitions", _, "options", *rest):
                return kinds(tuple(rest))
            case ("endpoints" | "definitions", _, "response"):
                return True
            case ("responses", _, "options", *rest):
                return criteria(tuple(rest))
            case ("values", key, "value"):
                return criteria((key,))
            case ("analyses", _, "options", *rest):
                return estimators(tuple(rest))
            case ("labs" | "adverse_events", "options", *rest):
                return gradings(tuple(rest))
            case _:
                return False

    return allows


@dataclass(frozen=True, slots=True)
class Unstated:
    """A key that drives the estimand and is not stated: its path below the options, and its schema."""

    path: tuple[str, ...]
    schema: Schema

    @property
    def name(self) -> str:
        """The key as a person writes it."""
        return ".".join(self.path)

    @property
    def choices(self) -> str:
        """What may be chosen, and what each choice means."""
        return choices_text(self.schema, choices_of(self.schema)) or says(self.schema)


def layered(layers: Iterable[Node | None], schema: Schema) -> Node:
    """Options laid over one another, later ones over earlier ones."""
    allows = null_rule([schema])
    result = mapping()
    for layer in layers:
        if layer is not None and layer.kind == "mapping":
            result = merge(result, layer, allows) if result.value or result.file else layer
    return result


def complete(options: Node, schema: Schema, owner: str) -> tuple[Node, list[Unstated]]:
    """The options with the defaults of their schema, and the keys that drive the estimand and are not stated.

    A key without default that need not be stated becomes null. `owner` tells whose defaults they are.
    """
    unstated: list[Unstated] = []
    return _complete(options, schema, owner, (), unstated), unstated


def _complete(options: Node, schema: Schema, owner: str, path: tuple[str, ...], unstated: list[Unstated]) -> Node:
    required = set(schema.get("required", ()))
    completed: dict[str, Node] = {}
    for key, about in properties_of(schema).items():
        stated = options.child(key)
        if stated is None:
            if about.get(ESTIMAND):
                unstated.append(Unstated((*path, key), about))
                continue
            if "default" in about:
                stated = from_plain(about["default"], f"default of {owner}")
            elif properties_of(about) and not takes_null(about):
                stated = mapping(f"default of {owner}")
            elif key in required:
                continue  # the schema itself tells that it is missing
            else:
                stated = Node("scalar", None, UNSET)
        if stated.kind == "mapping" and properties_of(about):
            stated = _complete(stated, _mapping_branch(about), owner, (*path, key), unstated)
        completed[key] = stated
    for key, child in options.items():
        completed.setdefault(key, child)
    return options.with_value(completed)


#: The file of a node that stands for "not stated, and no default": null for the engine, absent for the schema.
UNSET = "not stated"


def without_unset(node: Node) -> Node:
    """The node without values that are neither stated nor have a default, for validation."""
    if node.kind != "mapping":
        return node
    kept = {key: without_unset(child) for key, child in node.value.items() if child.file != UNSET}
    return node.with_value(kept)


def _mapping_branch(schema: Schema) -> Schema:
    """The part of a schema that describes the mapping, where null or other shapes are alternatives."""
    if "properties" in schema:
        return schema
    for key in ("anyOf", "oneOf"):
        for branch in schema.get(key, ()):
            if isinstance(branch, Mapping) and properties_of(branch):
                return _mapping_branch(branch)
    return schema
