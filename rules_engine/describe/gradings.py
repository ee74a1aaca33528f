"""A grading ruleset told: the cut-offs of each term by unit, the terms of the dictionary, and everything else that it states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules_engine.describe.language import capitalised, joined, number, plain, spoken
from rules_engine.pages import Block, Bullets, Cell, Paragraph, Row, Section, Table, heading, words

_LIMITS = {"uln": "ULN", "lln": "LLN", "baseline": "baseline", "mi_cutoff": "level of infarction"}
_WHEN = {"any": "any baseline"}
_HEADER = (
    "rules_engine",
    "id",
    "kind",
    "title",
    "reference",
    "extends",
    "grading",
    "version",
    "interpretation",
    "note",
)
_GRADES = (1, 2, 3, 4, 5)


def grading_sections(document: Mapping[str, Any]) -> list[Section]:
    """A grading of cut-offs and terms; a grading of another form is told key by key."""
    thresholds = document.get("thresholds")
    terms = document.get("terms")
    sections = []
    if isinstance(thresholds, list):
        sections.append(Section("cutoffs", "Cut-offs", list(_cutoff_blocks(thresholds, document.get("notes") or {}))))
    if isinstance(terms, Mapping):
        sections.append(Section("terms", "Terms", [_terms_table(terms)]))
    told = {"thresholds", "terms", "notes"} if sections else set()
    rest = {key: value for key, value in document.items() if key not in _HEADER and key not in told}
    if rest:
        sections.append(Section("further", "Further content", list(_rest(rest))))
    return sections


def _cutoff_blocks(thresholds: list[Mapping[str, Any]], notes: Mapping[str, str]) -> Iterator[Block]:
    yield Paragraph(
        "ULN and LLN are the upper and lower limits of normal. Several cut-offs of one grade are alternatives; where a result "
        "meets several grades, the highest holds."
    )
    grades = [grade for grade in _GRADES if any(cut["grade"] == grade for one in thresholds for cut in _cuts(one))]
    rows = []
    used: dict[str, None] = {}
    for one in thresholds:
        variant = f", {one['variant']}" if one.get("variant") else ""
        rows.append(Row(heading(f"{one['term']}{variant} ({one['analyte']}, {one['direction']})")))
        for unit, cuts in one["cutoffs"].items():
            cells = [words("; ".join(_cutoff(cut) for cut in cuts if cut["grade"] == grade) or "–") for grade in grades]
            remarks = dict.fromkeys(key for part in (one, *cuts) for key in _notes_of(part))
            used |= remarks
            sources = dict.fromkeys(source for part in (one, *cuts) for source in part.get("sources", ()))
            agreements = dict.fromkeys(str(part["agreement"]) for part in (one, *cuts) if part.get("agreement"))
            provenance = ", ".join([*map(str, sources), *agreements, *remarks])
            rows.append(Row(Cell(str(unit), numeric=False, indent=1), [*cells, words(provenance)]))
    yield Table("", ["Term, unit", *(f"Grade {grade}" for grade in grades), "Source, remarks"], rows)
    if notes:
        yield Bullets([f"{key}: {text}" for key, text in notes.items()])


def _cuts(threshold: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for cuts in threshold["cutoffs"].values():
        yield from cuts


def _notes_of(part: Mapping[str, Any]) -> list[str]:
    return [str(part[key]) for key in ("note", "source_note") if part.get(key)]


def _cutoff(cut: Mapping[str, Any]) -> str:
    """`from 80 to below 100`, `above 3 × ULN`, with the condition under which it holds."""
    bounds = []
    for key, word in (
        ("from", "from"),
        ("above", "above"),
        ("to", "up to"),
        ("below", "below"),
        ("and_above", "above"),
    ):
        if key in cut:
            bounds.append(f"{word} {_bound(cut[key])}")
    told = joined(bounds)
    if "change_from" in cut:
        told = f"change from {_LIMITS.get(cut['change_from'], cut['change_from'])} {told}"
    if "percent_change_from" in cut:
        told = f"change from {_LIMITS.get(cut['percent_change_from'], cut['percent_change_from'])} in % {told}"
    if cut.get("when"):
        told = f"{told} ({_WHEN.get(cut['when'], spoken(cut['when']))})"
    told += "".join(f", {word} {cut[word]}" for word in ("and", "or") if cut.get(word))
    return f"{told} [{cut['arm']}]" if cut.get("arm") else told


def _bound(bound: Any) -> str:
    if isinstance(bound, Mapping):
        ((limit, multiple),) = bound.items()
        name = _LIMITS.get(limit, str(limit))
        return name if multiple == 1 else f"{number(multiple)} × {name}"
    return number(bound)


def _terms_table(terms: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        Row(heading(soc), [words("; ".join(f"{term} ({_grades(grades)})" for term, grades in of_soc.items()))])
        for soc, of_soc in terms.items()
    ]
    return Table("Terms and the grades that exist", ["System organ class", "Terms"], rows)


def _grades(grades: Any) -> str:
    if isinstance(grades, Mapping):
        return f"{', '.join(str(grades['grades']))}; unclear {', '.join(str(grades['unclear']))}"
    return ", ".join(str(grades))


def _rest(document: Mapping[str, Any]) -> Iterator[Block]:
    for key, value in document.items():
        title = capitalised(spoken(str(key)))
        if isinstance(value, Mapping):
            rows = [Row(heading(str(name)), [words(plain(item))]) for name, item in value.items()]
            yield Table(title, ["Item", "Value"], rows)
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            yield Table(
                title, ["No.", "Value"], [Row(heading(n), [words(plain(item))]) for n, item in enumerate(value, 1)]
            )
        else:
            yield Paragraph(plain(value), lead=f"{title}:")
