"""The public ways to read rulesets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rules_engine.errors import PluginError, Problem, RulesetError
from rules_engine.loading.criterion import MissingPlugin, resolve_criterion
from rules_engine.loading.grammar import published
from rules_engine.loading.nodes import OVERRIDES, Node, from_plain, path_text, problem_at, to_plain
from rules_engine.loading.options import document_null_rule
from rules_engine.loading.parameters import resolve_parameters, with_settings
from rules_engine.loading.protocol import grading_rules, resolve_protocol, structure_problems
from rules_engine.loading.sharing import with_shared_parts
from rules_engine.loading.sources import Source, load_source
from rules_engine.loading.validation import require_schema, without_repeats
from rules_engine.loading.yaml_reader import read_file
from rules_engine.model import CriterionRules, GradingRules, Position, Ruleset
from rules_engine.registry import Registry, default_registry


def load_ruleset(
    source: str | Path | Mapping[str, Any],
    *,
    overrides: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> Ruleset:
    """Read a ruleset, lay it over the rulesets that it extends, check it and turn it into its typed parts.

    `source` is the name of an installed ruleset, the path of a file or of a folder that holds `ruleset.yaml`, or the
    document as a mapping. `overrides` is a mapping laid over the whole, `parameters` values by the names of its
    parameters. Raises `RulesetError` with every problem
    found, each with file, line, column, path in the document, what is wrong, what was meant perhaps, and the remedy;
    `PluginError` where all that is wrong is that a plugin is not installed.
    """
    registry = _checked(registry)
    found = load_source(source, registry, document_null_rule(registry), overrides=overrides)
    if parameters:
        found = replace(found, root=with_settings(found.root, parameters))
    if found.kind == "protocol":
        return _protocol(found, registry)
    if found.kind == "criterion":
        resolved, problems = resolve_criterion(found, None, (), registry)
        _raise([*structure_problems(found.root), *problems])
        del resolved
    else:
        _rules, problems = grading_rules(found, registry)
        _raise(problems)
    return Ruleset(
        id=found.id,
        kind="criterion" if found.kind == "criterion" else "grading",
        title=_title(found),
        document=to_plain(found.root),
        positions=_Positions(found.root, {}),
        files=found.files,
    )


def load_criterion_rules(
    source: str | Path | Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    *,
    registry: Registry | None = None,
) -> CriterionRules:
    """The rules of a criterion ruleset, with `overrides` by option key (`{"pd.abs_mm": 5}`) laid over its values.

    Raises `RulesetError` as `load_ruleset` does.
    """
    registry = _checked(registry)
    found = load_source(source, registry, document_null_rule(registry))
    _require_kind(found, "criterion")
    try:
        changes = from_plain(overrides, OVERRIDES) if overrides else None
    except ValueError as error:
        raise RulesetError.at(OVERRIDES, str(error), "give numbers, texts, true or false") from None
    resolved, problems = resolve_criterion(found, changes, ("options",), registry)
    _raise([*structure_problems(found.root), *problems])
    assert resolved is not None  # noqa: S101  (no problem means that it was resolved)
    return resolved.rules


def load_grading_rules(source: str | Path | Mapping[str, Any], *, registry: Registry | None = None) -> GradingRules:
    """The grading that a ruleset of kind `grading` describes. Raises `RulesetError` as `load_ruleset` does."""
    registry = _checked(registry)
    found = load_source(source, registry, document_null_rule(registry))
    _require_kind(found, "grading")
    rules, problems = grading_rules(found, registry)
    _raise(problems)
    assert rules is not None  # noqa: S101  (as above)
    return rules


def read_document(path: Path) -> Any:
    """Any YAML file as plain values, read as safely as a ruleset: dates and `no` stay text, duplicate keys are
    refused.
    """
    return to_plain(read_file(path))


def _protocol(found: Source, registry: Registry) -> Ruleset:
    with_parameters = resolve_parameters(found.root)
    found = replace(found, root=with_parameters.root)
    protocol = resolve_protocol(found, registry)
    _raise([*with_parameters.problems, *protocol.problems])
    return Ruleset(
        id=found.id,
        kind="protocol",
        title=_title(found),
        document=to_plain(found.root),
        positions=_Positions(
            found.root,
            {
                **{("endpoints", name): options for name, options in protocol.endpoints.options.items()},
                **{("definitions", name): options for name, options in protocol.endpoints.unused_options.items()},
                **{("responses", name): options for name, options in protocol.response_options.items()},
            },
        ),
        files=tuple(dict.fromkeys(protocol.files)),
        responses=protocol.responses,
        endpoints=protocol.endpoints.definitions,
        definitions=protocol.endpoints.unused,
        parameters=with_parameters.declared,
        adverse_events=protocol.adverse_events,
        labs=protocol.labs,
        analyses=protocol.analyses.analyses,
        covariates=protocol.analyses.covariates,
        weights=protocol.analyses.weights,
    )


def _checked(registry: Registry | None) -> Registry:
    """The registry, its plugins' schemas checked once; those of the built-in ones are, by the tests of the engine."""
    registry = registry if registry is not None else default_registry()
    if id(registry) not in _CHECKED and not all(plugin.built_in for plugin in registry.plugins):
        for word, index in (
            ("criterion", registry.criteria),
            ("grading", registry.gradings),
            ("endpoint kind", registry.endpoint_kinds),
            ("estimator", registry.estimators),
        ):
            for name, offered in index.items():
                require_schema(offered.options_schema, f"{word} {name!r}")
                require_schema(getattr(offered, "document_schema", {}), f"{word} {name!r}")
        _CHECKED[id(registry)] = registry
    return registry


