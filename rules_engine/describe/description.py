"""A ruleset in plain English, as a statistical analysis plan would say it: a page that becomes Markdown, HTML or data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.describe.agreement import agreement_blocks
from rules_engine.describe.analyses import analysis_blocks
from rules_engine.describe.assumptions import assumption_blocks
from rules_engine.describe.endpoints import ToldEndpoints
from rules_engine.describe.gradings import grading_sections
from rules_engine.describe.inventory import in_force, inventory_table
from rules_engine.describe.language import plain
from rules_engine.describe.places import Places
from rules_engine.describe.responses import (
    criteria_blocks,
    criterion_blocks,
    interpretations,
    response_blocks,
    response_table,
)
from rules_engine.describe.safety import safety_blocks
from rules_engine.describe.study import estimand_blocks, parameter_blocks, schedule_blocks, study_blocks
from rules_engine.loading import load_criterion_rules
from rules_engine.model import Ruleset
from rules_engine.pages import (
    Block,
    Bullets,
    Folded,
    Page,
    Paragraph,
    Row,
    Section,
    SubHeading,
    Table,
    heading,
    render_html,
    render_markdown,
    words,
)
from rules_engine.registry import Registry, default_registry


@dataclass(frozen=True)
class Description:
    """A ruleset told. `str()` gives Markdown; `html()` one self-contained page that can be printed."""

    page: Page

    def __str__(self) -> str:
        return render_markdown(self.page)

    def markdown(self) -> str:
        """The description as Markdown."""
        return render_markdown(self.page)

    def html(self) -> str:
        """The description as one HTML page. Raises `UsageError` where jinja2 is not installed."""
        return render_html(self.page)


def describe_ruleset(ruleset: Ruleset, *, registry: Registry | None = None) -> Description:
    """Tell a ruleset of any kind in plain English; everything in it comes from the ruleset as resolved.

    `registry` must be the one that the ruleset was loaded with; by default what is installed. The same ruleset gives the same
    text: no clock, no data.
    """
    registry = registry or default_registry()
    sections = {"protocol": _protocol, "criterion": _criterion, "grading": _grading}[ruleset.kind](ruleset, registry)
    facts = _facts(ruleset)
    footer = (
        f"Ruleset {ruleset.id}, read from {', '.join(ruleset.files)}." if ruleset.files else f"Ruleset {ruleset.id}."
    )
    return Description(Page(ruleset.title, facts, sections, footer))


def definition_blocks(ruleset: Ruleset, registry: Registry) -> list[Block]:
    """What a protocol says, for a page that shows its results: the same words, folded so that the results stand out."""
    places = Places(ruleset)
    endpoints = ToldEndpoints.of(ruleset, registry)
    blocks: list[Block] = [endpoints.overview()]
    responses = response_table(ruleset, registry, places)
    if responses is not None:
        blocks.append(responses)
    folded = [
        ("Values of the response criteria", criteria_blocks(ruleset, registry, places)),
        ("Planned tumour assessments", schedule_blocks(endpoints)),
        ("Rules for all endpoints", _rules(endpoints)),
        *((f"{one.paramcd}: {one.definition.label}", endpoints.blocks(one)) for one in endpoints.endpoints),
        ("Adverse events and laboratory results", safety_blocks(ruleset, registry)),
        ("Analyses", analysis_blocks(ruleset, registry)),
        ("Agreement", agreement_blocks(ruleset)),
        ("Assumptions", assumption_blocks(ruleset, registry, in_force(ruleset, registry, endpoints), endpoints)),
    ]
    return [*blocks, *(Folded(summary, inner) for summary, inner in folded if inner)]


def _facts(ruleset: Ruleset) -> list[tuple[str, str]]:
    study = ruleset.document.get("study") or {}
    stated = {"Study": study.get("id"), "Protocol": study.get("protocol"), "Ruleset": ruleset.id}
    stated |= {"Reference": ruleset.document.get("reference"), "Version": ruleset.document.get("version")}
    stated |= {"Plugin": ruleset.document.get(ruleset.kind)}
    return [(label, str(value)) for label, value in stated.items() if value]


def _protocol(ruleset: Ruleset, registry: Registry) -> list[Section]:
    places = Places(ruleset)
    endpoints = ToldEndpoints.of(ruleset, registry)
    found = in_force(ruleset, registry, endpoints)
    return [
        Section("study", "Study", study_blocks(ruleset)),
        Section("estimand", "Estimand", estimand_blocks(ruleset, endpoints)),
        Section("schedule", "Planned tumour assessments", schedule_blocks(endpoints)),
        Section("parameters", "Parameters", parameter_blocks(ruleset)),
        Section("responses", "Tumour response", response_blocks(ruleset, registry, places)),
        Section("rules", "Rules for all endpoints", _rules(endpoints)),
        Section("endpoints", "Endpoints", _endpoints(ruleset, endpoints)),
        Section("safety", "Adverse events and laboratory results", safety_blocks(ruleset, registry)),
        Section("analyses", "Analyses", analysis_blocks(ruleset, registry)),
        Section("agreement", "Agreement", agreement_blocks(ruleset)),
        Section("assumptions", "Assumptions", assumption_blocks(ruleset, registry, found, endpoints)),
        Section("data", "Input tables", _data(ruleset)),
        Section("options", "Every option in force", _inventory(found, endpoints)),
    ]


def _rules(endpoints: ToldEndpoints) -> list[Block]:
    rules = endpoints.common_rules()
    if not rules or len(endpoints.endpoints) < 2:
        return rules
    return [
        Paragraph(
            "Unless an endpoint states otherwise below, the following holds. Endpoints in brackets are those that a rule "
            "concerns, where it does not concern all."
        ),
        *rules,
    ]


def _endpoints(ruleset: Ruleset, endpoints: ToldEndpoints) -> list[Block]:
    if not endpoints.endpoints:
        return []
    blocks: list[Block] = [endpoints.overview()]
    if not ruleset.endpoints:
        blocks.insert(0, Paragraph("The ruleset is a style: it defines endpoints for protocols that extend it."))
    for one in endpoints.endpoints:
        blocks += [SubHeading(one.definition.label, tag=one.paramcd), *endpoints.blocks(one)]
    return blocks


def _inventory(found: Mapping[str, list[Any]], endpoints: ToldEndpoints) -> list[Block]:
    blocks: list[Block] = []
    for title, entries in found.items():
        blocks.append(inventory_table(title, entries, endpoints if title == "Endpoints" else None))
    return blocks


def _data(ruleset: Ruleset) -> list[Block]:
    """How the study's own files become the input tables, as far as the ruleset says."""
    data: Mapping[str, Any] = ruleset.document.get("data") or {}
    if not data:
        return []
    blocks: list[Block] = []
    if data.get("layout"):
        blocks.append(Paragraph(f"The mapping starts from the layout “{data['layout']}”."))
    if data.get("encoding"):
        blocks.append(Paragraph(f"CSV files are read as {data['encoding']}."))
    rows = [
        Row(heading(f"Domain {name}"), [words(plain(files))]) for name, files in (data.get("domains") or {}).items()
    ]
    for table, parts in (data.get("tables") or {}).items():
        if not parts:
            rows.append(Row(heading(table), [words("not used")]))
            continue
        for part, stated in parts.items():
            rows.append(Row(heading(f"{table}, {part}"), [words("not used" if stated is None else plain(stated))]))
    return [*blocks, Table("", ["Table, part", "Mapping"], rows)] if rows else blocks


def _criterion(ruleset: Ruleset, registry: Registry) -> list[Section]:
    rules = load_criterion_rules(ruleset.document, registry=registry)
    told = list(interpretations({ruleset.id: rules}, registry))
    stated: Mapping[str, Any] = ruleset.document.get("rules") or {}
    rows = [
        Row(
            heading(name),
            [words(rule if isinstance(rule, str) else rule.get("text", plain(rule))), words(_reference(rule))],
        )
        for name, rule in stated.items()
    ]
    return [
        Section("values", "Values", criterion_blocks(rules, registry, Places(ruleset))),
        Section("decisions", "Rules", [Table("", ["Rule", "Says", "Source"], rows)] if rows else []),
        Section("assumptions", "Assumptions", [Bullets(told)] if told else []),
    ]


def _reference(rule: Any) -> str:
    return str(rule.get("reference", "–")) if isinstance(rule, Mapping) else "–"


def _grading(ruleset: Ruleset, registry: Registry) -> list[Section]:  # noqa: ARG001  (one form for all kinds)
    return grading_sections(ruleset.document)
