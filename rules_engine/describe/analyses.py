"""Analyses told: what is estimated for which endpoints, in which groups, with which options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules_engine.analysis.options import with_defaults
from rules_engine.describe.language import joined, plain, sentence, spoken
from rules_engine.describe.statements import Statement, tell
from rules_engine.model import AnalysisDefinition, Ruleset
from rules_engine.pages import Block, Bullets, Paragraph, Row, SubHeading, Table, heading, words
from rules_engine.registry import Registry

#: Keys of an analysis that its own sentences tell.
_TOLD = ("estimator", "endpoints", "by", "options", "label")
#: Options that the engine fills in where an analysis is by arm: key, and the key of `study`.
_OF_STUDY = {"group_order": "arms", "reference_group": "reference_arm"}


def analysis_blocks(ruleset: Ruleset, registry: Registry) -> list[Block]:
    """Every analysis under its name."""
    blocks: list[Block] = []
    for section, title in (("covariates", "Characteristics of the subjects"), ("weights", "Weights")):
        stated: Mapping[str, Any] = ruleset.document.get(section) or {}
        if stated:
            rows = [Row(heading(name), [words(plain(about))]) for name, about in stated.items()]
            blocks.append(Table(title, ["Name", "Definition"], rows))
    for name, analysis in ruleset.analyses.items():
        estimator = registry.estimators.require(analysis.estimator)
        label = ((ruleset.document.get("analyses") or {}).get(name) or {}).get("label")
        blocks.append(SubHeading(str(label or spoken(name).capitalize())))
        blocks.append(Paragraph(" ".join(_what(analysis, estimator.title, estimator.reference))))
        told = [
            one.sentence for one in analysis_statements(ruleset, analysis, registry) if one.in_effect and one.sentence
        ]
        told += _further(ruleset, name)
        if told:
            blocks.append(Bullets(told))
    return blocks


def analysis_statements(ruleset: Ruleset, analysis: AnalysisDefinition, registry: Registry) -> Sequence[Statement]:
    """A statement for each option of an analysis, with what the engine fills in from the study and the endpoints."""
    schema = registry.estimators.require(analysis.estimator).options_schema
    return tell(complete_options(ruleset, analysis, schema), schema)


def complete_options(ruleset: Ruleset, analysis: AnalysisDefinition, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an analysis as its estimator receives them."""
    known = schema.get("properties", {})
    given = dict(analysis.options)
    study: Mapping[str, Any] = ruleset.document.get("study") or {}
    if analysis.by == "arm":
        for key, of_study in _OF_STUDY.items():
            if key in known and study.get(of_study):
                given.setdefault(key, study[of_study])
    months = [
        ruleset.endpoints[name].options["days_per_month"]
        for name in analysis.endpoints
        if "days_per_month" in ruleset.endpoints[name].options
    ]
    if "days_per_month" in known and months:
        given.setdefault("days_per_month", months[0])
    return with_defaults(given, schema)


def _what(analysis: AnalysisDefinition, title: str, reference: str) -> Iterator[str]:
    yield sentence(f"{title} ({reference.rstrip('.')})")
    groups = f"by {spoken(analysis.by)}" if analysis.by is not None else "all subjects together"
    yield f"Endpoints: {joined(analysis.endpoints)}, {groups}."


def _further(ruleset: Ruleset, name: str) -> Iterator[str]:
    """What else the ruleset states of an analysis."""
    stated: Mapping[str, Any] = (ruleset.document.get("analyses") or {}).get(name) or {}
    for key, value in stated.items():
        if key not in _TOLD:
            yield sentence(f"{spoken(key).capitalize()}: {plain(value)}")
