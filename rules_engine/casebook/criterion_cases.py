"""Criterion cases: lesions visit by visit, with the response that each visit must give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from rules_engine import criteria
from rules_engine.casebook.batches import CaseError, collected, run_in_batches
from rules_engine.casebook.outcomes import Case, Outcome, compare
from rules_engine.contracts import LESION_ASSESSMENTS, UNITS_PER_MM, canonical_schema
from rules_engine.loading import load_criterion_rules
from rules_engine.registry import Registry

#: Names that cases use for the built-in criteria, and the criterion rulesets that they mean.
CRITERION_NAMES = {
    "RECIST_1.1": "recist_1_1",
    "mRECIST": "mrecist",
    "iRECIST": "irecist",
    "mRECIST+iRECIST": "mrecist_irecist",
}
_ROW_KEYS = ("state", "into", "status", "vs_last", "certainty", "pattern", "cytology")


def run_criterion_cases(cases: Sequence[Case], registry: Registry) -> list[Outcome]:
    """Run criterion cases; those that share criterion and options go through the engine together."""

    def shared(case: Case) -> Any:
        return [case.stated["criterion"], case.stated.get("options") or {}]

    return run_in_batches(cases, shared, lambda batch: _run_together(batch, registry))


def _run_together(batch: Sequence[Case], registry: Registry) -> list[Outcome]:
    cases = [case.stated for case in batch]
    name = str(cases[0]["criterion"])
    rules = load_criterion_rules(CRITERION_NAMES.get(name, name), cases[0].get("options") or {}, registry=registry)
    criterion = registry.criteria.require(rules.criterion)
    subjects = [f"{number:06d}" for number in range(len(cases))]
    rows = [row for subject, case in zip(subjects, cases, strict=True) for row in lesion_rows(subject, case)]
    lesions = pl.LazyFrame(rows, schema=canonical_schema(LESION_ASSESSMENTS))
    timepoints = collected(criterion.assess(lesions, rules))
    reference = pl.LazyFrame(
        {"subject": subjects, "reference_date": [_reference_date(case) for case in cases]},
        schema={"subject": pl.String(), "reference_date": pl.Date()},
    )
    best = _by_subject(collected(criteria.best_overall_response(timepoints.lazy(), reference, rules)))
    progressed = _by_subject(collected(criteria.progression(timepoints.lazy(), rules)))
    deaths = _deaths(subjects, cases)
    survival = _by_subject(collected(criteria.first_trial_pfs(timepoints.lazy(), reference, deaths, rules)))
    by_visit = {(row["subject"], row["visit_date"]): row for row in timepoints.iter_rows(named=True)}
    outcomes = []
    for subject, case in zip(subjects, batch, strict=True):
        mismatches: list[str] = []
        for visit in case.stated["visits"]:
            if expected := visit.get("expect"):
                row = by_visit.get((subject, _day(visit["date"])))
                where = f"visit {visit['date']} "
                mismatches += [f"{where}has no row"] if row is None else compare(where, expected, _visit_values(row))
        actual = {
            "bor": best.get(subject, {}).get("bor"),
            "progression_date": progressed.get(subject, {}).get("progression_date"),
        }
        expected = dict(case.stated.get("expect") or {})
        if "pfs" in expected:
            mismatches += compare("pfs.", expected.pop("pfs"), survival.get(subject, {}))
        mismatches += compare("", expected, actual)
        outcomes.append(case.outcome(mismatches))
    return outcomes


def _by_subject(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["subject"]: row for row in frame.iter_rows(named=True)}


def _visit_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """A timepoint in the words of a case."""
    return {
        "target": row["target"],
        "nontarget": row["nontarget"],
        "new_lesion": row["new_lesion"],
        "overall": row["overall"],
        "overall_as_read": row["overall_as_read"],
        "sum_mm": _mm(row["sum_x100"]),
        "nadir_mm": _mm(row["nadir_x100"]),
        "accepted": row["accepted"],
        "mrecist_overall": row["basis_overall"],
    }


def _mm(hundredths: int | None) -> Decimal | None:
    return None if hundredths is None else Decimal(hundredths) / UNITS_PER_MM


def lesion_rows(subject: str, case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The canonical `lesion_assessments` rows of a case: one per visit, lesion and fragment."""
    catalogue = case.get("lesions") or {}
    viable_fragments = str(case.get("criterion")).lower().startswith("mrecist")
    rows: list[dict[str, Any]] = []
    visits = case.get("visits") or []
    if not visits or not visits[0].get("baseline"):
        raise CaseError("the first visit must be the baseline (`baseline: true`)")
    at_baseline = [str(row["lesion"]) for row in visits[0].get("rows") or []]
    if not at_baseline:
        catalogue = {**catalogue, NO_DISEASE: {"role": "new"}}
    for visit in visits:
        nothing = [_nothing_assessed(name, catalogue) for name in at_baseline] or [_NO_DISEASE_FOUND]
        recorded = visit.get("rows") or nothing
        for row in recorded:
            name = str(row["lesion"])
            if name not in catalogue:
                raise CaseError(f"visit {visit['date']}: lesion {name!r} is not in `lesions`")
            lesion = catalogue[name]
            base = {
                "subject": subject,
                "visit_date": _day(visit["date"]),
                "is_baseline": bool(visit.get("baseline", False)),
                "lesion_id": name,
                "role": lesion.get("role"),
                "organ": lesion.get("organ", "liver"),
                "node": bool(lesion.get("node", False)),
                "kind": lesion.get("kind"),
                "site": lesion.get("site"),
                "nl": lesion.get("nl", "target") if lesion.get("role") == "new" else None,
                "mm_x100": _hundredths(row.get("mm")),
                "viable_mm_x100": _hundredths(row.get("viable_mm")),
                "fragment_id": None,
                "reason": visit.get("reason", "scheduled"),
                "suspected_pseudoprogression": bool(visit.get("suspected_pseudoprogression", False)),
                "assessor": "investigator",
                "reader": None,
                **{key: row.get(key) for key in _ROW_KEYS},
            }
            base["into"] = None if row.get("into") is None else str(row["into"])
            base["vs_last"] = row.get("vs_last", "same")
            base["certainty"] = row.get("certainty", "unequivocal")
            base["cytology"] = row.get("cytology", "not_done")
            for number, fragment in enumerate(row.get("fragments") or [None], 1):
                if fragment is not None:
                    size = _hundredths(fragment)
                    base |= {
                        "fragment_id": f"F{number}",
                        "mm_x100": size,
                        "viable_mm_x100": size if viable_fragments else None,
                    }
                rows.append({**base, "row": len(rows) + 1})
    return rows


