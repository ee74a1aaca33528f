"""A reader's own copy of a grading ruleset: NCI's wording and codes, and a study's table of preferred terms, laid over ours."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rules_engine.errors import StudyError, closest
from rules_engine.grading.rules import GradingRules, read_rules
from rules_engine.grading.workbook import Workbook

#: A workbook that has less than this share of the known terms is another one.
_ALIKE: Final = 0.5
_PT_COLUMNS: Final = ("preferred_term", "term")


@dataclass(frozen=True)
class Imported:
    """The ruleset to write, and where the workbook and our dictionary of the version differ."""

    document: Mapping[str, Any]
    differences: tuple[str, ...]


def import_workbook(workbook: Workbook, ruleset_id: str, base: tuple[str, GradingRules] | None) -> Imported:
    """A ruleset with the workbook's codes and wording.

    `base` is the installed ruleset of the version and its rules. Where it holds the dictionary in part, the workbook completes
    it; without one the dictionary comes from the workbook, and no laboratory result is graded by it. Raises `StudyError`
    where the workbook is not that of its version.
    """
    document: dict[str, Any] = {
        "rules_engine": 1,
        "id": ruleset_id,
        "kind": "grading",
        "grading": "ctcae",
        "extends": [base[0] if base is not None else "ctcae_common"],
        "title": f"NCI CTCAE version {workbook.version}, with codes and wording of NCI's workbook",
    }
    differences: tuple[str, ...] = ()
    if base is None:
        document |= {"version": workbook.version, "terms": _dictionary(workbook)}
    else:
        differences = tuple(_differences(workbook, base[1]))
        if any(known.soc is None for known in base[1].terms.values()):
            document |= {"terms": _completed(_dictionary(workbook), base[1]), "terms_without_grades": []}
    document["definitions"] = {
        term.term: {
            **({"code": term.code} if term.code else {}),
            **({"definition": term.definition} if term.definition else {}),
            "grades": {str(grade): text for grade, text in sorted(term.grades.items())},
        }
        for term in workbook.terms
    }
    read_rules({
        **document, "numerics": {"tolerance": 0, "prolonged_hours": 0}, "version": workbook.version,
        "terms": _dictionary(workbook),
    })  # fmt: skip
    return Imported(document, differences)


def _dictionary(workbook: Workbook) -> dict[str, dict[str, str | None]]:
    """The workbook's terms by class, with the grades that exist."""
    terms: dict[str, dict[str, str | None]] = {}
    for term in workbook.terms:
        terms.setdefault(term.soc, {})[term.term] = "".join(map(str, sorted(term.grades)))
    return terms


def _completed(terms: dict[str, dict[str, str | None]], known: GradingRules) -> dict[str, dict[str, str | None]]:
    """The workbook's terms; those that we have under another class are removed from there (null)."""
    classes = {term: soc for soc, of_class in terms.items() for term in of_class}
    for term, ours in known.terms.items():
        if ours.soc is not None and classes.get(term, ours.soc) != ours.soc:
            terms.setdefault(ours.soc, {})[term] = None
    return terms


def _differences(workbook: Workbook, rules: GradingRules) -> list[str]:
    """Terms and grades in which the workbook and the dictionary part; `StudyError` where they are hardly alike."""
    theirs = {term.term: tuple(sorted(term.grades)) for term in workbook.terms}
    known = rules.terms
    if len(set(theirs) & set(known)) < _ALIKE * len(known):
        raise StudyError.at(
            f"sheet {workbook.sheet!r}",
            f"it has {len(theirs)} terms, and {len(set(known) - set(theirs))} of the {len(known)} terms of version "
            f"{workbook.version} are not among them",
            "name NCI's workbook of that version, whole",
        )
    found = [f"{term}: not in the workbook" for term in sorted(set(known) - set(theirs))]
    found += [f"{term}: only in the workbook" for term in sorted(set(theirs) - set(known))]
    for term in sorted(set(theirs) & set(known)):
        if not set(known[term].grades) <= set(theirs[term]) <= set(known[term].allowed):
            mine, other = ("".join(map(str, grades)) for grades in (known[term].grades, theirs[term]))
            found.append(f"{term}: grades {other} in the workbook, {mine} in the dictionary")
    return found


def read_preferred_terms(path: Path, rules: GradingRules) -> dict[str, str]:
    """A table with the columns `preferred_term` and `term`: which dictionary term a MedDRA preferred term is graded under.

    Raises `StudyError` with the line where a column is missing, a cell empty, a term unknown or a preferred term stated twice
    with different terms.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _PT_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                what = f"it has no column {' and no column '.join(missing)}"
                raise StudyError.at(str(path), what, f"the columns are {', '.join(_PT_COLUMNS)}")
            rows = [
                (reader.line_num, (row["preferred_term"] or "").strip(), (row["term"] or "").strip()) for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyError.at(str(path), f"it cannot be read: {error}", "save it as CSV in UTF-8") from None
    found: dict[str, str] = {}
    for number, preferred, term in rows:
        place = f"{path}:{number}"
        if not preferred or not term:
            raise StudyError.at(place, "a cell is empty", "state both the preferred term and the dictionary term")
        if term not in rules.terms:
            meant = closest(term, rules.terms)
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise StudyError.at(
                place, f"{term!r} is no term of version {rules.version}", f"name a dictionary term{hint}"
            )
        if found.setdefault(preferred, term) != term:
            raise StudyError.at(
                place, f"{preferred!r} is stated twice: {found[preferred]!r} and {term!r}", "keep one of them"
            )
    return found
