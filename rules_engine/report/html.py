"""Renders the page: sections to HTML through the template, which escapes everything that it is not told to trust."""

from __future__ import annotations

from pathlib import Path

from rules_engine.report.further_section import further_section
from rules_engine.report.glance_section import glance_tables
from rules_engine.report.page import Block, Figure, Folded, Paragraph, Preformatted, Section, SubHeading
from rules_engine.report.quality_section import provenance_section, quality_section
from rules_engine.report.response_section import response_section
from rules_engine.report.ruleset_text import endpoint_tables, overview_table, response_table, study_facts
from rules_engine.report.safety_section import safety_section
from rules_engine.report.subjects_section import subjects_section
from rules_engine.report.survival_section import survival_section
from rules_engine.report.tables import Estimates, Table
from rules_engine.report.view import ReportView

_HERE = Path(__file__).parent
_KINDS: dict[type, str] = {
    Table: "table",
    Figure: "figure",
    Preformatted: "preformatted",
    Folded: "folded",
    Paragraph: "paragraph",
    SubHeading: "heading",
}


def render_report(view: ReportView) -> str:
    """The page as one HTML text. The same view gives the same text: no clock, no network, no scripts.

    Raises `ImportError` where jinja2 is not installed (the extra `report` brings it).
    """
    # Imported where it is used, so that a run without a report needs no template engine.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["kind_of"] = lambda block: _KINDS[type(block)]
    estimates = Estimates.of(view.ard)
    template = environment.get_template("page.html.j2")
    return template.render(
        view=view,
        facts=study_facts(view),
        style=(_HERE / "style.css").read_text(encoding="utf-8"),
        sections=[section for section in _sections(view, estimates) if section.blocks],
    )


def _sections(view: ReportView, estimates: Estimates) -> list[Section]:
    return [
        Section("glance", "Results at a glance", glance_tables(view, estimates)),
        _ruleset_section(view),
        subjects_section(view),
        survival_section(view, estimates),
        response_section(view, estimates),
        further_section(view),
        safety_section(view),
        quality_section(view),
        provenance_section(view),
    ]


def _ruleset_section(view: ReportView) -> Section:
    """What the ruleset says."""
    responses = response_table(view)
    blocks: list[Block] = [overview_table(view)]
    blocks += [responses] if responses else []
    blocks += [Folded(table.caption, [table]) for table in endpoint_tables(view)]
    return Section("definitions", "Definitions", blocks)
