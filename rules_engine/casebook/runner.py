"""Finds worked cases under the given paths and runs each through the engine; a malformed case fails, and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine.casebook.criterion_cases import run_criterion_cases
from rules_engine.casebook.endpoint_cases import run_endpoint_cases
from rules_engine.casebook.grading_cases import COLUMNS, run_grading_cases
from rules_engine.casebook.outcomes import Outcome
from rules_engine.errors import RulesEngineError, UsageError
from rules_engine.loading import read_document
from rules_engine.registry import Registry

_CRITERION_KEYS = ("id", "criterion", "lesions", "visits")
_ENDPOINT_KEYS = ("id", "endpoint", "subject", "cut_off", "expected")


def run_cases(paths: Sequence[Path], registry: Registry) -> list[Outcome]:
    """Outcomes of every case under `paths`, in the order of the paths, then of file name, then of the file.

    Raises `UsageError` where a path does not exist or no case is found.
    """
    outcomes: list[Outcome] = []
    criterion: list[tuple[str, Mapping[str, Any]]] = []
    endpoint: list[tuple[str, Mapping[str, Any]]] = []
    order: list[tuple[str, int]] = []
    kept: list[Outcome] = []

    def keep(found: Sequence[Outcome]) -> None:
        for outcome in found:
            order.append(("kept", len(kept)))
            kept.append(outcome)

    for file in case_files(paths):
        if file.suffix.lower() == ".csv":
            keep(_grading(file, registry))
            continue
        try:
            document = read_document(file)
        except RulesEngineError as error:
            keep([Outcome(file.name, "unreadable", str(file), (str(error),))])
            continue
        for case in _cases_in(document):
            fault = _fault(case)
            if fault:
                keep([Outcome(_name(case, file), "malformed", str(file), (fault,))])
            elif "criterion" in case:
                order.append(("criterion", len(criterion)))
                criterion.append((str(file), case))
            else:
                order.append(("endpoint", len(endpoint)))
                endpoint.append((str(file), case))
    ran = {
        "kept": kept,
        "criterion": run_criterion_cases(criterion, registry),
        "endpoint": run_endpoint_cases(endpoint, registry),
    }
    outcomes = [ran[which][number] for which, number in order]
    if not outcomes:
        raise UsageError.at(
            ", ".join(map(str, paths)), "no worked case is there", "docs/cases.md describes the formats of worked cases"
        )
    return outcomes


def case_files(paths: Sequence[Path]) -> list[Path]:
    """Every file that may hold cases: the paths themselves, or all YAML and grading CSV files below a folder."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError.at(str(path), "there is no such file or folder", "name a file or folder of worked cases")
        if path.is_file():
            files.append(path)
            continue
        below = sorted(item for item in path.rglob("*") if item.is_file())
        files += [
            item
            for item in below
            if (item.suffix.lower() in (".yaml", ".yml") and item.stem not in ("ruleset", "presets"))
            or (item.suffix.lower() == ".csv" and _is_grading_file(item))
        ]
    return files


def _is_grading_file(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            header = opened.readline(4096)
    except OSError:
        return False
    return set(COLUMNS) <= {name.strip().strip('"') for name in header.split(",")}


def _grading(file: Path, registry: Registry) -> list[Outcome]:
    try:
        if not _is_grading_file(file):
            return [Outcome(file.name, "malformed", str(file), (f"a file of grading cases needs the columns {', '.join(COLUMNS)}",))]
        return run_grading_cases(file, registry)
    except (RulesEngineError, pl.exceptions.PolarsError, OSError) as error:
        return [Outcome(file.name, "unreadable", str(file), (f"{type(error).__name__}: {error}",))]


def _cases_in(document: Any) -> list[Any]:
    """The cases of a document: the list under `cases`, or the document itself."""
    if isinstance(document, Mapping) and isinstance(document.get("cases"), list):
        return list(document["cases"])
    return [document]


def _fault(case: Any) -> str:
    """What keeps `case` from being a case; empty where nothing does."""
    if not isinstance(case, Mapping):
        return "a case is a mapping"
    wanted = _CRITERION_KEYS if "criterion" in case else _ENDPOINT_KEYS
    missing = [key for key in wanted if key not in case]
    if missing:
        return f"it lacks {', '.join(missing)}; docs/cases.md describes the format"
    if "criterion" in case:
        return _criterion_fault(case)
    shapes = {"subject": Mapping, "expected": Mapping}
    wrong = [key for key, shape in shapes.items() if not isinstance(case[key], shape)]
    return f"{', '.join(wrong)} must be a mapping" if wrong else ""


def _criterion_fault(case: Mapping[str, Any]) -> str:
    lesions, visits = case["lesions"], case["visits"]
    if not isinstance(lesions, Mapping) or not all(isinstance(lesion, Mapping) for lesion in lesions.values()):
        return "`lesions` must map each lesion to its description"
    if not isinstance(visits, list) or not all(isinstance(visit, Mapping) and "date" in visit for visit in visits):
        return "`visits` must be a list of visits, each with a date"
    rows = [row for visit in visits for row in visit.get("rows") or []]
    return "" if all(isinstance(row, Mapping) for row in rows) else "every row of a visit must be a mapping"


def _name(case: Any, file: Path) -> str:
    return str(case["id"]) if isinstance(case, Mapping) and "id" in case else file.name
