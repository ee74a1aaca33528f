"""Endpoint definitions of a protocol: `like` followed, options laid over one another and completed, all checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules_engine import guard
from rules_engine.errors import PluginError, Problem, closest
from rules_engine.loading.consistency import reads_responses
from rules_engine.loading.criterion import unknown_plugin
from rules_engine.loading.grammar import partial
from rules_engine.loading.merging import merge
from rules_engine.loading.nodes import Node, Path, deepest, mapping, problem_at, to_plain
from rules_engine.loading.options import (
    Unstated,
    complete,
    document_null_rule,
    layered,
    properties_of,
    without_unset,
)
from rules_engine.loading.validation import problems_of, quoted
from rules_engine.model import EndpointDefinition, Schedule, Segment
from rules_engine.registry import Registry
from rules_engine.vocabulary import EndpointKind


@dataclass
class ResolvedEndpoints:
    """The endpoints of a protocol, their options as nodes, and what is wrong with them.

    `unused` are the definitions of a ruleset that has no endpoints, as far as they are complete.
    """

    definitions: dict[str, EndpointDefinition] = field(default_factory=dict)
    options: dict[str, Node] = field(default_factory=dict)
    unused: dict[str, EndpointDefinition] = field(default_factory=dict)
    unused_options: dict[str, Node] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def resolve_endpoints(root: Node, responses: Mapping[str, object], registry: Registry) -> ResolvedEndpoints:
    """Every endpoint of a protocol, in the order of the document; definitions are checked as well."""
    return _Resolver(root, responses, registry).run()


class _Resolver:
    def __init__(self, root: Node, responses: Mapping[str, object], registry: Registry) -> None:
        self.root = root
        self.responses = responses
        self.registry = registry
        self.allows_null = document_null_rule(registry)
        self.sections = {name: _entries(root, name) for name in ("endpoints", "definitions")}
        self.common = root.child("options") or mapping()
        self.expanded: dict[tuple[str, str], Node | None] = {}
        self.found = ResolvedEndpoints()
        self.unstated: dict[tuple[str, str], tuple[Unstated, list[str]]] = {}

    def run(self) -> ResolvedEndpoints:
        self.found.problems += self.common_problems()
        for name in self.sections["endpoints"]:
            self.resolve("endpoints", name)
        for name, node in self.sections["definitions"].items():
            # Those of a base are checked with the base; a style is made of them.
            if node.file == self.root.file or not self.sections["endpoints"]:
                self.resolve("definitions", name)
        self.found.problems += [self.unstated_problem(unstated, names) for unstated, names in self.unstated.values()]
        return self.found

    # Ruleset-level options

    def common_problems(self) -> list[Problem]:
        """Options of all endpoints: unknown to every kind, or of a value that no kind takes."""
        schemas = [kind.options_schema for kind in self.registry.endpoint_kinds.values()]
        known = sorted({key for schema in schemas for key in properties_of(schema)})
        problems: list[Problem] = []
        for key, node in self.common.items():
            path = ("options", key)
            abouts = [properties_of(schema)[key] for schema in schemas if key in properties_of(schema)]
            if not abouts:
                if not known:
                    continue  # without any endpoint kind nothing can be said of options
                what = f"no endpoint kind has an option {key!r}"
                remedy = f"known options: {', '.join(known)}"
                problems.append(problem_at(node, what, remedy, path=path, meant=closest(key, known), on_key=True))
                continue
            tries = [problems_of(node, partial(about), path) for about in abouts]
            if all(tries):
                problems += tries[0]
        return problems

    # One endpoint

    def resolve(self, section: str, name: str) -> None:
        own = self.sections[section][name]
        node = self.expand(section, name, ())
        if node is None:
            return
        path: Path = (section, name)
        stated = node.child("kind")
        if stated is None:
            what = f"{name} says neither how it is derived (`kind`) nor what it is like (`like`)"
            kinds = ", ".join(self.registry.endpoint_kinds)
            self.problem(own, what, f"state `like` or one of the kinds: {kinds}", path)
            return
        kind = self.registry.endpoint_kinds.get(str(stated.value))
        if kind is None:
            kinds_known = list(self.registry.endpoint_kinds)
            self.found.problems.append(unknown_plugin(stated, "endpoint kind", kinds_known, (*path, "kind")))
            return
        known = properties_of(kind.options_schema)
        common = mapping(children={key: child for key, child in self.common.items() if key in known})
        options = layered([common, node.child("options")], kind.options_schema)
        schema = kind.schema_of(to_plain(options))
        completed, unstated = complete(options, schema, f"the endpoint kind {kind.id}")
        for item in unstated:
            if section == "endpoints":
                self.unstated.setdefault((kind.id, item.name), (item, []))[1].append(name)
        wrong = self.option_problems(completed, kind, own, path, unstated)
        schedule, schedule_problems = self.schedule(node, path)
        self.found.problems += wrong + schedule_problems
        response = self.response(node, path)
        definition = EndpointDefinition(
            paramcd=name,
            kind=kind.id,
            label=_text(node, "label") or name,
            response=response,
            options=to_plain(completed),
            schedule=schedule,
            position=own.position,
        )
        if section == "definitions":
            if not self.sections["endpoints"] and not wrong and not unstated:
                self.found.unused[name], self.found.unused_options[name] = definition, completed
            return
        if (
            response is None
            and node.child("response") is None
            and not (wrong or unstated)
            and guard.call(
                guard.who_is(self.registry, "endpoint kind", kind.id, kind.version),
                lambda: reads_responses(kind, definition),
            )
        ):
            streams = ", ".join(self.responses) or "none is defined yet; define one under `responses`"
            what = f"{name} does not say which responses it reads"
            self.problem(own, what, f"state `response`, one of: {streams}", (*path, "response"))
        self.found.definitions[name] = definition
        self.found.options[name] = completed
        # A schedule that the structure refuses is none; that it is missing would be said a second time.
        schedule_refused = schedule is None and any(
            one is not None and not one.is_null for one in (node.child("schedule"), self.root.child("schedule"))
        )
        if not (wrong or unstated or schedule_problems or schedule_refused):
            self.found.problems += self.kind_problems(definition, kind, completed, own, path)

    def option_problems(
        self, completed: Node, kind: EndpointKind, own: Node, path: Path, unstated: list[Unstated]
    ) -> list[Problem]:
        """What the kind's schema forbids; what has no place of its own is told where the endpoint is defined."""
        prefix = (*path, "options")
        found = problems_of(without_unset(completed), kind.options_schema, prefix)
        paths = {(*prefix, *item.path) for item in unstated}
        texts = {".".join(map(str, item)) for item in paths}
        return [
            item
            if item.line
            else problem_at(own, item.what, item.remedy, path=(item.path,), meant=item.meant, on_key=True)
            for item in found
            if item.path not in texts
        ]

    def kind_problems(
        self, definition: EndpointDefinition, kind: EndpointKind, options: Node, own: Node, path: Path
    ) -> list[Problem]:
        """What the kind itself finds wrong with the definition, told where the option was stated."""
        try:
            said = list(kind.check(definition))
        except Exception as error:  # any failure of foreign code is the plugin's
            raise PluginError.at(
                f"endpoint kind {kind.id!r}",
                f"its check of {definition.paramcd} failed: {type(error).__name__}: {error}",
                "repair or uninstall that plugin",
            ) from None
        problems = []
        for option, what, remedy in said:
            place = deepest(options, option.split(".")) if option else own
            at = place if place.line else own
            told = (*path, "options", option) if option else path
            problems.append(problem_at(at, f"{definition.paramcd}: {what}", remedy, path=told))
        return problems

    def response(self, node: Node, path: Path) -> str | None:
        stated = node.child("response")
        if stated is None or stated.is_null:
            return None
        name = str(stated.value)
        if name not in self.responses:
            known = ", ".join(self.responses) or "none is defined"
            what = f"there is no response {quoted(to_plain(stated))} under `responses` ({known})"
            remedy = "name one of these, or define it under `responses`"
            meant = closest(name, self.responses)
            self.found.problems.append(problem_at(stated, what, remedy, path=(*path, "response"), meant=meant))
        return name

    def schedule(self, node: Node, path: Path) -> tuple[Schedule | None, list[Problem]]:
        own, common = node.child("schedule"), self.root.child("schedule")
        if own is None or own.is_null:
            return read_schedule(common, ("schedule",))
        laid = merge(common, own, self.allows_null) if common is not None else own
        return read_schedule(laid, (*path, "schedule"))

    # like

    def expand(self, section: str, name: str, chain: tuple[tuple[str, str], ...]) -> Node | None:
        """The endpoint or definition with what it is like merged in; None where that cannot be told."""
        key = (section, name)
        if key in self.expanded:
            return self.expanded[key]
        own = self.sections[section][name]
        if own.kind != "mapping":
            self.expanded[key] = None  # the structure tells what is wrong
            return None
        like = own.child("like")
        if like is None or like.is_null:
            self.expanded[key] = own
            return own
        self.expanded[key] = None
        target = self.target(section, name, str(like.value))
        if target is None:
            known = [*self.sections["endpoints"], *self.sections["definitions"]]
            others = sorted({word for word in known if word != name or word in self.sections["definitions"]})
            self.problem(
                like,
                f"there is no endpoint and no definition {quoted(to_plain(like))} that {name} could be like",
                f"known: {', '.join(others) or 'none; extend a ruleset that has definitions'}",
                (section, name, "like"),
                closest(str(like.value), others),
            )
            return None
        if target in chain or target == key:
            circle = [*chain, key]
            circle = circle[circle.index(target) :] if target in circle else circle
            told = " → ".join([*(self.placed(*step) for step in circle), target[1]])
            self.problem(
                like,
                f"the endpoints are like one another in a circle: {told}",
                "break the circle",
                (section, name, "like"),
            )
            return None
        base = self.expand(*target, (*chain, key))
        if base is None:
            return None
        rest = own.with_value({word: child for word, child in own.items() if word != "like"})
        if "kind" in rest.value and (kind := base.child("kind")) is not None and kind.value != rest.value["kind"].value:
            what = f"{name} is like {target[1]}, which is derived as {kind.value}"
            self.problem(rest.value["kind"], what, "leave out `kind` or `like`", (section, name, "kind"))
        self.expanded[key] = merge(base, rest, self.allows_null, (section, name))
        return self.expanded[key]

    def placed(self, section: str, name: str) -> str:
        """A name with the place of its `like`."""
        like = self.sections[section][name].child("like")
        return name if like is None or not like.line else f"{name} ({like.file}:{like.line}:{like.column})"

    def target(self, section: str, name: str, like: str) -> tuple[str, str] | None:
        """What `like` names: another endpoint, else a definition. A definition is like definitions only."""
        if section == "endpoints" and like != name and like in self.sections["endpoints"]:
            return ("endpoints", like)
        return ("definitions", like) if like in self.sections["definitions"] else None

    # Problems

    def problem(self, node: Node, what: str, remedy: str, path: Path, meant: str = "") -> None:
        """Note a problem: at the key where the node is a whole entry, else at its value."""
        on_key = node.kind == "mapping"
        self.found.problems.append(problem_at(node, what, remedy, path=path, meant=meant, on_key=on_key))

    def unstated_problem(self, unstated: Unstated, names: list[str]) -> Problem:
        place = self.root.child("options") or self.root.child("endpoints") or self.root
        needed = f"(needed by {', '.join(names)})"
        what = f"{unstated.name} is not stated, and it drives the estimand, so it has no default {needed}"
        remedy = f"state `{unstated.name}` under `options`, or in the endpoint. {unstated.choices}"
        return problem_at(place, what, remedy, path=("options", *unstated.path), on_key=True)


