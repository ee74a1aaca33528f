"""Named parameters of a protocol: declared once with value, unit and description, referred to by options, set from outside.

    parameters:
      gap: {value: 180, unit: days, description: Longest time without an assessment after which an event still counts}
    endpoints:
      PFSGAP: {like: PFS, options: {missed_visits: {method: fixed_days, gap_days: {from_parameter: gap}}}}

A reference is a mapping with the one key `from_parameter`. It takes the parameter's value, whose place in the file it keeps, so that an
error in the value is told where the value stands and not where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.errors import Problem, RulesetError, closest
from rules_engine.loading.merging import is_reference
from rules_engine.loading.nodes import SETTINGS, Node, Path, from_plain, path_text, problem_at, to_plain
from rules_engine.loading.validation import quoted
from rules_engine.model import Parameter
from rules_engine.wording import unit_of_key

SECTION = "parameters"
#: Units that have more spellings than singular and plural.
_SPELLED = {"%": ("%", "percent", "per cent"), "mm": ("mm",)}


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a ruleset, the document without references, and what is wrong."""

    root: Node
    declared: Mapping[str, Parameter]
    problems: list[Problem]


def with_settings(root: Node, settings: Mapping[str, Any]) -> Node:
    """The document with values laid over those that its parameters declare. Raises `RulesetError` for unknown names."""
    section = root.child(SECTION)
    known = list(section.value) if section is not None and section.kind == "mapping" else []
    problems: list[Problem] = []
    laid = dict(section.value) if known and section is not None else {}
    for name, value in settings.items():
        if name not in known:
            told = ", ".join(known) or "none"
            problems.append(
                Problem(
                    SETTINGS,
                    f"the ruleset declares no parameter {name!r} (declared: {told})",
                    "name one of these, or declare it under `parameters`",
                    path=f"{SECTION}.{name}",
                    meant=closest(name, known),
                )
            )
            continue
        entry = laid[name]
        if entry.kind == "mapping":
            try:
                given = from_plain(value, f"{SETTINGS}: {name}")
            except ValueError as error:
                raise RulesetError.at(
                    f"{SETTINGS}: {name}", str(error), "give a value that a ruleset can hold"
                ) from None
            laid[name] = entry.with_value({**entry.value, "value": given})
    if problems:
        raise RulesetError(problems)
    if section is None or not settings:
        return root
    return root.with_value({**root.value, SECTION: section.with_value(laid)})


def resolve_parameters(root: Node) -> Parameters:
    """Every reference of a document replaced by the value of its parameter."""
    section = root.child(SECTION)
    entries = dict(section.items()) if section is not None else {}
    problems = [problem for name, entry in entries.items() for problem in _declaration(name, entry, list(entries))]
    used: dict[str, list[str]] = {name: [] for name in entries}
    children = {
        key: child if key == SECTION else _resolved(child, (key,), entries, used, problems)
        for key, child in root.items()
    }
    declared = {
        name: Parameter(
            name=name,
            value=to_plain(value),
            unit=_text(entry, "unit"),
            description=_text(entry, "description"),
            used_by=tuple(used[name]),
            position=value.position or entry.position,
        )
        for name, entry in entries.items()
        if (value := entry.child("value")) is not None
    }
    for name, entry in entries.items():
        value = entry.child("value")
        if value is not None and value.file.startswith(SETTINGS) and not used[name]:
            what = f"nothing refers to the parameter {name!r}, so that setting it changes nothing"
            problems.append(problem_at(value, what, "refer to it, or leave it out", path=(SECTION, name)))
    return Parameters(root.with_value(children) if root.kind == "mapping" else root, declared, problems)


def _resolved(
    node: Node, path: Path, entries: Mapping[str, Node], used: dict[str, list[str]], problems: list[Problem]
) -> Node:
    if is_reference(node):
        return _value_of(node, path, entries, used, problems)
    if node.kind == "mapping":
        below = {key: _resolved(child, (*path, key), entries, used, problems) for key, child in node.value.items()}
        return node.with_value(below)
    if node.kind == "sequence":
        items = [_resolved(child, (*path, place), entries, used, problems) for place, child in enumerate(node.value)]
        return node.with_value(items)
    return node


def _value_of(
    node: Node, path: Path, entries: Mapping[str, Node], used: dict[str, list[str]], problems: list[Problem]
) -> Node:
    name = node.value["from_parameter"]
    wanted = str(name.value)
    if wanted not in entries:
        known = ", ".join(entries) or "none"
        what = f"there is no parameter {quoted(to_plain(name))} (declared: {known})"
        remedy = "name one of these, or declare it under `parameters`"
        problems.append(problem_at(name, what, remedy, path=path, meant=closest(wanted, entries)))
        return node
    used[wanted].append(path_text(path))
    problems.extend(_other_unit(wanted, entries[wanted], path))
    value = entries[wanted].child("value")
    return node if value is None else value


def _other_unit(name: str, entry: Node, path: Path) -> Iterator[Problem]:
    """A parameter in weeks for an option in days: the number would fit, and be wrong."""
    unit = entry.child("unit")
    expected = "days" if path[0] == "schedule" else unit_of_key(str(path[-1]))
    if unit is None or not expected or not isinstance(unit.value, str):
        return
    if unit.value.strip().lower() not in _SPELLED.get(expected, (expected, expected.removesuffix("s"))):
        what = f"the parameter {name!r} is in {unit.value}, and {path_text(path)} is in {expected}"
        yield problem_at(
            unit, what, f"state the value in {expected}, and `unit: {expected}`", path=(SECTION, name, "unit")
        )


def _declaration(name: str, entry: Node, known: list[str]) -> Iterator[Problem]:
    """What is wrong with a declaration, beyond the grammar: a value out of its own limits, an override of nothing."""
    if entry.kind != "mapping":
        return
    others = [other for other in known if other != name]
    value = entry.child("value")
    if value is not None and entry.child("description") is None:
        what = f"the parameter {name!r} has no description, so it is no declaration, and no base declares it"
        remedy = "state `description`, or correct the name"
        yield problem_at(entry, what, remedy, path=(SECTION, name), meant=closest(name, others), on_key=True)
    if value is None or value.kind != "scalar":
        return
    choices = entry.child("choices")
    if choices is not None and choices.kind == "sequence":
        allowed = [to_plain(item) for item in choices.value]
        if value.value not in allowed:
            told = ", ".join(quoted(item) for item in allowed)
            what = f"{quoted(value.value)} is none of the choices of the parameter {name!r}"
            yield problem_at(value, what, f"choose one of: {told}", path=(SECTION, name, "value"))
    for key, word, fits in (("minimum", "at least", _at_least), ("maximum", "at most", _at_most)):
        limit = entry.child(key)
        if limit is not None and not fits(value.value, limit.value):
            what = f"the parameter {name!r} is {quoted(value.value)}, and must be {word} {quoted(limit.value)}"
            yield problem_at(value, what, f"state a number that is {word} {limit.value}", path=(SECTION, name, "value"))


def _at_least(value: Any, limit: Any) -> bool:
    return _is_number(value) and _is_number(limit) and value >= limit


def _at_most(value: Any, limit: Any) -> bool:
    return _is_number(value) and _is_number(limit) and value <= limit


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(entry: Node, key: str) -> str:
    found = entry.child(key)
    return str(found.value) if found is not None and isinstance(found.value, str) else ""
