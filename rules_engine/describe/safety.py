"""Adverse events and laboratory results told: grading, window, baseline, what counts as emergent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules_engine.describe.language import capitalised, plain, sentence, spoken, with_unit
from rules_engine.describe.statements import Statement, tell
from rules_engine.grading.wording import EVENTS, LABS
from rules_engine.model import GradedRecords, Ruleset
from rules_engine.pages import Block, Bullets, SubHeading
from rules_engine.registry import Registry

#: Heading of each section, in which options of the other one change nothing.
SECTIONS = {"adverse_events": EVENTS, "labs": LABS}


def safety_blocks(ruleset: Ruleset, registry: Registry) -> list[Block]:
    """Both sections, as far as the ruleset has them."""
    blocks: list[Block] = []
    for section, title in SECTIONS.items():
        graded: GradedRecords | None = getattr(ruleset, section)
        if graded is None:
            continue
        told = [*_grading(graded), _window(graded.window, section)]
        told += [one.sentence for one in graded_statements(section, graded, registry) if one.in_effect and one.sentence]
        told += _settings(graded.settings)
        blocks += [SubHeading(title), Bullets(told)]
    return blocks


def graded_statements(section: str, graded: GradedRecords, registry: Registry) -> list[Statement]:
    """A statement for each option of the grading; those of the other section are without effect."""
    others = [title for name, title in SECTIONS.items() if name != section]
    schema = registry.gradings.require(graded.rules.grading).options_schema
    return [
        Statement(one.path, one.title, one.part, one.value, one.shown, one.sentence, in_effect=False)
        if one.part in others
        else one
        for one in tell(graded.options, schema)
    ]


def _grading(graded: GradedRecords) -> Iterator[str]:
    document = graded.rules.document
    title = document.get("title") or graded.rules.ruleset
    yield f"Grades follow {title} (ruleset {graded.rules.ruleset})."


def _window(window: Mapping[str, Any], section: str) -> str:
    """The days that count, as `grading.derive_context` reads them; of laboratory results its end alone is asked."""
    last = spoken(str(window.get("to", "end_of_study")))
    ends = ["the data cut-off", "death"]
    if last not in ("cutoff", "data cutoff"):
        ends.insert(0, f"the {last}" if last.startswith("end") else last)
    if window.get("cut_at_new_therapy"):
        ends.insert(0, "the day before the first anticancer therapy outside the regimen")
    if window.get("days_after") is not None:
        ends.insert(0, f"{with_unit(int(window['days_after']), 'days')} after the last treatment")
    end = f"the earliest of {', '.join(ends[:-1])} and {ends[-1]}"
    if section == "labs":
        return f"Results count up to {end}."
    first = spoken(str(window.get("from", "first_component")))
    first = f"the start of the {first}" if first.endswith("component") else f"the day of {first}"
    return f"Events count that start, or worsen, in the window from {first} to {end}."


def _settings(settings: Mapping[str, Any]) -> Sequence[str]:
    return [sentence(f"{capitalised(spoken(key))}: {plain(value)}") for key, value in settings.items()]
