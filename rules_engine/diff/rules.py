"""What differs between two rulesets in what they mean: effective values, however they are written, ordered or inherited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from rules_engine.describe.statements import tell
from rules_engine.loading import flow, path_text
from rules_engine.model import GradedRecords, Position, ResponseDefinition, Ruleset, Schedule
from rules_engine.registry import Registry

Path = tuple[str, ...]


class _Absent:
    """Stands for a value that one of the rulesets does not have."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()
#: Parts of the document that are compared as they stand; the other parts are compared as what they become.
_AS_WRITTEN = ("study", "estimand", "data")
#: What a style such as `fda` holds ready for the endpoints of protocols that extend it.
_READY = ("options", "definitions", "schedule")
#: What names a thing and changes no record.
_WORDS = ("label",)


@dataclass(frozen=True, slots=True)
class RuleDifference:
    """One value that differs: its path, the value on either side (`ABSENT` where there is none), and where each is stated.

    A place is None for a default of a plugin's schema and for an absent value. `…_told` is the sentence that a description of the ruleset
    has for the value; empty where it has none.
    """

    path: Path
    before: Any
    after: Any
    before_at: Position | None = None
    after_at: Position | None = None
    before_told: str = ""
    after_told: str = ""

    @property
    def name(self) -> str:
        """The path as a person writes it: `endpoints.PFS.options.new_therapy`."""
        return path_text(self.path)

    @property
    def is_wording(self) -> bool:
        """Whether it is a name alone, which changes no record."""
        return self.path[-1] in _WORDS

    def as_dict(self) -> dict[str, Any]:
        """The difference as plain data; an absent side has no key."""
        stated: dict[str, Any] = {"path": self.name}
        sides = (
            ("before", self.before, self.before_at, self.before_told),
            ("after", self.after, self.after_at, self.after_told),
        )
        for side, value, place, told in sides:
            if value is not ABSENT:
                stated[side] = value
                stated[f"{side}_at"] = None if place is None else str(place)
                if told:
                    stated[f"{side}_told"] = told
        return stated


def written(value: Any) -> str:
    """A value as a ruleset writes it."""
    return repr(ABSENT) if value is ABSENT else flow(value)


def compare_rules(before: Ruleset, after: Ruleset) -> list[RuleDifference]:
    """Every effective value that differs, in the order of the first ruleset, then those that only the second has.

    Where a whole endpoint, response or analysis is on one side only, it is one difference, at its own path.
    """
    styles = not (before.endpoints and after.endpoints)
    left, right = _values(before, styles=styles), _values(after, styles=styles)
    whole = {
        path[:2] for path in {**left, **right} if len(path) > 1 and path[0] not in (*_AS_WRITTEN, "options", "schedule")
    }
    only = {path for path in whole if _has(left, path) != _has(right, path)}
    differences: dict[Path, RuleDifference] = {}
    for path in {**left, **right}:
        place = path[:2] if path[:2] in only else path
        if place in only:
            one, other = (_summary(side, place) for side in (left, right))
        else:
            one, other = left.get(path, ABSENT), right.get(path, ABSENT)
        if place not in differences and not _same(one, other):
            differences[place] = RuleDifference(
                place, one, other, _position(before, place, one), _position(after, place, other)
            )
    return list(differences.values())


def with_sentences(
    rules: Sequence[RuleDifference], before: Ruleset, after: Ruleset, registry: Registry
) -> list[RuleDifference]:
    """The differences with what a description of either ruleset says of the value."""
    one, other = _Sentences(before, registry), _Sentences(after, registry)
    return [replace(rule, before_told=one.of(rule.path), after_told=other.of(rule.path)) for rule in rules]


