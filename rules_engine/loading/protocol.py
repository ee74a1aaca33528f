"""Protocols: the typed parts of a ruleset of kind `protocol`, and everything that must agree between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from rules_engine.contracts import TABLES
from rules_engine.errors import PluginError, Problem, RulesetError, closest
from rules_engine.loading.analyses import ResolvedAnalyses, resolve_analyses
from rules_engine.loading.consistency import contradictions
from rules_engine.loading.criterion import resolve_criterion, unknown_plugin
from rules_engine.loading.data_schema import table_part
from rules_engine.loading.endpoints import ResolvedEndpoints, resolve_endpoints
from rules_engine.loading.grammar import HEADER, structure
from rules_engine.loading.nodes import Node, Path, deepest, mapping, problem_at, to_plain
from rules_engine.loading.options import complete, document_null_rule, layered, without_unset
from rules_engine.loading.sources import Source, load_source
from rules_engine.loading.validation import problems_of
from rules_engine.model import GradedRecords, GradingRules, ResponseDefinition
from rules_engine.registry import Registry
from rules_engine.vocabulary import Grading


@dataclass
class Protocol:
    """The parts of a protocol as resolved, their options as nodes, the files that they name, and what is wrong."""

    responses: dict[str, ResponseDefinition] = field(default_factory=dict)
    response_options: dict[str, Node] = field(default_factory=dict)
    endpoints: ResolvedEndpoints = field(default_factory=ResolvedEndpoints)
    adverse_events: GradedRecords | None = None
    labs: GradedRecords | None = None
    analyses: ResolvedAnalyses = field(default_factory=ResolvedAnalyses)
    files: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@cache
def _structure() -> dict[str, Any]:
    return structure()


def structure_problems(root: Node) -> list[Problem]:
    """What in a ruleset, after `extends`, the grammar forbids; options are judged by their plugins."""
    return problems_of(root, _structure())


def resolve_protocol(source: Source, registry: Registry) -> Protocol:
    """Resolve and check every part of a protocol; all problems are gathered."""
    return _Resolver(source, registry).run()


class _Resolver:
    def __init__(self, source: Source, registry: Registry) -> None:
        self.root = source.root
        self.folder = source.folder
        self.registry = registry
        self.protocol = Protocol(files=list(source.files))
        self.gradings: dict[tuple[str, ...], GradingRules | None] = {}

    def run(self) -> Protocol:
        protocol = self.protocol
        protocol.problems += structure_problems(self.root)
        for name, node in _entries(self.root, "responses"):
            self.response(name, node)
        # A response that is wrong is still one that an endpoint may name.
        named: dict[str, object] = dict(_entries(self.root, "responses"))
        protocol.endpoints = resolve_endpoints(self.root, named, self.registry)
        protocol.problems += protocol.endpoints.problems
        protocol.problems += contradictions(
            protocol.endpoints.definitions, protocol.endpoints.options, protocol.response_options
        )
        protocol.adverse_events = self.graded("adverse_events")
        protocol.labs = self.graded("labs")
        protocol.analyses = resolve_analyses(self.root, protocol.endpoints.definitions, self.registry)
        protocol.problems += protocol.analyses.problems
        for name, node in _entries(self.root, "agreement"):
            self.agreement(name, node)
        self.mapped_tables()
        self.reference_arm()
        return protocol

    # Responses

    def mapped_tables(self) -> None:
        """Tables of plugins in the section `data`: their columns, and names that no table has."""
        data = self.root.child("data")
        for name, parts in [] if data is None else _entries(data, "tables"):
            table, path = self.registry.tables.get(name), ("data", "tables", name)
            if table is not None:
                for part, node in parts.items() if parts.kind == "mapping" else ():
                    self.protocol.problems += problems_of(node, table_part(table), (*path, part))
            elif name not in TABLES:
                known = [*TABLES, *self.registry.tables]
                self.protocol.problems.append(
                    problem_at(
                        parts, f"there is no input table {name!r}", f"use one of {', '.join(known)}",
                        path=path, meant=closest(name, known), on_key=True,
                    )
                )  # fmt: skip

    def response(self, name: str, node: Node) -> None:
        path: Path = ("responses", name)
        criterion, collected = _text(node, "criterion"), _text(node, "collected_as")
        if (criterion is None) == (collected is None):
            if node.kind == "mapping" and not any(node.child(key) for key in ("criterion", "collected_as")):
                what = f"the response {name!r} says neither how it is derived nor what was collected"
                self.problem(
                    node, what, "state `criterion` (derived from lesions) or `collected_as`", path, on_key=True
                )
            elif criterion is not None:
                what = f"the response {name!r} is both derived and collected"
                self.problem(node, what, "state `criterion` or `collected_as`, not both", path, on_key=True)
            return
        common = {"name": name, "assessor": _text(node, "assessor"), "reader": _text(node, "reader")}
        changes = node.child("options")
        if criterion is None:
            if changes is not None:
                what = "a collected response has no options; they belong to a criterion"
                self.problem(changes, what, "remove them", (*path, "options"), on_key=True)
            self.protocol.responses[name] = ResponseDefinition(source="collected", collected_as=collected, **common)  # type: ignore[arg-type]
            return
        source = self.other_ruleset(node, "criterion", "criterion", path)
        if source is None:
            return
        broken = structure_problems(source.root)
        resolved, problems = resolve_criterion(source, changes, (*path, "options"), self.registry)
        self.protocol.problems += [*broken, *problems]
        if resolved is not None:
            self.protocol.response_options[name] = resolved.options
            self.protocol.responses[name] = ResponseDefinition(source="derived", rules=resolved.rules, **common)  # type: ignore[arg-type]

    def other_ruleset(self, node: Node, key: str, kind: str, path: Path) -> Source | None:
        """The ruleset that `node.key` names; what is wrong with it is told where it is named or where it stands."""
        stated = node.child(key)
        if stated is None or not isinstance(stated.value, str):
            return None  # the structure tells what is wrong
        where = (*path, key)
        try:
            source = load_source(
                stated.value, self.registry, document_null_rule(self.registry), folder=_folder(stated, self.folder)
            )
        except RulesetError as error:
            for problem in error.problems:
                if problem.line:
                    self.protocol.problems.append(problem)
                else:
                    self.problem(stated, problem.what, problem.remedy, where, meant=problem.meant)
            return None
        self.protocol.files += source.files
        if source.kind != kind:
            what = f"{stated.value!r} is a {source.kind} ruleset, and a {kind} ruleset is wanted here"
            self.problem(stated, what, f"name a ruleset of kind {kind}", where)
            return None
        return source

    # Grading

    def graded(self, section: str) -> GradedRecords | None:
        node = self.root.child(section)
        if node is None or node.kind != "mapping":
            return None
        source = self.other_ruleset(node, "grading", "grading", (section,))
        if source is None:
            return None
        if source.files not in self.gradings:  # labs and adverse events often share one
            rules, problems = grading_rules(source, self.registry)
            self.gradings[source.files] = rules
            self.protocol.problems += problems
        rules = self.gradings[source.files]
        if rules is None:
            return None
        grading = self.registry.gradings[rules.grading]
        stated = layered([node.child("options")], grading.options_schema)
        options, _unstated = complete(stated, grading.options_schema, f"the grading {grading.id}")
        wrong = problems_of(without_unset(options), grading.options_schema, (section, "options"))
        self.protocol.problems += wrong or self.said_by_grading(grading, rules, options, (section, "options"))
        window = node.child("window") or mapping()
        settings = {key: to_plain(child) for key, child in node.items() if key not in ("grading", "options", "window")}
        return GradedRecords(rules=rules, options=to_plain(options), window=to_plain(window), settings=settings)

    def said_by_grading(self, grading: Grading, rules: GradingRules, options: Node, path: Path) -> list[Problem]:
        """What the grading itself finds wrong with its options, told where the option was stated."""
        try:
            said = list(grading.check(rules.document, to_plain(options)))
        except Exception as error:  # any failure of foreign code is the plugin's
            what = f"its check of {path[0]} failed: {type(error).__name__}: {error}"
            raise PluginError.at(f"grading {grading.id!r}", what, "repair or uninstall that plugin") from None
        problems = []
        for option, what, remedy in said:
            keys = [int(key) if key.isdigit() else key for key in option.split(".")]
            problems.append(problem_at(deepest(options, keys), what, remedy, path=(*path, option)))
        return problems

    # Agreement

    def agreement(self, name: str, node: Node) -> None:
        """What is compared: responses with responses, or response endpoints with response endpoints."""
        listed = node.child("between")
        items = listed.value if listed is not None and listed.kind == "sequence" else ()
        named = [item for item in items if isinstance(item.value, str)]
        definitions = self.protocol.endpoints.definitions
        of_shape = {
            code for code, one in definitions.items() if self.registry.endpoint_kinds[one.kind].shape == "response"
        }
        responses = [one for one, _node in _entries(self.root, "responses")]
        known = responses if named and named[0].value in responses else [*of_shape]
        for number, item in enumerate(named):
            if item.value not in known:
                what = f"{item.value!r} cannot be compared with {named[0].value!r}"
                if item is named[0]:
                    known = [*responses, *sorted(of_shape)]
                    what = f"there is no response and no response endpoint {item.value!r}"
                remedy = f"name one of: {', '.join(sorted(known))}" if known else "define it"
                place = ("agreement", name, "between", number)
                self.problem(item, what, remedy, place, meant=closest(item.value, known))

    # Study

    def reference_arm(self) -> None:
        arms, reference = self.root.at("study", "arms"), self.root.at("study", "reference_arm")
        if arms is None or reference is None or arms.kind != "sequence":
            return
        listed = [item.value for item in arms.value]
        if reference.value not in listed:
            what = f"the reference arm {reference.value!r} is not among the arms"
            known = [str(arm) for arm in listed]
            path = ("study", "reference_arm")
            self.problem(
                reference, what, f"name one of: {', '.join(known)}", path, meant=closest(str(reference.value), known)
            )

    def problem(self, node: Node, what: str, remedy: str, path: Path, *, meant: str = "", on_key: bool = False) -> None:
        self.protocol.problems.append(problem_at(node, what, remedy, path=path, meant=meant, on_key=on_key))


def grading_rules(source: Source, registry: Registry) -> tuple[GradingRules | None, list[Problem]]:
    """The grading that a ruleset of kind `grading` describes."""
    problems = structure_problems(source.root)
    stated = source.root.child("grading")
    if stated is None:
        return None, problems
    if str(stated.value) not in registry.gradings:
        return None, [*problems, unknown_plugin(stated, "grading", list(registry.gradings), ("grading",))]
    grading = registry.gradings[str(stated.value)]
    if grading.document_schema:
        own = {key: child for key, child in source.root.items() if key not in HEADER and key != "grading"}
        problems += problems_of(source.root.with_value(own), grading.document_schema)
    return GradingRules(source.id, grading.id, to_plain(source.root)), problems


def _folder(node: Node, fallback: FilePath | None) -> FilePath | None:
    """Relative paths start at the folder of the file in which they stand."""
    return FilePath(node.file).resolve().parent if node.line else fallback


def _entries(root: Node, section: str) -> list[tuple[str, Node]]:
    found = root.child(section)
    return list(found.items()) if found is not None else []


def _text(node: Node, key: str) -> str | None:
    found = node.child(key)
    return found.value if found is not None and isinstance(found.value, str) else None
