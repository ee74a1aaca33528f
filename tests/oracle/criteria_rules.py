"""Which rule decided a visit, told from what the reference made of it and of the visit before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.oracle.criteria import CONFIRMED, OPEN, PENDING, PROGRESSED

Timepoint = Mapping[str, Any]
_WORDS = {
    "CR": "cr", "PR": "pr", "SD": "sd", "NON-CR/NON-PD": "non_cr_non_pd", "PD": "pd", "NE": "ne", "NED": "ned",
    "iCR": "icr", "iPR": "ipr", "iSD": "isd", "NON-iCR/NON-iUPD": "non_icr_non_iupd",
}  # fmt: skip


def deciding_rules(criterion: str, options: Mapping[str, Any], timepoints: Iterable[Timepoint]) -> list[set[str]]:
    """For each visit the ids of which its rule must be one; several where the reference does not tell them apart."""
    found, before = [], OPEN
    for now in timepoints:
        found.append(_rules(criterion, options, before, now))
        before = now["state"] or OPEN
    return found


def progression_reasons(
    criterion: str, options: Mapping[str, Any], timepoints: Sequence[Timepoint], rules: Sequence[set[str]], status: str
) -> set[str | None]:
    """What must be told as the reason of the subject's progression: one of these."""
    if status == "none":
        return {None}
    if status == "unconfirmed":
        return {"irecist.pending.at_end"}
    if status == "confirmed":
        at = next(number for number, row in enumerate(timepoints) if row["state"] == CONFIRMED)
        return {timepoints[at]["confirmation_reasons"]} if timepoints[at]["confirmation_reasons"] else {*rules[at]}
    if criterion == "mrecist_irecist" and options.get("hybrid.progression_date") == "first_mrecist_pd":
        return {"mrecist_irecist.first_mrecist_pd"}
    dated = [row["progression_date"] if row["overall"] == "PD" else None for row in timepoints]
    return {*rules[dated.index(min(day for day in dated if day))]}


def confirming_rules(options: Mapping[str, Any], timepoints: Iterable[Timepoint]) -> list[set[str]]:
    """For each visit the rules by which it confirms progression, and that it came late where it did."""
    found, before = [], OPEN
    for now in timepoints:
        rules: set[str] = set()
        if now["state"] == CONFIRMED and before == PENDING:
            rules = {
                f"irecist.icpd.{reason.lower()}" for reason in (now["confirmation_reasons"] or "").split(";") if reason
            }
            if (now["visit_date"] - now["anchor_date"]).days > options["irecist.confirm_max_days"]:
                rules.add("irecist.icpd.late")
        found.append(rules)
        before = now["state"]
    return found


def _rules(criterion: str, options: Mapping[str, Any], before: str, now: Timepoint) -> set[str]:
    family = "mrecist" if criterion.startswith("mrecist") else "recist_1_1"
    if before == PROGRESSED:
        return {"mrecist_irecist.after_progression"}
    if before == CONFIRMED:
        return {"irecist.icpd.confirmed"}
    if now["overall"] == "PD" and now["overall_as_read"] != "PD":
        return {f"{family}.new_lesion.backdated"}
    if before == PENDING:
        return _while_pending(now, whole=criterion == "mrecist_irecist" and options.get("hybrid.basis") == "whole")
    if now["overall_as_read"] == "iUPD":
        return {f"irecist.iupd.{_cause(now)}"}
    if now["overall_as_read"] == "PD" and criterion == "mrecist_irecist":
        return {"mrecist_irecist.unsuspected"}
    if now["overall_as_read"] == "PD" and now["new_lesion"]:
        return {f"{family}.new_lesion.pd"}
    if now["overall_as_read"] == "PD":
        cause = _cause(now)
        return {f"{family}.{cause}.{word}" for word in ("pd", "pd_partial", "reappearance")}
    word = _WORDS[now["overall_as_read"]]
    return {f"irecist.open.{word}"} if criterion == "irecist" else {f"recist_1_1.overall.{word}"}


def _while_pending(now: Timepoint, *, whole: bool) -> set[str]:
    if not now["accepted"]:
        return {"irecist.pending.too_soon"}
    if now["state"] == CONFIRMED:
        reasons = now["confirmation_reasons"]
        first = str(reasons).split(";", maxsplit=1)[0].lower()
        return {"mrecist_irecist.whole_confirmed" if whole else f"irecist.icpd.{first}"}
    if now["overall"] == "NE":
        return {"irecist.pending.ne"}
    if now["state"] == OPEN:
        return {"mrecist_irecist.whole_refuted" if whole else f"irecist.reset.{_WORDS[now['overall']]}"}
    if now["anchor_date"] == now["visit_date"]:
        return {"irecist.iupd.late"}
    return {"mrecist_irecist.whole_open" if whole else "irecist.iupd.unchanged"}


def _cause(now: Timepoint) -> str:
    if now["target"] == "PD":
        return "target"
    return "nontarget" if now["nontarget"] == "PD" else "new_lesion"