#: A subject without disease at baseline: a visit without rows is one at which none was found.
NO_DISEASE = "(no disease)"
_NO_DISEASE_FOUND = {"lesion": NO_DISEASE, "state": "absent"}


def _nothing_assessed(name: str, catalogue: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a lesion at a visit at which nothing was assessed: not evaluable, which is not absent."""
    measured = catalogue[name].get("role") == "target"
    return {"lesion": name, "state": "ne"} if measured else {"lesion": name, "status": "ne"}


def _hundredths(value: Any) -> int | None:
    """Millimetres as whole hundredths, by way of their decimal text, never of a binary fraction."""
    if value is None:
        return None
    try:
        scaled = Decimal(str(value)) * UNITS_PER_MM
    except InvalidOperation:
        raise CaseError(f"{value!r} is no length in mm") from None
    if scaled != scaled.to_integral_value():
        raise CaseError(f"{value} mm is finer than 0.01 mm")
    return int(scaled)


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise CaseError(f"{value} is no calendar day") from None


def _reference_date(case: Mapping[str, Any]) -> date:
    stated = case.get("reference_date")
    return _day(stated if stated is not None else case["visits"][0]["date"])


def _deaths(subjects: Sequence[str], cases: Sequence[Mapping[str, Any]]) -> pl.LazyFrame:
    deaths = [(case.get("events") or {}).get("death") for case in cases]
    return pl.LazyFrame(
        {
            "subject": subjects,
            "death_date": [None if day is None else _day(day) for day in deaths],
        },
        schema={"subject": pl.String(), "death_date": pl.Date()},
    )
