"""Tumour response told: each stream of responses, the criterion behind it, and where it deviates from the published one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules_engine.describe.language import capitalised, joined
from rules_engine.describe.places import Places
from rules_engine.describe.statements import Statement, tell
from rules_engine.errors import RulesEngineError
from rules_engine.loading import load_criterion_rules
from rules_engine.model import CriterionRules, ResponseDefinition, Ruleset
from rules_engine.pages import Block, Bullets, Cell, Paragraph, Row, SubHeading, Table, heading, words
from rules_engine.registry import Registry

OTHER = "Further values"


def response_blocks(ruleset: Ruleset, registry: Registry, places: Places) -> list[Block]:
    """Every stream, then the values of the criteria together."""
    blocks: list[Block] = []
    for name, response in ruleset.responses.items():
        blocks += [SubHeading(_label(ruleset, name), tag=name), Paragraph(" ".join(_source(response, registry)))]
        if response.rules is not None:
            deviations = list(_deviations(name, response.rules, registry, places))
            if deviations:
                blocks += [Paragraph("", lead="Deviations from the published criterion:"), Bullets(deviations)]
            else:
                blocks.append(Paragraph("No value deviates from the published criterion."))
    values = criteria_blocks(ruleset, registry, places)
    return [*blocks, SubHeading("Values of the criteria"), *values] if values else blocks


def criteria_blocks(ruleset: Ruleset, registry: Registry, places: Places) -> list[Block]:
    """The values of all criteria that responses are derived by, together."""
    derived = {name: one.rules for name, one in ruleset.responses.items() if one.rules is not None}
    return [values_table(derived, registry, places)] if derived else []


def response_table(ruleset: Ruleset, registry: Registry, places: Places) -> Table | None:
    """One row per stream of responses: where it comes from, whose reading, and what deviates from the criterion."""
    if not ruleset.responses:
        return None
    rows = []
    for name, response in ruleset.responses.items():
        deviations = [] if response.rules is None else list(_deviations(name, response.rules, registry, places))
        source, *reading = _source(response, registry)
        cells = [words(source), words(" ".join(reading)), words(" ".join(deviations) or "–")]
        rows.append(Row(heading(name), cells))
    return Table("Timepoint responses", ["Name", "Source", "Reading", "Deviations from the published criterion"], rows)


def _label(ruleset: Ruleset, name: str) -> str:
    stated = (ruleset.document.get("responses") or {}).get(name) or {}
    return str(stated.get("label") or "Timepoint responses")


def _source(response: ResponseDefinition, registry: Registry) -> Iterator[str]:
    rules = response.rules
    if rules is None:
        yield f"Timepoint responses are taken as collected under the criterion “{response.collected_as}”."
    else:
        title = rules.document.get("title") or rules.ruleset
        reference = rules.document.get("reference")
        told = f" ({str(reference).rstrip('.')})" if reference else ""
        tables = registry.criteria.require(rules.criterion).tables
        source = joined([f"table {need.table}" for need in tables]) if tables else "lesions"
        yield f"Timepoint responses are derived from the {source} by {title}{told}; ruleset {rules.ruleset}."
    whose = [
        f"{word} “{name}”" for word, name in (("assessor", response.assessor), ("reader", response.reader)) if name
    ]
    yield f"Readings of the {joined(whose)} are used." if whose else "All readings are used."


def _deviations(name: str, rules: CriterionRules, registry: Registry, places: Places) -> Iterator[str]:
    """Values that differ from the ruleset that the protocol names, or from the published one that it is built on."""
    published = _published(rules, registry)
    schema = registry.criteria.require(rules.criterion).options_schema
    for statement in tell(rules.options, schema):
        stated = _stated_value(rules.document, statement.path)
        original = published.options.get(statement.path, stated) if published is not None else stated
        if statement.value == original:
            continue
        before = next(
            one for one in tell({**rules.options, statement.path: original}, schema) if one.path == statement.path
        )
        place = places.of("responses", name, "options", statement.path)
        where = f" [{place}]" if place else ""
        yield f"{statement.title}: {statement.shown} in place of {before.shown}. {statement.sentence}{where}"


def _published(rules: CriterionRules, registry: Registry) -> CriterionRules | None:
    """The criterion as it is published: the installed ruleset that has the criterion's own name."""
    try:
        return load_criterion_rules(rules.criterion, registry=registry)
    except RulesEngineError:
        return None


def _stated_value(document: Mapping[str, Any], key: str) -> Any:
    return ((document.get("values") or {}).get(key) or {}).get("value")


def about_value(rules: CriterionRules, key: str) -> Mapping[str, Any]:
    """What the criterion's ruleset says of a value (reference, interpretation); nothing where it was changed."""
    about: Mapping[str, Any] = (rules.document.get("values") or {}).get(key) or {}
    return about if about.get("value") == rules.options.get(key) else {}


def values_table(derived: Mapping[str, CriterionRules], registry: Registry, places: Places) -> Table:
    """Every value in force by part: the rule in words, its source, and the responses that it holds for."""
    told: dict[str, dict[tuple[str, str, str], list[str]]] = {}
    titles: dict[tuple[str, str, str], Statement] = {}
    order: dict[str, int] = {}
    for name, rules in derived.items():
        for one in tell(rules.options, registry.criteria.require(rules.criterion).options_schema):
            key = (one.path, one.sentence, _source_of(rules, one.path, places, name))
            told.setdefault(one.part or OTHER, {}).setdefault(key, []).append(name)
            titles[key] = one
            order.setdefault(one.path, len(order))
    rows: list[Row] = []
    for part, entries in told.items():
        rows.append(Row(heading(part)))
        for key, names in sorted(entries.items(), key=lambda item: order[item[0][0]]):
            one = titles[key]
            effect = "" if one.in_effect else " (without effect here)"
            cells = [words(f"{one.sentence}{effect}"), words(key[2] or "–")]
            if len(derived) > 1:
                cells.append(words("all" if len(names) == len(derived) else ", ".join(names)))
            rows.append(Row(Cell(one.title, numeric=False), cells))
    columns = ["Rule", "In force", "Source", *(["Responses"] if len(derived) > 1 else [])]
    return Table("", columns, rows)


def _source_of(rules: CriterionRules, key: str, places: Places, response: str) -> str:
    about = about_value(rules, key)
    if about:
        return str(about.get("reference") or "")
    return places.of("responses", response, "options", key) or ""


def interpretations(derived: Mapping[str, CriterionRules], registry: Registry) -> Iterator[str]:
    """The readings that were taken where the publication of a criterion is silent."""
    seen: dict[tuple[str, str], list[str]] = {}
    for name, rules in derived.items():
        for one in tell(rules.options, registry.criteria.require(rules.criterion).options_schema):
            said = about_value(rules, one.path).get("interpretation")
            if said:
                seen.setdefault((one.title, str(said)), []).append(name)
    for (title, said), names in seen.items():
        where = "" if len(names) == len(derived) else f" [{', '.join(names)}]"
        yield f"{capitalised(title)}: {said}{where}"


def criterion_blocks(rules: CriterionRules, registry: Registry, places: Places) -> Sequence[Block]:
    """A criterion's own ruleset."""
    return [values_table({rules.ruleset: rules}, registry, places)]