class _Sentences:
    """What a description of a ruleset says of its options, by path; each schema is read once."""

    def __init__(self, ruleset: Ruleset, registry: Registry) -> None:
        self.ruleset, self.registry = ruleset, registry
        self.known: dict[Path, dict[str, str]] = {}

    def of(self, path: Path) -> str:
        """The sentence for the value at a path; empty where it is without effect, or goes without saying."""
        if "options" not in path:
            return ""
        place = path.index("options")
        owner = path[:place]
        if owner not in self.known:
            self.known[owner] = self._of_owner(owner)
        return self.known[owner].get(".".join(path[place + 1 :]), "")

    def _of_owner(self, owner: Path) -> dict[str, str]:
        told: dict[str, str] = {}
        # What a style says for all endpoints is told as the first of its definitions has it in which it does something.
        owners = [("definitions", name) for name in self.ruleset.definitions] if owner == () else [owner]
        for one in owners:
            options, schema = self._options(one)
            told = {said.path: said.sentence for said in tell(options, schema) if said.in_effect} | told
        return told

    def _options(self, owner: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        match owner:
            case ("endpoints" | "definitions" as section, paramcd):
                endpoint = getattr(self.ruleset, section).get(paramcd)
                if endpoint is not None:
                    return endpoint.options, self.registry.endpoint_kinds.require(endpoint.kind).options_schema
            case ("responses", name):
                response = self.ruleset.responses.get(name)
                if response is not None and response.rules is not None:
                    rules = response.rules
                    return rules.options, self.registry.criteria.require(rules.criterion).options_schema
        return {}, {}


def _has(values: Mapping[Path, Any], start: Path) -> bool:
    return any(path[: len(start)] == start for path in values)


def _summary(values: Mapping[Path, Any], start: Path) -> Any:
    """What stands for a whole thing: its label, criterion or estimator, or that it is there."""
    if not _has(values, start):
        return ABSENT
    return next(
        (values[path] for path in ((*start, name) for name in ("label", "criterion", "estimator")) if path in values),
        True,
    )


def _same(one: Any, other: Any) -> bool:
    """Equal in value and in kind: `1` is not `true`, and `0.95` is `0.95` however it is written."""
    return (type(one) is type(other) and bool(one == other)) or (_number(one) and _number(other) and bool(one == other))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _position(ruleset: Ruleset, path: Path, value: Any) -> Position | None:
    return None if value is ABSENT else ruleset.positions.get(path_text(path))


def _values(ruleset: Ruleset, *, styles: bool) -> dict[Path, Any]:
    """Every effective value by its path; mappings are followed, lists and scalars are values.

    `styles`: one of the rulesets has no endpoints of its own; what it holds ready for them is compared as it stands.
    """
    found: dict[Path, Any] = {}
    for section in (*_AS_WRITTEN, *(_READY if styles and ruleset.kind == "protocol" else ())):
        found.update(_flat((section,), ruleset.document.get(section) or {}))
    for name, response in ruleset.responses.items():
        found.update(_flat(("responses", name), _response(response)))
    for paramcd, endpoint in ruleset.endpoints.items():
        stated = {
            "kind": endpoint.kind, "label": endpoint.label, "response": endpoint.response,
            "schedule": None if endpoint.schedule is None else _schedule(endpoint.schedule), "options": endpoint.options,
        }  # fmt: skip
        found.update(_flat(("endpoints", paramcd), stated))
    for section in ("adverse_events", "labs"):
        graded: GradedRecords | None = getattr(ruleset, section)
        if graded is not None:
            found.update(_flat((section,), _graded(graded)))
    for section in ("analyses", "covariates", "weights"):
        for name, definition in getattr(ruleset, section).items():
            parts = {part.name: getattr(definition, part.name) for part in fields(definition)}
            found.update(_flat((section, name), {key: parts[key] for key in parts if key not in ("name", "position")}))
    if ruleset.kind != "protocol":
        found.update(
            _flat((), {key: ruleset.document[key] for key in ruleset.document if key not in ("id", "title", "extends")})
        )
    # A key without a value is no statement: whether it is there or not means the same.
    return {path: value for path, value in found.items() if value is not None}


def _flat(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat((*path, str(key)), item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield path, list(value)
    elif not isinstance(value, Mapping):
        yield path, value


def _response(response: ResponseDefinition) -> dict[str, Any]:
    rules = response.rules
    stated: dict[str, Any] = {
        "source": response.source, "collected_as": response.collected_as, "assessor": response.assessor, "reader": response.reader,
    }  # fmt: skip
    if rules is not None:
        stated |= {"criterion": rules.ruleset, "plugin": rules.criterion, "options": rules.options}
    return stated


def _schedule(schedule: Schedule) -> dict[str, Any]:
    segments = [
        f"every {one.every} days" + ("" if one.until is None else f" until day {one.until}")
        for one in schedule.segments
    ]
    return {"segments": segments, "early": schedule.early, "late": schedule.late, "anchor": schedule.anchor}


def _graded(graded: GradedRecords) -> dict[str, Any]:
    return {
        "grading": graded.rules.ruleset, "window": graded.window, "options": graded.options, "settings": graded.settings,
        "rules": graded.rules.document,
    }  # fmt: skip
