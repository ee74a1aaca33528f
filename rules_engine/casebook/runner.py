"""Finds worked cases under the given paths and runs each through the engine; a malformed case fails, and says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rules_engine.casebook.case_schemas import CRITERION_CASE, ENDPOINT_CASE, TABLE_CASE
from rules_engine.casebook.criterion_cases import run_criterion_cases
from rules_engine.casebook.endpoint_cases import run_endpoint_cases
from rules_engine.casebook.grading_cases import COLUMNS, run_grading_cases
from rules_engine.casebook.outcomes import Case, Outcome
from rules_engine.casebook.table_cases import run_table_cases
from rules_engine.errors import RulesEngineError, UsageError
from rules_engine.loading import Node, problems_of, read_nodes, to_plain
from rules_engine.registry import Registry

#: YAML files that stand beside cases and are none.
_NO_CASES = ("ruleset", "presets")
_RUNNERS: Mapping[str, Callable[[Sequence[Case], Registry], list[Outcome]]] = {
    "tables": run_table_cases,
    "criterion": run_criterion_cases,
    "endpoint": run_endpoint_cases,
}
#: Format by the key that tells it; a case of tables names its criterion as well, and is told first.
_SCHEMAS = {"tables": TABLE_CASE, "criterion": CRITERION_CASE, "endpoint": ENDPOINT_CASE}


@dataclass
class _Found:
    """Cases by format as they were found, and outcomes that are already known; `order` keeps the order of the files."""

    cases: dict[str, list[Case]] = field(default_factory=lambda: {name: [] for name in _RUNNERS})
    known: list[Outcome] = field(default_factory=list)
    order: list[tuple[str, int]] = field(default_factory=list)

    def add_known(self, outcome: Outcome) -> None:
        self.order.append(("known", len(self.known)))
        self.known.append(outcome)

    def add_case(self, form: str, case: Case) -> None:
        self.order.append((form, len(self.cases[form])))
        self.cases[form].append(case)


def run_cases(paths: Sequence[Path], registry: Registry) -> list[Outcome]:
    """Outcomes of every case under `paths`, in the order of the paths, then of file name, then of the file.

    Raises `UsageError` where a path does not exist or no case is found.
    """
    found = _Found()
    for file in case_files(paths):
        if file.suffix.lower() == ".csv":
            for outcome in _grading(file, registry):
                found.add_known(outcome)
        else:
            _read(file, found)
    if not found.order:
        raise UsageError.at(
            ", ".join(map(str, paths)), "no worked case is there", "docs/cases.md describes the formats of worked cases"
        )
    ran = {"known": found.known, **{form: run(found.cases[form], registry) for form, run in _RUNNERS.items()}}
    return [ran[form][number] for form, number in found.order]


def case_files(paths: Sequence[Path]) -> list[Path]:
    """Every file that may hold cases: the paths themselves, or all YAML and grading CSV files below a folder."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError.at(str(path), "there is no such file or folder", "name a file or folder of worked cases")
        files += sorted(item for item in path.rglob("*") if _may_hold_cases(item)) if path.is_dir() else [path]
    return list(dict.fromkeys(files))


def _may_hold_cases(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return file.is_file() and file.stem not in _NO_CASES
    return suffix == ".csv" and file.is_file() and _is_grading_file(file)


def _read(file: Path, found: _Found) -> None:
    """Add every case of a YAML file."""
    try:
        document = read_nodes(file)
    except RulesEngineError as error:
        found.add_known(Outcome(file.name, "unreadable", str(file), (str(error),)))
        return
    listed = document.child("cases")
    if listed is None:
        _add(document, (), file, found)
    elif listed.kind == "sequence":
        for number, item in enumerate(listed.value):
            _add(item, ("cases", number), file, found)
    else:
        found.add_known(Outcome(file.name, "malformed", str(file), ("`cases` is not a list of cases",)))


def _add(item: Node, path: tuple[str | int, ...], file: Path, found: _Found) -> None:
    stated = to_plain(item)
    form = next((name for name in _SCHEMAS if isinstance(stated, Mapping) and name in stated), None)
    if form is None:
        place = f"{item.file}:{item.line}:{item.column}"
        what = f"{place}\n  it states neither `criterion` nor `endpoint`; docs/cases.md describes the formats"
        found.add_known(Outcome(_name(stated, file), "malformed", str(file), (what,)))
        return
    problems = problems_of(item, _SCHEMAS[form], path)
    if problems:
        found.add_known(Outcome(_name(stated, file), "malformed", str(file), tuple(map(str, problems))))
        return
    found.add_case(form, Case(str(file), stated))


def _name(stated: object, file: Path) -> str:
    return str(stated["id"]) if isinstance(stated, Mapping) and stated.get("id") else file.name


def _is_grading_file(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            header = opened.readline(4096)
    except OSError:
        return False
    return set(COLUMNS) <= {name.strip().strip('"') for name in header.split(",")}


def _grading(file: Path, registry: Registry) -> list[Outcome]:
    if not _is_grading_file(file):
        what = f"a file of grading cases needs the columns {', '.join(COLUMNS)}"
        return [Outcome(file.name, "malformed", str(file), (what,))]
    try:
        return run_grading_cases(file, registry)
    except Exception as error:  # whatever breaks, the other files are run
        return [Outcome(file.name, "unreadable", str(file), (f"{type(error).__name__}: {error}",))]
