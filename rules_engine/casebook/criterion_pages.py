"""The page of a criterion ruleset: values, options, truth table, rules and cases, for people who read no YAML.

    python -m rules_engine.casebook.criterion_pages rulesets/

writes `README.md` beside every `ruleset.yaml` of kind `criterion` below the folder. Everything on a page is computed: the values from the
ruleset as resolved, the alternatives from the schema of the plugin, and the truth table from lesions that the criterion judges.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine.casebook.table_pages import is_truth_table, table_case, tables_read, truth_tables
from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema
from rules_engine.loading import load_criterion_rules, load_ruleset, read_document
from rules_engine.model import CriterionRules
from rules_engine.pages import Block, Page, Paragraph, Row, Section, SubHeading, Table, heading, render_markdown, words
from rules_engine.registry import Registry, default_registry
from rules_engine.vocabulary import Criterion

FILE = "README.md"
TARGETS = ("CR", "PR", "SD", "PD", "NE", "NA")
NONTARGETS = ("CR", "NON-CR/NON-PD", "PD", "NE", "NA")
#: Sizes that make each target response from a baseline of 200 mm under any usual thresholds.
_SIZES = {"CR": 0, "PR": 20, "SD": 200, "PD": 480}
_STATUSES = {"CR": "absent", "NON-CR/NON-PD": "present", "PD": "unequivocal", "NE": "ne"}
_DAYS = (date(2024, 1, 1), date(2024, 3, 1))


def criterion_page(folder: Path, registry: Registry) -> Page:
    """The page of the criterion ruleset in this folder, with its worked cases."""
    ruleset = load_ruleset(folder / "ruleset.yaml", registry=registry)
    rules = load_criterion_rules(folder / "ruleset.yaml", {}, registry=registry)
    criterion = registry.criteria.require(rules.criterion)
    document = ruleset.document
    facts = [
        ("Reference", str(document.get("reference") or criterion.reference)),
        ("Criterion", f"{criterion.id}, version {criterion.version}"),
        ("Responses, best first", ", ".join(criterion.responses)),
    ]
    if document.get("extends"):
        bases = document["extends"]
        facts.append(("Extends", bases if isinstance(bases, str) else ", ".join(bases)))
    file = folder / "cases.yaml"
    cases = read_document(file)["cases"] if file.is_file() else []
    of_tables = criterion.assess_tables is not None
    if of_tables:
        facts.append(("Tables", tables_read(criterion)))
    tell = table_case if of_tables else _case
    sections = [
        _values(document, rules, criterion),
        truth_tables(rules) if of_tables else _truth_tables(rules, criterion),
        _rules(document),
        Section("cases", "Worked cases", [block for case in cases for block in tell(case)]),
    ]
    return Page(
        ruleset.title, facts, sections, "Generated from the ruleset, its criterion and its cases; not edited by hand."
    )


# Values and options --------------------------------------------------------------------------------------------------


def _values(document: Mapping[str, Any], rules: CriterionRules, criterion: Criterion) -> Section:
    """Every option with its value, its source, the reading taken where the source is silent, and what else it may be."""
    properties: Mapping[str, Mapping[str, Any]] = criterion.options_schema["properties"]
    values, options = [], []
    for key, about in properties.items():
        said: Mapping[str, Any] = (document.get("values") or {}).get(key) or {}
        value = rules.options[key]
        told = _value(value)
        unit = f" {said['unit']}" if said.get("unit") else ""
        values.append(
            Row(
                heading(key),
                [
                    words(told + unit),
                    words(said.get("text")),
                    words(said.get("reference")),
                    words(said.get("interpretation")),
                ],
            )
        )
        options.append(Row(heading(key), [words(_alternatives(about)), words(about["description"])]))
    return Section(
        "values",
        "Values",
        [
            Table("", ["Option", "Value", "What it is", "Reference", "Where the source is silent"], values),
            SubHeading("What each option may be"),
            Table("", ["Option", "Alternatives", "What they mean"], options),
        ],
    )


def _value(value: Any) -> str:
    if is_truth_table(value):
        return "see the table below"
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_value(one)}" for key, one in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alternatives(about: Mapping[str, Any]) -> str:
    if "enum" in about:
        return ", ".join(map(str, about["enum"]))
    if "anyOf" in about:
        return " or ".join(_alternatives(branch) for branch in about["anyOf"])
    if "const" in about:
        return str(about["const"])
    if about.get("type") == "boolean":
        return "true, false"
    if about.get("type") in ("array", "object", "string"):
        return {"array": "list", "object": "values by name", "string": "text"}[about["type"]]
    low = about.get("minimum", about.get("exclusiveMinimum"))
    what = "whole number" if about.get("type") == "integer" else "number"
    above = " above" if "exclusiveMinimum" in about else " from"
    most = f" to {about['maximum']}" if "maximum" in about else " on"
    return f"{what}{above} {low}{most}"


# Truth table ----------------------------------------------------------------------------------------------------------


def _truth_tables(rules: CriterionRules, criterion: Criterion) -> Section:
    """Overall response for every pair of target and non-target response, as the criterion judges lesions that show it."""
    courses = [("No new lesion", False, False), ("A new lesion", True, False)]
    if "hybrid.basis" in rules.options:
        courses += [("No new lesion, pseudoprogression suspected", False, True)]
    blocks: list[Block] = [
        Paragraph("First visit after baseline; lines are target responses, columns non-target responses.")
    ]
    for caption, new, suspected in courses:
        judged = _judge(rules, criterion, new=new, suspected=suspected)
        rows = [
            Row(heading(target), [words(judged.get((target, nontarget), "")) for nontarget in NONTARGETS])
            for target in TARGETS
        ]
        blocks.append(Table(caption, ["Target", *NONTARGETS], rows))
    return Section("truth-table", "Table of overall responses", blocks)


def _judge(rules: CriterionRules, criterion: Criterion, *, new: bool, suspected: bool) -> dict[tuple[str, str], str]:
    """Overall response by target and non-target response; a pair that the values of the ruleset do not allow is left out."""
    rows = [row for pair in _pairs() for row in _lesions_of(*pair, new=new, suspected=suspected)]
    extra = {column.held_as: column.dtype for column in criterion.extra_columns if column.kind == "length"}
    schema = {**canonical_schema(LESION_ASSESSMENTS), **extra}
    lesions = pl.LazyFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    lesions = lesions.with_columns(pl.col("mm_x100").alias(name) for name in extra)
    found: dict[tuple[str, str], str] = {}
    for row in criterion.assess(lesions, rules).collect().iter_rows(named=True):
        pair = tuple(row["subject"].split(" + "))
        if pair == (row["target"], row["nontarget"]):
            found[pair[0], pair[1]] = row["overall"]
    return found


def _pairs() -> Iterator[tuple[str, str]]:
    yield from ((target, nontarget) for target in TARGETS for nontarget in NONTARGETS)


def _lesions_of(target: str, nontarget: str, *, new: bool, suspected: bool) -> Iterator[dict[str, Any]]:
    """Lesions of a subject whose first visit shows these responses."""
    for day in _DAYS:
        visit: dict[str, Any] = {
            "subject": f"{target} + {nontarget}", "visit_date": day, "is_baseline": day == _DAYS[0], "organ": "liver", "node": False,
            "certainty": "unequivocal", "vs_last": "same", "suspected_pseudoprogression": suspected and day != _DAYS[0],
        }  # fmt: skip
        at_baseline = day == _DAYS[0]
        yield {**visit, "lesion_id": "none", "role": "new", "state": "absent"}
        if target != "NA":
            size = 200 if at_baseline else _SIZES.get(target)
            measured = {
                "mm_x100": None if size is None else size * 100,
                "viable_mm_x100": None if size is None else size * 100,
            }
            yield {**visit, "lesion_id": "T", "role": "target", **measured, "state": "ne" if size is None else None}
        if nontarget != "NA":
            status = "present" if at_baseline else _STATUSES[nontarget]
            yield {**visit, "lesion_id": "P", "role": "non-target", "organ": "bone", "status": status}
        if new and not at_baseline:
            yield {**visit, "lesion_id": "N", "role": "new", "organ": "lung", "mm_x100": 1200}


# Rules and cases ------------------------------------------------------------------------------------------------------


def _rules(document: Mapping[str, Any]) -> Section:
    rows = [
        Row(heading(name), [words(rule.get("text")), words(rule.get("reference"))])
        for name, rule in (document.get("rules") or {}).items()
    ]
    return Section("rules", "Rules", [Table("", ["Rule", "What it says", "Reference"], rows)])


def _case(case: Mapping[str, Any]) -> Sequence[Block]:
    """A case as a table: visit by visit what was recorded, and what must come out."""
    facts = [str(case["why"])]
    if case.get("options"):
        facts.append("With " + ", ".join(f"{key}: {_plain(value)}" for key, value in case["options"].items()))
    rows = [
        Row(
            heading(_plain(visit["date"])),
            [words(_visit_kind(visit)), words(_recorded(visit, case)), words(_expected(visit))],
        )
        for visit in case["visits"]
    ]
    subject = _expected(case)
    if subject:
        rows.append(Row(heading("Subject"), [words(""), words(""), words(subject)]))
    table = Table("", ["Visit", "Kind", "Recorded", "Expected"], rows, [f"Source: {case['source']}"])
    return [SubHeading(str(case["title"]), tag=str(case["id"])), Paragraph(". ".join(facts)), table]


def _visit_kind(visit: Mapping[str, Any]) -> str:
    kinds = ["baseline"] if visit.get("baseline") else []
    if visit.get("reason"):
        kinds.append(str(visit["reason"]))
    if visit.get("suspected_pseudoprogression"):
        kinds.append("pseudoprogression suspected")
    return ", ".join(kinds)


def _recorded(visit: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    rows = visit.get("rows") or []
    return "; ".join(_lesion(row, (case.get("lesions") or {}).get(row["lesion"], {})) for row in rows) or "nothing"


def _lesion(row: Mapping[str, Any], lesion: Mapping[str, Any]) -> str:
    traits = [
        lesion.get("role"),
        lesion.get("kind"),
        "node" if lesion.get("node") else None,
        lesion.get("site"),
        lesion.get("organ"),
    ]
    name = f"{row['lesion']} ({', '.join(str(trait) for trait in traits if trait)})"
    told = [f"{row['mm']} mm"] if "mm" in row else []
    told += [f"viable {row['viable_mm']} mm"] if "viable_mm" in row else []
    told += [f"fragments {', '.join(map(str, row['fragments']))}"] if "fragments" in row else []
    words_of = ("state", "into", "status", "vs_last", "certainty", "pattern", "cytology")
    told += [f"{key.replace('_', ' ')} {row[key]}" for key in words_of if key in row]
    return f"{name} {', '.join(told)}".strip()


def _expected(of: Mapping[str, Any]) -> str:
    expected = of.get("expect") or {}
    return ", ".join(f"{key} {_plain(value)}" for key, value in expected.items())


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def write_pages(folder: Path, registry: Registry | None = None) -> list[Path]:
    """Write the page of every criterion ruleset below the folder; returns the files written."""
    known = registry or default_registry()
    written = []
    for file in sorted(folder.glob("**/ruleset.yaml")):
        if read_document(file).get("kind") == "criterion":
            page = file.parent / FILE
            page.write_text(render_markdown(criterion_page(file.parent, known)), encoding="utf-8")
            written.append(page)
    return written


if __name__ == "__main__":
    for one in write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "rulesets")):
        print(one)
