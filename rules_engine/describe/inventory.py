"""Every option in force as a list: its value as the ruleset would write it, in words, where it was stated, and for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules_engine.describe.analyses import analysis_statements
from rules_engine.describe.endpoints import ToldEndpoints
from rules_engine.describe.places import Places
from rules_engine.describe.safety import SECTIONS, graded_statements
from rules_engine.describe.statements import Statement, tell
from rules_engine.loading import flow
from rules_engine.model import Ruleset
from rules_engine.pages import Row, Table, heading, words
from rules_engine.registry import Registry

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class InForce:
    """One option of one thing (an endpoint, a response, an analysis …): its statement, and where it was stated."""

    owner: str
    statement: Statement
    place: str | None

    @property
    def value(self) -> str:
        """The value as YAML."""
        return flow(self.statement.value)


def in_force(ruleset: Ruleset, registry: Registry, endpoints: ToldEndpoints) -> dict[str, list[InForce]]:
    """Every option of a protocol, by section."""
    places = Places(ruleset)
    section = "endpoints" if ruleset.endpoints else "definitions"
    found: dict[str, list[InForce]] = {}
    for told in endpoints.endpoints:
        for one in told.statements:
            place = places.of(section, told.paramcd, "options", one.path)
            found.setdefault("Endpoints", []).append(InForce(told.paramcd, one, place))
    for name, response in ruleset.responses.items():
        if response.rules is not None:
            schema = registry.criteria.require(response.rules.criterion).options_schema
            for one in tell(response.rules.options, schema):
                place = places.of("responses", name, "options", one.path)
                found.setdefault("Responses", []).append(InForce(name, one, place))
    for key, title in SECTIONS.items():
        graded = getattr(ruleset, key)
        if graded is not None:
            for one in graded_statements(key, graded, registry):
                found.setdefault(title, []).append(InForce(key, one, places.of(key, "options", one.path)))
    for name, analysis in ruleset.analyses.items():
        for one in analysis_statements(ruleset, analysis, registry):
            place = places.of("analyses", name, "options", one.path)
            found.setdefault("Analyses", []).append(InForce(name, one, place or _filled_in(one, ruleset)))
    return found


def _filled_in(one: Statement, ruleset: Ruleset) -> str | None:
    """Options of an analysis that come from the study or the endpoints."""
    study = ruleset.document.get("study") or {}
    if one.path == "group_order" and one.value == study.get("arms"):
        return "study.arms"
    if one.path == "reference_group" and one.value == study.get("reference_arm"):
        return "study.reference_arm"
    return "the endpoint" if one.path == "days_per_month" else None


def inventory_table(title: str, entries: list[InForce], endpoints: ToldEndpoints | None = None) -> Table:
    """One row per option and value, with everything that has it."""
    owners = list(dict.fromkeys(entry.owner for entry in entries))
    grouped: dict[tuple[str, str, str, str], list[InForce]] = {}
    for entry in entries:
        key = (entry.statement.path, entry.value, entry.statement.shown, entry.place or DEFAULT)
        grouped.setdefault(key, []).append(entry)
    order = {path: number for number, path in enumerate(dict.fromkeys(entry.statement.path for entry in entries))}
    rows = []
    for (path, value, shown, place), of_value in sorted(grouped.items(), key=lambda item: order[item[0][0]]):
        names = [entry.owner for entry in of_value]
        idle = [entry.owner for entry in of_value if not entry.statement.in_effect]
        told = shown if shown != value else ""
        if idle:
            without = "without effect" + ("" if idle == names else f" for {_called(idle, endpoints)}")
            told = f"{told}; {without}" if told else without
        for_what = "all" if len(names) == len(owners) else _called(names, endpoints)
        rows.append(Row(heading(path), [words(value), words(told), words(for_what), words(place)]))
    return Table(title, ["Option", "Value", "In words", "For", "Stated at"], rows)


def _called(names: Sequence[str], endpoints: ToldEndpoints | None) -> str:
    return endpoints.called(names) if endpoints is not None else ", ".join(names)


def defaults_table(found: Mapping[str, list[InForce]], endpoints: ToldEndpoints) -> Table:
    """Defaults in force that change something, with what they hold for."""
    told: dict[tuple[str, str, str], list[str]] = {}
    for section, entries in found.items():
        for entry in entries:
            one = entry.statement
            if entry.place is None and one.in_effect:
                sentence = one.sentence or f"{one.title}: {one.shown}."
                told.setdefault((section, one.path, sentence), []).append(entry.owner)
    rows = []
    for (section, path, sentence), names in told.items():
        owners = {entry.owner for entry in found[section]}
        every = len(names) == len(owners)
        whose = "all" if every else _called(names, endpoints if section == "Endpoints" else None)
        rows.append(Row(heading(path), [words(sentence), words(f"{section}: {whose}")]))
    return Table("", ["Option", "In force", "For"], rows)
