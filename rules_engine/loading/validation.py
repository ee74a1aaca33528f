"""JSON Schema errors told to the author of the YAML: where, what, which word was meant perhaps, and what may stand
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

from rules_engine.errors import PluginError, Problem, closest
from rules_engine.loading.nodes import Node, deepest, problem_at, to_plain

Schema = Mapping[str, Any]

_TYPES = {
    "object": "a mapping", "array": "a list", "string": "a text", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "null": "null",
}  # fmt: skip
_LIMITS = {
    "minimum": "at least {}", "maximum": "at most {}", "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}", "multipleOf": "a multiple of {}",
}  # fmt: skip
_YAML_1_1_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def validator(schema: Schema) -> Draft202012Validator:
    """A validator of `schema`. Compiling costs nothing; check foreign schemas with `require_schema` first."""
    return Draft202012Validator(schema)


def require_schema(schema: Schema, owner: str) -> None:
    """Raise `PluginError` where what a plugin offers is no JSON Schema of draft 2020-12."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise PluginError.at(
            owner, f"its options schema is no JSON Schema (draft 2020-12): {error.message}", "correct the plugin"
        ) from None


def problems_of(node: Node, schema: Schema, prefix: Sequence[str | int] = ()) -> list[Problem]:
    """Everything in `node` that `schema` forbids; `prefix` is the node's path in the document."""
    found = validator(schema).iter_errors(to_plain(node))
    problems = [problem for error in found for problem in _problems(node, error, prefix)]
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


def _problems(root: Node, error: ValidationError, prefix: Sequence[str | int]) -> Iterator[Problem]:
    if error.validator in ("anyOf", "oneOf") and error.context:
        nearest = _nearest_branch(error)
        if nearest:
            for inner in nearest:
                yield from _problems(root, inner, prefix)
            return
    path = list(error.absolute_path)
    node = deepest(root, path)
    shown = [*prefix, *path]
    tell = _TELLERS.get(str(error.validator), _other)
    if "propertyNames" in error.absolute_schema_path:
        tell = _key_name
    yield from tell(node, error, shown)


def _nearest_branch(error: ValidationError) -> list[ValidationError]:
    """Of the branches that all failed, the errors of the one that the author most likely meant."""
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.schema_path[0]), []).append(inner)

    def distance(errors: list[ValidationError]) -> tuple[int, int]:
        wrong_shape = any(inner.validator == "type" and len(inner.path) == 0 for inner in errors)
        return (1 if wrong_shape else 0, len(errors))

    shapes = [branch for branch in branches.values() if distance(branch)[0] == 0]
    return min(shapes, key=distance) if shapes else []