def _entries(root: Node, section: str) -> dict[str, Node]:
    found = root.child(section)
    return dict(found.items()) if found is not None else {}


def _text(node: Node, key: str) -> str | None:
    found = node.child(key)
    return found.value if found is not None and isinstance(found.value, str) else None


def read_schedule(node: Node | None, path: Path) -> tuple[Schedule | None, list[Problem]]:
    """A schedule of visits, or None where none is stated."""
    if node is None or node.kind != "mapping":
        return None, []
    stated = node.child("segments")
    if stated is None and path[0] == "endpoints":
        what = "the schedule states no `segments`, and there is no schedule above that does"
        return None, [problem_at(node, what, "state `segments`, such as `[{every: 42}]`", path=path, on_key=True)]
    if stated is None or stated.kind != "sequence" or not stated.value:
        return None, []  # the structure tells what is wrong
    segments: list[Segment] = []
    problems: list[Problem] = []
    before = 0
    for number, item in enumerate(stated.value):
        every, until = (item.child(key) for key in ("every", "until"))
        if every is None or not _is_whole(every.value) or every.value < 1:
            return None, []
        last = number == len(stated.value) - 1
        end = until.value if until is not None else None
        if end is not None and not _is_whole(end):
            return None, []
        where = (*path, "segments", number)
        if end is None and not last:
            problems.append(
                problem_at(item, "only the last part of a schedule is without end", "state `until`", path=where)
            )
        elif end is not None and end < before + every.value:
            problems.append(
                problem_at(item, f"the part ends on day {end}, before its first visit", "raise `until`", path=where)
            )
        before = end if end is not None else before
        segments.append(Segment(every=every.value, until=end))
    days = {key: child.value for key in ("early", "late") if (child := node.child(key)) is not None}
    if not all(_is_whole(value) and value >= 0 for value in days.values()):
        return None, problems
    return Schedule(segments=tuple(segments), anchor=_text(node, "anchor"), **days), problems


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
