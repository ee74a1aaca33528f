"""The study and its estimand told: who, what against what, which events on the way are handled how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules_engine.describe.endpoints import ToldEndpoints
from rules_engine.describe.language import capitalised, joined, plain, spoken, with_unit
from rules_engine.describe.schedules import schedule_sentences
from rules_engine.loading import STRATEGIES
from rules_engine.model import Ruleset
from rules_engine.pages import Block, Bullets, Paragraph, Row, Table, heading, words

_STUDY_TITLES = {
    "id": "Study", "data_cutoff": "Data cut-off", "reference_arm": "Reference arm", "horizons_months": "Follow-up horizons",
    "registration": "Registration", "protocol": "Protocol or analysis plan",
}  # fmt: skip


def study_facts(ruleset: Ruleset) -> list[tuple[str, str]]:
    """Heading and text of the facts at the top of a page."""
    study, estimand = ruleset.document.get("study") or {}, ruleset.document.get("estimand") or {}
    facts = [
        ("Study", study.get("id")),
        ("Design", study.get("design")),
        ("Population", estimand.get("population") or study.get("population")),
        ("Treatment", estimand.get("treatment")),
        ("Summary measure", estimand.get("summary")),
        ("Intercurrent events", _intercurrent(estimand.get("intercurrent_events") or {})),
        ("Ruleset", ruleset.id),
    ]
    return [(label, str(text)) for label, text in facts if text]


def _intercurrent(events: Mapping[str, Any]) -> str:
    return "; ".join(f"{spoken(name)}: {spoken(str(way))}" for name, way in events.items())


def study_blocks(ruleset: Ruleset) -> list[Block]:
    """The section `study` as a table."""
    study: Mapping[str, Any] = ruleset.document.get("study") or {}
    rows = []
    for key, value in study.items():
        if key == "horizons_months":
            told = "; ".join(f"{name}: {with_unit(months, 'months')}" for name, months in value.items())
            told += " (for the text of the report; nothing is truncated)"
        elif isinstance(value, list):
            told = joined([str(item) for item in value])
        else:
            told = plain(value)
        rows.append(Row(heading(_STUDY_TITLES.get(key, capitalised(spoken(key)))), [words(told)]))
    return [Table("", ["Item", "Study"], rows)] if rows else []


def estimand_blocks(ruleset: Ruleset, endpoints: ToldEndpoints) -> list[Block]:
    """The attributes of the estimand (ICH E9(R1)), and what the rules do with each intercurrent event."""
    estimand: Mapping[str, Any] = ruleset.document.get("estimand") or {}
    if not estimand:
        return []
    attributes = [
        (title, estimand.get(key))
        for key, title in (
            ("population", "Population"),
            ("treatment", "Treatment condition"),
            ("variable", "Variable"),
            ("summary", "Population-level summary"),
            ("note", "Note"),
        )
    ]
    attributes = [
        (title, told or ("the endpoints below" if title == "Variable" else None)) for title, told in attributes
    ]
    rows = [Row(heading(title), [words(told)]) for title, told in attributes if told]
    blocks: list[Block] = [Table("Attributes", ["Attribute", "Estimand"], rows)]
    events: Mapping[str, Any] = estimand.get("intercurrent_events") or {}
    if events:
        blocks.append(_intercurrent_table(events, endpoints))
    else:
        blocks.append(Paragraph("No strategy for intercurrent events is stated."))
    return blocks


def _intercurrent_table(events: Mapping[str, Any], endpoints: ToldEndpoints) -> Table:
    rows = []
    for name, strategy in events.items():
        meaning = STRATEGIES.get(str(strategy), "")
        told = f"{capitalised(spoken(str(strategy)))}: {meaning}".rstrip(": ")
        handled = "; ".join(_handled(name, endpoints)) or "–"
        rows.append(Row(heading(capitalised(_event_name(name, endpoints))), [words(told), words(handled)]))
    return Table("Intercurrent events", ["Event", "Strategy", "What the rules do"], rows)


def _event_name(name: str, endpoints: ToldEndpoints) -> str:
    titles = [one.title for told in endpoints.endpoints for one in told.statements if one.path == name]
    return titles[0] if titles else spoken(name)


def _handled(name: str, endpoints: ToldEndpoints) -> Iterator[str]:
    """What the option of the same name says in the endpoints, grouped by what it says."""
    found: dict[str, list[str]] = {}
    for one in endpoints.endpoints:
        statement = one.sentences.get(name)
        if statement is not None:
            found.setdefault(statement.shown, []).append(one.paramcd)
    for shown, names in found.items():
        yield f"{shown} ({endpoints.called(names)})"


def parameter_blocks(ruleset: Ruleset) -> list[Block]:
    """The parameters of a protocol: value with unit, what it is, and the options that refer to it."""
    declared: Mapping[str, Any] = ruleset.document.get("parameters") or {}
    rows = [
        Row(
            heading(one.name),
            [
                words(with_unit(one.value, one.unit) if _is_number(one.value) else plain(one.value)),
                words(f"{one.description or '–'}{_limits(declared.get(one.name) or {})}"),
                words(", ".join(one.used_by) or "nothing"),
                words(one.position.line_text if one.position is not None else "–"),
            ],
        )
        for one in ruleset.parameters.values()
    ]
    return [Table("", ["Parameter", "Value", "What it is", "Used by", "Stated at"], rows)] if rows else []


def _limits(declared: Mapping[str, Any]) -> str:
    """What else may be set, in words."""
    if declared.get("choices"):
        return f" It may be {joined([plain(one) for one in declared['choices']], 'or')}."
    lowest, highest = declared.get("minimum"), declared.get("maximum")
    if lowest is None and highest is None:
        return ""
    bounds = [f"at least {plain(lowest)}"] if lowest is not None else []
    bounds += [f"at most {plain(highest)}"] if highest is not None else []
    return f" It may be {joined(bounds)}."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def schedule_blocks(endpoints: ToldEndpoints) -> list[Block]:
    """The planned assessments of the endpoints."""
    schedules = {one.definition.schedule: one for one in endpoints.endpoints if one.definition.schedule is not None}
    if not schedules:
        return []
    blocks: list[Block] = []
    for schedule in schedules:
        names = [one.paramcd for one in endpoints.endpoints if one.definition.schedule == schedule]
        told = schedule_sentences(schedule)
        if len(schedules) > 1:
            blocks.append(Paragraph("", lead=f"{capitalised(endpoints.called(names))}:"))
        blocks.append(Bullets(told))
    return blocks
