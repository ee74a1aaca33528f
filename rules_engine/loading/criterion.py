"""Criterion rulesets: the values that a criterion runs on, with what a protocol or a case changes."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rules_engine.errors import PluginError, Problem, closest
from rules_engine.loading.grammar import partial
from rules_engine.loading.nodes import Node, Path, mapping, problem_at, to_plain
from rules_engine.loading.options import UNSET, complete, layered, properties_of, without_unset
from rules_engine.loading.sources import Source
from rules_engine.loading.validation import problems_of, quoted
from rules_engine.model import CriterionRules, Statement
from rules_engine.registry import Registry
from rules_engine.vocabulary import Criterion


@dataclass(frozen=True, slots=True)
class ResolvedCriterion:
    """A criterion's rules, and its options as nodes that know where each value came from."""

    rules: CriterionRules
    options: Node


def resolve_criterion(
    source: Source, changes: Node | None, changes_path: Path, registry: Registry
) -> tuple[ResolvedCriterion | None, list[Problem]]:
    """The rules of a criterion ruleset with `changes` laid over its values; `changes_path` is where the changes
    stand.
    """
    root = source.root
    stated = root.child("criterion")
    if stated is None:
        return None, []  # the structure tells that it is missing
    criterion = registry.criteria.get(str(stated.value))
    if criterion is None:
        return None, [unknown_plugin(stated, "criterion", list(registry.criteria), ("criterion",))]
    values = _values(root)
    problems = problems_of(values, partial(criterion.options_schema), ("values",))
    if changes is not None:
        problems += problems_of(changes, partial(criterion.options_schema), changes_path)
    merged = layered([values, changes], criterion.options_schema)
    completed, _unstated = complete(merged, criterion.options_schema, f"criterion {criterion.id}")
    problems += _without_value(root, completed, criterion)
    if not problems:
        problems = problems_of(without_unset(completed), criterion.options_schema, changes_path)
    if problems:
        return None, problems
    rules = CriterionRules(
        source.id, criterion.id, options=to_plain(completed), statements=_statements(root), document=to_plain(root)
    )
    problems = _objections(criterion, rules, completed, changes_path)
    return (None, problems) if problems else (ResolvedCriterion(rules, completed), [])


def _objections(criterion: Criterion, rules: CriterionRules, options: Node, path: Path) -> list[Problem]:
    """What the criterion itself finds wrong with its options, told where the option was stated."""
    try:
        said = list(criterion.check(rules))
    except Exception as error:  # any failure of foreign code is the plugin's
        raise PluginError.at(
            f"criterion {criterion.id!r}",
            f"its check of the options failed: {type(error).__name__}: {error}",
            "repair or uninstall that plugin",
        ) from None
    return [
        problem_at(options.child(option) or options, what, remedy, path=(*path, option))
        for option, what, remedy in said
    ]


def _statements(root: Node) -> dict[str, Statement]:
    """What the ruleset says of its values and rules in words."""
    found: dict[str, Statement] = {}
    for section in ("values", "rules"):
        for name, entry in (root.child(section) or mapping()).items():
            words = {key: _word(entry, key) for key in ("text", "reference", "interpretation", "unit")}
            found[name] = Statement(**words, position=entry.position)
    return found


def _word(entry: Node, key: str) -> str:
    child = entry.child(key)
    return child.value if child is not None and isinstance(child.value, str) else ""


def _values(root: Node) -> Node:
    """Option keys and their values, each under the place of its key."""
    values = root.child("values")
    if values is None or values.kind != "mapping":
        return mapping()
    found: dict[str, Node] = {}
    for key, entry in values.items():
        value = entry.child("value")
        if value is not None:
            found[key] = value.under_key(entry.key_line, entry.key_column)
    return values.with_value(found)


def _without_value(root: Node, completed: Node, criterion: Criterion) -> list[Problem]:
    stated = {key for key, node in completed.items() if node.file != UNSET}
    missing = [key for key in properties_of(criterion.options_schema) if key not in stated]
    place = root.child("values") or root
    return [
        problem_at(
            place,
            f"the criterion {criterion.id!r} needs a value for {key!r}, and none is stated",
            f"state `{key}: {{value: …}}` under `values`, or extend a ruleset that states it",
            path=("values", key),
            on_key=True,
        )
        for key in missing
    ]


@dataclass(frozen=True, slots=True)
class MissingPlugin(Problem):
    """A plugin's object that nobody offers, and no name of what is there comes near: no slip of the pen."""


def unknown_plugin(node: Node, word: str, known: list[str], path: Path) -> Problem:
    """A plugin's object that nobody offers: a name misspelled, or a plugin that is not installed."""
    problem = problem_at(
        node,
        f"no installed plugin offers the {word} {quoted(to_plain(node))} (installed: {', '.join(known) or 'none'})",
        f"correct the name, or install the plugin that offers this {word}",
        path=path,
        meant=closest(str(node.value), known),
    )
    return (
        problem
        if problem.meant
        else MissingPlugin(**{item.name: getattr(problem, item.name) for item in fields(problem)})
    )
