"""What a protocol says of each parameter of the data sets, as plain texts: the derivations of a define.xml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules_engine.describe.endpoints import ToldEndpoint, ToldEndpoints
from rules_engine.describe.places import Places
from rules_engine.describe.responses import response_table
from rules_engine.describe.safety import safety_blocks
from rules_engine.model import Ruleset
from rules_engine.pages import Bullets
from rules_engine.registry import Registry


@dataclass(frozen=True)
class Derivations:
    """Texts by PARAMCD of an endpoint, by name of a response stream, and of the graded sections by their name."""

    endpoints: Mapping[str, str]
    responses: Mapping[str, str]
    sections: Mapping[str, str]


def derivations(ruleset: Ruleset, registry: Registry) -> Derivations:
    """The same words as in the description of the ruleset, each text complete in itself."""
    told = ToldEndpoints.of(ruleset, registry)
    return Derivations(
        endpoints={one.paramcd: _endpoint(one) for one in told.endpoints},
        responses=_responses(ruleset, registry),
        sections=_sections(ruleset, registry),
    )


def _endpoint(one: ToldEndpoint) -> str:
    """Definition, table of events and censoring in order of precedence, and every rule in force that has a sentence."""
    lines = list(one.text.definition) if one.text is not None else [f"{one.kind.title.rstrip('.')}."]
    if one.definition.response is not None:
        lines.append(f"Tumour assessments: responses “{one.definition.response}”.")
    if one.text is not None:
        for number, row in enumerate(one.text.situations, 1):
            told = [row.outcome, *(part for part in (row.date, row.reason) if part)]
            lines.append(f"{number}. {row.situation}: {'; '.join(told)}.")
        lines += one.text.notes
    lines += [statement.sentence for statement in one.sentences.values() if statement.sentence]
    return "\n".join(dict.fromkeys(lines))


def _responses(ruleset: Ruleset, registry: Registry) -> dict[str, str]:
    table = response_table(ruleset, registry, Places(ruleset))
    rows = table.rows if table is not None else ()
    return {
        row.heading.text: "\n".join(cell.text for cell in row.cells if cell.text and cell.text != "–") for row in rows
    }


def _sections(ruleset: Ruleset, registry: Registry) -> dict[str, str]:
    lists = [block for block in safety_blocks(ruleset, registry) if isinstance(block, Bullets)]
    present = [name for name in ("adverse_events", "labs") if getattr(ruleset, name) is not None]
    return {name: "\n".join(block.items) for name, block in zip(present, lists, strict=True)}
