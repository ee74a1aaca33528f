"""Assumptions told: every reading that was taken where a source is silent, every remark, every default in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules_engine.describe.endpoints import ToldEndpoints
from rules_engine.describe.inventory import InForce, defaults_table
from rules_engine.describe.language import capitalised, plain, sentence, spoken
from rules_engine.describe.responses import interpretations
from rules_engine.describe.safety import SECTIONS
from rules_engine.model import Ruleset
from rules_engine.pages import Block, Bullets, Paragraph, SubHeading
from rules_engine.registry import Registry

#: Keys under which a ruleset states a reading or a remark.
_REMARKS = ("interpretation", "note")


def assumption_blocks(
    ruleset: Ruleset, registry: Registry, found: Mapping[str, list[InForce]], endpoints: ToldEndpoints
) -> list[Block]:
    """Interpretations of endpoints, criteria and gradings, remarks of the ruleset, and the defaults in force."""
    derived = {name: one.rules for name, one in ruleset.responses.items() if one.rules is not None}
    blocks: list[Block] = []
    for title, told in (
        ("Readings of this ruleset", list(_of_document(ruleset.document))),
        ("Remarks on its parts", list(_of_parts(ruleset))),
        ("Readings of the response criteria", list(interpretations(derived, registry))),
        ("Readings of the gradings", list(_of_gradings(ruleset))),
    ):
        if told:
            blocks += [SubHeading(title), Bullets(told)]
    by_default = defaults_table(found, endpoints)
    blocks.append(SubHeading("Defaults in force"))
    if by_default.rows:
        blocks += [Paragraph("No file states the following values; they are the defaults of the engine."), by_default]
    else:
        blocks.append(Paragraph("None: every value that changes something is stated in a file."))
    return blocks


def _of_document(document: Mapping[str, Any]) -> Iterator[str]:
    for key in _REMARKS:
        yield from _remarks(document.get(key))


def _remarks(said: Any, prefix: str = "") -> Iterator[str]:
    """A text, a list of texts or texts by name, as sentences."""
    if isinstance(said, Mapping):
        for value in said.values():
            yield from _remarks(value, prefix)
    elif isinstance(said, list):
        for value in said:
            yield from _remarks(value, prefix)
    elif said is not None:
        yield f"{prefix}{sentence(plain(said))}"


def _of_parts(ruleset: Ruleset) -> Iterator[str]:
    """Remarks beside an endpoint, a definition, a response, an analysis or the grading."""
    for section in ("responses", "definitions", "endpoints", "analyses", "agreement"):
        if section == "definitions" and not ruleset.definitions:
            continue
        for name, stated in (ruleset.document.get(section) or {}).items():
            for key in (*_REMARKS, *(("reference",) if section in ("endpoints", "definitions") else ())):
                label = f"{name}, {spoken(key)}: " if key == "reference" else f"{name}: "
                yield from _remarks(stated.get(key), label)
    for section, title in SECTIONS.items():
        yield from _remarks((ruleset.document.get(section) or {}).get("note"), f"{title}: ")


def _of_gradings(ruleset: Ruleset) -> Iterator[str]:
    seen: dict[str, Mapping[str, Any]] = {}
    for section in SECTIONS:
        graded = getattr(ruleset, section)
        if graded is not None:
            seen[graded.rules.ruleset] = graded.rules.document
    for document in seen.values():
        yield from _of_document(document)
        for key, part in document.items():
            if isinstance(part, Mapping) and part.get("interpretation"):
                yield from _remarks(part["interpretation"], f"{capitalised(spoken(key))}: ")