def _unknown_keys(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    known = list(_schema(error).get("properties", {}))
    patterns = _schema(error).get("patternProperties", {})
    for key, child in node.items():
        if key in known or any(_matches(pattern, key) for pattern in patterns):
            continue
        expected = ", ".join(known[:40]) + (", …" if len(known) > 40 else "")
        remedy = f"known keys: {expected}" if known else "nothing may stand here"
        yield problem_at(
            child, f"there is no key {key!r} here", remedy, path=[*path, key], meant=closest(key, known), on_key=True
        )


def _matches(pattern: str, key: str) -> bool:
    return re.search(pattern, key) is not None


def _missing(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    for key in _list(error.validator_value):
        if node.child(key) is None and f"{key!r} is a required" in error.message:
            about = _schema(error).get("properties", {}).get(key, {})
            yield problem_at(
                node, f"the key {key!r} is missing", says(about) or f"state {key}", path=[*path, key], on_key=True
            )


def _choice(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    choices = [error.validator_value] if error.validator == "const" else _list(error.validator_value)
    what = f"{quoted(to_plain(node))} is none of the choices"
    word = str(node.value) if node.kind == "scalar" else ""
    meant = closest(word, [str(choice) for choice in choices if isinstance(choice, str)])
    yield problem_at(node, what, choices_text(_schema(error), choices), path=path, meant="" if meant == word else meant)


def _type(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    wanted = [str(name) for name in _list(error.validator_value)]
    expected = " or ".join(_TYPES.get(name, name) for name in wanted)
    meant = ""
    if "boolean" in wanted and isinstance(node.value, str):
        meant = _YAML_1_1_BOOLEANS.get(node.value.lower(), "")
    remedy = says(_schema(error)) or f"write {expected}"
    if "string" in wanted and isinstance(node.value, (int, float)):
        remedy = f"put it in quotes. {remedy}".strip()
    yield problem_at(node, f"{quoted(to_plain(node))} is not {expected}", remedy, path=path, meant=meant)


def _limit(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    expected = _LIMITS[str(error.validator)].format(error.validator_value)
    yield problem_at(
        node,
        f"{quoted(to_plain(node))} is not {expected}",
        says(_schema(error)) or f"state a number that is {expected}",
        path=path,
    )


def _pattern(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    yield problem_at(node, f"{quoted(to_plain(node))} has not the form that is wanted", says(_schema(error)), path=path)


def _count(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    words = {
        "minItems": "the list holds fewer than {} values", "maxItems": "the list holds more than {} values",
        "minProperties": "fewer than {} keys are stated", "maxProperties": "more than {} keys are stated",
        "minLength": "the text is shorter than {} signs", "maxLength": "the text is longer than {} signs",
    }  # fmt: skip
    yield problem_at(node, words[str(error.validator)].format(error.validator_value), says(_schema(error)), path=path)


def _repeated(node: Node, _error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    yield problem_at(node, "the list holds a value twice", "remove one of the two", path=path)


def _key_name(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    """Under `propertyNames` the instance is the key itself."""
    key = str(error.instance)
    child = node.child(key) or node
    what = f"the name {key!r} has not the form that is wanted"
    yield problem_at(child, what, says(_schema(error)), path=[*path, key], on_key=True)


def _other(node: Node, error: ValidationError, path: list[str | int]) -> Iterator[Problem]:
    if error.validator in ("anyOf", "oneOf"):
        expected = says(_schema(error)) or choices_text(_schema(error), [])
        yield problem_at(node, f"{quoted(to_plain(node))} cannot stand here", expected, path=path)
        return
    if error.validator in ("not", "dependentRequired", "if") or error.schema is False:
        yield problem_at(node, f"{quoted(to_plain(node))} cannot stand here", says(_schema(error)), path=path)
        return
    yield problem_at(node, error.message, says(_schema(error)), path=path)


_TELLERS: dict[str, Any] = {
    "additionalProperties": _unknown_keys, "unevaluatedProperties": _unknown_keys, "required": _missing,
    "enum": _choice, "const": _choice, "type": _type, "pattern": _pattern, "uniqueItems": _repeated,
    **dict.fromkeys(_LIMITS, _limit),
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"), _count),
}  # fmt: skip


def _schema(error: ValidationError) -> Schema:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def says(schema: Any) -> str:
    """The description of a schema, which is written for the author of the YAML."""
    return str(schema.get("description", "")) if isinstance(schema, Mapping) else ""


def choices_of(schema: Schema) -> list[Any]:
    """The values that a schema offers to choose from, in its order; none where it does not list them."""
    if "enum" in schema:
        return list(schema["enum"])
    if "const" in schema:
        return [schema["const"]]
    found: list[Any] = []
    for key in ("oneOf", "anyOf"):
        for branch in schema.get(key, ()):
            found += choices_of(branch)
    if not found and schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return choices_of(schema["items"])
    return found


def choices_text(schema: Schema, choices: Sequence[Any]) -> str:
    """The choices and what each means, as the schema's description tells it."""
    meanings = [
        f"{quoted(branch['const'])}: {says(branch)}"
        for key in ("oneOf", "anyOf")
        for branch in schema.get(key, ())
        if isinstance(branch, Mapping) and "const" in branch and says(branch)
    ]
    if meanings:
        return f"{says(schema)} Choose one of: {'; '.join(meanings)}".strip()
    listed = ", ".join(quoted(choice) for choice in choices)
    return f"choose one of: {listed}. {says(schema)}".strip() if listed else says(schema)


def quoted(value: Any) -> str:
    """A value as messages show it, shortened."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"`{value}`"
    return text if len(text) <= 60 else text[:58] + "…`"


def without_repeats(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in order of their place, each told once."""
    seen: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.where, problem.what), problem)
    return list(seen.values())