#: Registries whose schemas were checked. Kept alive here, so that an id cannot come to mean another registry.
_CHECKED: dict[int, Registry] = {}


def _require_kind(found: Source, kind: str) -> None:
    if found.kind != kind:
        stated = found.root.child("kind") or found.root
        what = f"{found.id!r} is a {found.kind} ruleset, and a {kind} ruleset is wanted here"
        raise RulesetError([problem_at(stated, what, f"name a ruleset of kind {kind}", path=("kind",))])


def _raise(problems: list[Problem]) -> None:
    if problems and all(isinstance(problem, MissingPlugin) for problem in problems):
        raise PluginError(without_repeats(problems))
    if problems:
        raise RulesetError(without_repeats(problems))


def _title(found: Source) -> str:
    title = found.root.child("title")
    return str(title.value) if title is not None else found.id


class _Positions(Mapping[str, Position]):
    """Where each value came from, by path (`endpoints.PFS.options.new_therapy`); gathered when first asked for.

    The options of an endpoint or a response are told as they are in force: also those that a preset, a definition or
    the criterion's own ruleset states.
    """

    def __init__(self, root: Node, options: Mapping[tuple[str, str], Node]) -> None:
        self._root = root
        self._options = options
        self._gathered: dict[str, Position] | None = None

    def _all(self) -> dict[str, Position]:
        if self._gathered is None:
            self._gathered = {}
            _gather(self._root, (), self._gathered)
            for owner, options in self._options.items():
                _gather(options, (*owner, "options"), self._gathered)
        return self._gathered

    def __getitem__(self, key: str) -> Position:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _gather(node: Node, path: tuple[str | int, ...], found: dict[str, Position]) -> None:
    position = node.position
    if position is not None and path:
        found[path_text(path)] = position
    if node.kind == "mapping":
        for key, child in node.items():
            _gather(child, (*path, key), found)
    elif node.kind == "sequence":
        for number, child in enumerate(node.value):
            _gather(child, (*path, number), found)


def ruleset_schema(registry: Registry | None = None) -> dict[str, Any]:
    """The JSON Schema of rulesets for editors, with the options of every plugin that the registry holds."""
    return with_shared_parts(published(_checked(registry)))
