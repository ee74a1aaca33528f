"""The analyses of a protocol, and what they share: covariates (characteristics of the subjects) and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from rules_engine.errors import Problem, closest
from rules_engine.loading.criterion import unknown_plugin
from rules_engine.loading.nodes import Node, Path, mapping, problem_at, to_plain
from rules_engine.loading.validation import problems_of
from rules_engine.model import AnalysisDefinition, CovariateDefinition, EndpointDefinition, WeightsDefinition
from rules_engine.registry import Registry
from rules_engine.vocabulary import ANALYSES_OF_ENGINE, RESPONSE_SCHEMA, TTE_SCHEMA, WEIGHT_SCHEMA, Estimator

#: Names that the rows of an analysis have already; a column of the subjects with such a name needs another one.
TAKEN = frozenset({*TTE_SCHEMA, *RESPONSE_SCHEMA, *WEIGHT_SCHEMA})


@dataclass
class ResolvedAnalyses:
    """The analyses of a protocol with what they share, and what is wrong with them."""

    analyses: dict[str, AnalysisDefinition] = field(default_factory=dict)
    covariates: dict[str, CovariateDefinition] = field(default_factory=dict)
    weights: dict[str, WeightsDefinition] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def resolve_analyses(root: Node, endpoints: Mapping[str, EndpointDefinition], registry: Registry) -> ResolvedAnalyses:
    """Covariates, weights and analyses of a protocol, in the order of the document."""
    return _Resolver(root, endpoints, registry).run()


class _Resolver:
    def __init__(self, root: Node, endpoints: Mapping[str, EndpointDefinition], registry: Registry) -> None:
        self.root = root
        self.endpoints = endpoints
        self.registry = registry
        self.found = ResolvedAnalyses()

    def run(self) -> ResolvedAnalyses:
        for name, node in _entries(self.root, "covariates"):
            self.covariate(name, node)
        for name, node in _entries(self.root, "weights"):
            self.weights(name, node)
        for name, node in _entries(self.root, "analyses"):
            self.not_of_engine(name, node, "analyses")
            self.analysis(name, node)
        for name, node in _entries(self.root, "agreement"):
            self.not_of_engine(name, node, "agreement")
        return self.found

    # Covariates

    def covariate(self, name: str, node: Node) -> None:
        path: Path = ("covariates", name)
        if name in TAKEN:
            self.taken(node, name, path, on_key=True)
        stated = to_plain(node)
        if not isinstance(stated, dict) or problems_of(node, {"type": "object"}):
            return
        kind = stated.get("kind")
        if kind is None and any(key in stated for key in ("levels", "cuts", "pool")):
            kind = "category"
        if kind is None and any(key in stated for key in ("per", "transform", "years_to")):
            kind = "number"
        self.contradictions(node, kind, path)
        try:
            named = tuple(map(str, stated.get("levels") or ()))
            self.found.covariates[name] = CovariateDefinition(
                name=name,
                column=str(stated.get("column", name)),
                kind=kind,
                levels=_first(named, stated.get("reference")),
                cuts=tuple(float(cut) for cut in stated.get("cuts") or ()),
                intervals=named if stated.get("cuts") else (),
                cut_belongs_to=str(stated.get("cut_belongs_to", "upper")),
                pooled={level: tuple(map(str, values)) for level, values in (stated.get("pool") or {}).items()},
                missing=str(stated.get("missing", "exclude" if kind == "number" else "own_level")),
                transform=str(stated.get("transform", "none")),
                per=float(stated.get("per", 1.0)),
                years_to=_text(node, "years_to"),
                label=str(stated.get("label", "")),
                unit=str(stated.get("unit", "")),
                position=node.position,
            )
        except (TypeError, ValueError, AttributeError):
            return  # the structure tells what is wrong

    def contradictions(self, node: Node, kind: str | None, path: Path) -> None:
        """Keys of a covariate that do not go together."""
        for key in ("levels", "cuts", "pool", "reference") if kind == "number" else ("per", "transform"):
            child = node.child(key)
            if child is not None and kind is not None:
                what = f"a {kind} has no `{key}`"
                self.problem(child, what, "leave it out, or change `kind`", (*path, key), on_key=True)
        if kind == "number" and _text(node, "missing") == "own_level":
            what = "a number has no level for missing values"
            remedy = "use `missing: exclude`, or cut the number into levels with `cuts`"
            self.problem(node.child("missing") or node, what, remedy, (*path, "missing"))
        cuts, levels, pool = (node.child(key) for key in ("cuts", "levels", "pool"))
        if cuts is not None and cuts.kind == "sequence":
            numbers = [item.value for item in cuts.value if isinstance(item.value, (int, float))]
            if any(later <= earlier for earlier, later in pairwise(numbers)):
                self.problem(cuts, "the cuts are not in ascending order", "sort them", (*path, "cuts"))
            if levels is not None and levels.kind == "sequence" and len(levels.value) != len(numbers) + 1:
                what = f"{len(numbers)} cut(s) make {len(numbers) + 1} levels, and {len(levels.value)} are named"
                self.problem(levels, what, "name each interval, lowest first", (*path, "levels"))
            if pool is not None:
                self.problem(pool, "cuts and `pool` are both stated", "state one of them", (*path, "pool"), on_key=True)
        reference = node.child("reference")
        if reference is not None and levels is not None and levels.kind == "sequence":
            known = [str(item.value) for item in levels.value]
            if str(reference.value) not in known:
                what = f"the reference {reference.value!r} is not among the levels"
                remedy = f"name one of: {', '.join(known)}"
                self.problem(reference, what, remedy, (*path, "reference"), meant=closest(str(reference.value), known))
        if reference is not None and levels is None:
            what = "a reference needs the levels, which say what the others are"
            self.problem(reference, what, "state `levels`; the first is the reference", (*path, "reference"))

    # Weights

    def weights(self, name: str, node: Node) -> None:
        path: Path = ("weights", name)
        listed = [item for item in _items(node, "covariates") if isinstance(item.value, str)]
        for number, item in enumerate(listed):
            self.characteristic(item, (*path, "covariates", number))
        stated = to_plain(node)
        trim, truncate_at = node.child("trim"), node.at("truncate_at")
        score = [item.value for item in _items(trim, "score")] if trim is not None else []
        if len(score) == 2 and all(isinstance(value, (int, float)) for value in score) and score[0] >= score[1]:
            at_score = trim.child("score") if trim is not None else None
            self.problem(at_score or node, "the range of the score is empty", "state lower and upper", (*path, "trim"))
        try:
            self.found.weights[name] = WeightsDefinition(
                name=name,
                method=str(stated["method"]),
                covariates=tuple(str(item.value) for item in listed),
                stabilised=bool(stated.get("stabilised", True)),
                score_range=(float(score[0]), float(score[1])) if len(score) == 2 else None,
                refit=bool((stated.get("trim") or {}).get("refit", False)),
                truncate_at=None if truncate_at is None else float(truncate_at.value),
                position=node.position,
            )
        except (TypeError, ValueError, KeyError, AttributeError):
            return  # the structure tells what is wrong

    # Analyses

    def not_of_engine(self, name: str, node: Node, section: str) -> None:
        """The name is not that of counts which every run has."""
        if name in ANALYSES_OF_ENGINE:
            what = f"{name!r} is the name of counts that every run has in its results"
            self.problem(node, what, "give the analysis another name", (section, name), on_key=True)

    def analysis(self, name: str, node: Node) -> None:
        path: Path = ("analyses", name)
        stated = node.child("estimator")
        estimator = None
        if stated is not None and isinstance(stated.value, str):
            estimator = self.registry.estimators.get(stated.value)
            if estimator is None:
                known = list(self.registry.estimators)
                self.found.problems.append(unknown_plugin(stated, "estimator", known, (*path, "estimator")))
        paramcds = self.analysed(node, path, estimator.shape if estimator is not None else None)
        options = node.child("options") or mapping()
        subgroups = self.subgroups(node, path)
        by = node.child("by")
        if by is not None and isinstance(by.value, str):
            self.characteristic(by, (*path, "by"))
        for key in ("strata", "covariates"):
            for number, item in enumerate(_items(options, key)):
                self.characteristic(item, (*path, "options", key, number))
        weights = self.weighted(node, estimator, path)
        if estimator is None:
            return
        self.found.problems += problems_of(options, estimator.options_schema, (*path, "options"))
        self.found.analyses[name] = AnalysisDefinition(
            name=name,
            estimator=estimator.id,
            endpoints=tuple(paramcds),
            by=_text(node, "by"),
            options=to_plain(options),
            position=node.position,
            subgroups=tuple(subgroups),
            weights=weights,
            optional=bool(to_plain(node.child("optional") or mapping())),
        )

    def subgroups(self, node: Node, path: Path) -> list[str]:
        """The characteristics whose levels are analysed apart; the groups themselves cannot be one."""
        found: list[str] = []
        for number, item in enumerate(_items(node, "subgroups")):
            where = (*path, "subgroups", number)
            if not isinstance(item.value, str):
                continue
            if item.value == _text(node, "by"):
                what = f"the analysis compares the groups of {item.value!r}, which cannot be subgroups as well"
                self.problem(item, what, "leave it out here, or under `by`", where)
            self.characteristic(item, where)
            found.append(item.value)
        return found

    def weighted(self, node: Node, estimator: Estimator | None, path: Path) -> str | None:
        """The weights that an analysis names, where they exist, its estimator takes them, and there are groups."""
        stated = node.child("weights")
        if stated is None or not isinstance(stated.value, str):
            return None
        where = (*path, "weights")
        known = [name for name, _node in _entries(self.root, "weights")]
        if stated.value not in known:
            remedy = f"name one of: {', '.join(known)}" if known else "define them under `weights`"
            what = f"there are no weights {stated.value!r}"
            self.problem(stated, what, remedy, where, meant=closest(stated.value, known))
        if estimator is not None and not estimator.weighted:
            able = ", ".join(name for name, one in self.registry.estimators.items() if one.weighted)
            self.problem(stated, f"{estimator.id} takes no weights", f"estimators that do: {able}", where, on_key=True)
        if node.child("by") is None:
            what = "weights make two groups comparable, and this analysis has no groups"
            self.problem(stated, what, "state `by`", where, on_key=True)
        return stated.value

    def characteristic(self, node: Node, path: Path) -> None:
        """A column of the subjects, or a covariate, by whose name nothing else goes in the rows of an analysis."""
        if isinstance(node.value, str) and node.value in TAKEN and node.value not in self.found.covariates:
            self.taken(node, node.value, path)

    def taken(self, node: Node, name: str, path: Path, *, on_key: bool = False) -> None:
        what = f"{name!r} is the name of a column that every analysis has"
        remedy = f"give it another name: `covariates: {{subject_{name}: {{column: {name}}}}}`"
        self.problem(node, what, remedy, path, on_key=on_key)

    def analysed(self, node: Node, path: Path, shape: str | None) -> list[str]:
        """The endpoints that an analysis reads; one that does not exist or has another shape is a problem."""
        known = [name for name, _node in _entries(self.root, "endpoints")]
        found: list[str] = []
        for number, item in enumerate(_items(node, "endpoints")):
            where = (*path, "endpoints", number)
            if not isinstance(item.value, str):
                continue
            if item.value not in known:
                what = f"there is no endpoint {item.value!r}"
                remedy = f"name one of: {', '.join(known)}" if known else "define it under `endpoints`"
                self.problem(item, what, remedy, where, meant=closest(item.value, known))
                continue
            definition = self.endpoints.get(item.value)
            if definition is not None and shape not in (None, "any"):
                actual = self.registry.endpoint_kinds[definition.kind].shape
                if actual != shape:
                    shapes = [str(word).replace("_", " ") for word in (actual, shape)]
                    what = f"{item.value} is a {shapes[0]} endpoint; this estimator reads {shapes[1]} endpoints"
                    self.problem(item, what, "use another estimator, or leave the endpoint out", where)
            found.append(item.value)
        return found

    def problem(self, node: Node, what: str, remedy: str, path: Path, *, meant: str = "", on_key: bool = False) -> None:
        self.found.problems.append(problem_at(node, what, remedy, path=path, meant=meant, on_key=on_key))


def _first(levels: tuple[str, ...], reference: object) -> tuple[str, ...]:
    """The levels with the reference before the others."""
    if reference is None or str(reference) not in levels:
        return levels
    return (str(reference), *(level for level in levels if level != str(reference)))


def _entries(root: Node, section: str) -> Iterator[tuple[str, Node]]:
    found = root.child(section)
    if found is not None:
        yield from found.items()


def _items(node: Node | None, key: str) -> list[Node]:
    listed = node.child(key) if node is not None else None
    return list(listed.value) if listed is not None and listed.kind == "sequence" else []


def _text(node: Node, key: str) -> str | None:
    found = node.child(key)
    return found.value if found is not None and isinstance(found.value, str) else None
