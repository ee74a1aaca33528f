"""Where the statements about endpoints stop being true: a counterexample is found for each exception, so that no generator is
vacuous; and the statements that rest on a single assessment or on derived times together with their estimates.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pytest
from rules_engine.analysis.competing import incidence_table
from rules_engine.analysis.survival import survival_table

from tests.strategies.batches import PLAIN_CLOCK, TREATMENT_POLICY, Batch, Record, Subject, batches, both, same
from tests.strategies.engine import merged
from tests.strategies.timelines import random_subject

FIRST_PD = {"pd_rule": "first_pd", **PLAIN_CLOCK}
UNCONFIRMED = {"irecist": {"unconfirmed": "event", "pending_grace_days": None, "confirmed_date": "first_iupd"}}
EARLY, LATE = date(2023, 6, 1), date(2024, 3, 1)
BEST_FIRST = ["CR", "PR", "SD", "NON_CR_NON_PD", "PD", "iCPD", "iUPD", "NE", "MISSING"]


def found(counterexamples: Iterable[Any]) -> bool:
    """Whether any batch holds one; stops at the first that does."""
    return any(counterexamples)


def gained(before: Mapping[str, Record], after: Mapping[str, Record]) -> list[str]:
    return [name for name, one, other in both(before, after) if other["event"] and not one["event"]]


# Dates ----------------------------------------------------------------------------------------------------------------


def with_one_assessment(subject: Subject, rng: random.Random) -> Subject | None:
    """The subject with one of its assessments alone, alive: PFS is dated to that assessment, or to the start."""
    if not subject["assessments"]:
        return None
    kept = {key: subject[key] for key in ("subject", "origins", "baseline", "therapies", "tace", "treatment")}
    return {**kept, "assessments": [rng.choice(subject["assessments"])], "other_events": []}


@pytest.mark.parametrize("codes", ["recist", "irecist"])
def test_an_assessment_is_dated_to_its_earliest_part_no_later_than_to_its_latest(codes: str) -> None:
    earliest = {"pd_date": "earliest_part", "nonpd_date": "earliest_part"}
    latest = {"pd_date": "latest_part", "nonpd_date": "latest_part"}
    options = {**TREATMENT_POLICY, **PLAIN_CLOCK, **UNCONFIRMED, "clinical_progression": "ignore"}
    for batch in batches(f"one assessment {codes}", options, codes=codes, seeds=2):
        alone = batch.with_subjects(with_one_assessment).but(cut_off=date(2025, 1, 1))
        pairs = list(both(alone.but(earliest).derive("PFS"), alone.but(latest).derive("PFS")))
        assert all(first["date"] <= last["date"] for _name, first, last in pairs)
        assert any(first["date"] < last["date"] for _name, first, last in pairs)


def at_the_first_part(batch: Batch) -> dict[date, list[str]]:
    """Subjects by the day of the first scan of a progression that was spread over days."""
    days: dict[date, list[str]] = {}
    for subject in batch.subjects:
        for row in subject["assessments"]:
            parts = sorted(part["date"] for part in row.get("parts", []))
            if row["response"] == "PD" and len(parts) > 1 and parts[0] < parts[-1]:
                days.setdefault(date.fromisoformat(parts[0]), []).append(subject["subject"])
    return days


def test_an_assessment_that_straddles_the_cut_off_is_an_event_by_its_first_part_alone() -> None:
    def lost(batch: Batch) -> list[str]:
        days = at_the_first_part(batch)
        cut_off = max(days, key=lambda day: (len(days[day]), day))
        cut = batch.but({"pd_date": "earliest_part"}, cut_off=cut_off)
        return gained(cut.but({"pd_date": "latest_part"}).derive("PFS"), cut.derive("PFS"))

    assert found(lost(batch) for batch in batches("straddles", {**FIRST_PD, **TREATMENT_POLICY}, seeds=6))


def test_an_assessment_that_straddles_a_visit_window_may_come_too_late_by_its_last_part() -> None:
    gaps = {"method": "fixed_days", "gap_days": 56, "scope": "before_event", "applies_to": ["progression", "death"]}
    options = {**FIRST_PD, **TREATMENT_POLICY, "missed_visits": gaps, "nonpd_date": "assessment"}
    assert found(
        gained(
            batch.but({"pd_date": "latest_part"}).derive("PFS"), batch.but({"pd_date": "earliest_part"}).derive("PFS")
        )
        for batch in batches("straddles a window", options, seeds=12)
    )


def test_an_imputed_date_is_that_of_no_record() -> None:
    (batch,) = batches("imputed", {**FIRST_PD, "pd_date": "earliest_part"}, seeds=1)
    partial = [random_subject(batch.rng, f"S{k:04d}", partial=True) for k in range(250)]
    batch = Batch(partial, batch.options, batch.schedule, batch.cut_off, batch.rng)
    stated = {subject["subject"]: str(subject) for subject in partial}
    records = batch.derive("PFS").items()
    assert found(r["record"] and r["event"] and r["date"].isoformat() not in stated[name] for name, r in records)


# Between endpoints ----------------------------------------------------------------------------------------------------


def test_pfs_from_a_later_origin_may_end_after_survival_from_an_earlier_one() -> None:
    """Data after a withdrawal are not used, but the later origin starts its own clock."""
    options = {
        "os_censor": "last_known_alive",
        "withdrawal": "truncate",
        "pd_date": "earliest_part",
        "delayed_entry": "none",
    }
    assert found(
        pfs["date"] > os["date"]
        for batch in batches("origins", options, seeds=12)
        for _name, pfs, os in both(
            batch.but({"origin": "first_ici"}).derive("PFS"), batch.but({"origin": "randomisation"}).derive("OS")
        )
    )


def test_incidences_of_progression_and_death_and_progression_free_survival_sum_to_one() -> None:
    for batch in batches(
        "sum to one", {**PLAIN_CLOCK, "death_handling": "competing", "clinical_progression": "ignore"}
    ):
        kinds = batch.but({"new_therapy": "ignore", "curative_conversion": "ignore", "repeat_tace": "part_of_regimen"})
        ttp, pfs = kinds.derive("TTP"), kinds.derive("PFS")
        # Where neither ends in an event the two are censored alike or not; the sum is about times to events.
        rows = [(one["days"], one["event_type"], other["event"]) for _name, one, other in both(ttp, pfs)]
        days, kind, event = (np.array(column) for column in zip(*rows, strict=True))
        assert (event == (kind > 0)).all()
        progression, death = (incidence_table(days.astype(float), kind, cause) for cause in (1, 2))
        free = survival_table(days.astype(float), event.astype(bool))
        assert progression.incidence + death.incidence + free.survival == pytest.approx(np.ones(free.times.size))


# Changes of the data --------------------------------------------------------------------------------------------------


def recoded(subject: Subject, _rng: random.Random) -> Subject:
    """The first progression read as stable disease."""
    for row in subject["assessments"]:
        row.pop("parts", None)
        row.pop("visit_date", None)
    dated = [row for row in subject["assessments"] if row.get("date", "") > "2023-01-02"]
    days = [row["date"] for row in dated if row["response"] == "PD"]
    for row in dated:
        if days and row["response"] == "PD" and row["date"] == min(days):
            row["response"] = "SD"
    return subject


ONE_DATE = {"pd_date": "assessment", "nonpd_date": "assessment", "post_baseline": "after_origin"}


def test_a_progression_read_as_stable_disease_may_create_an_event_where_visits_may_be_missed() -> None:
    """It closes the gap before a later event, or before a progression that came too late itself."""
    gaps = {"method": "fixed_days", "gap_days": 60, "scope": "before_event", "applies_to": ["progression", "death"]}

    def events(method: Mapping[str, Any], seeds: int) -> Iterable[list[str]]:
        for batch in batches("recoded", {**FIRST_PD, **ONE_DATE, "missed_visits": method}, seeds=seeds):
            plain = batch.with_subjects(lambda subject, _rng: {**subject, "assessments": undated(subject)})
            yield gained(plain.derive("PFS"), plain.with_subjects(recoded).derive("PFS"))

    assert found(events(gaps, 12))
    assert not found(events({"method": "disabled", "scope": "before_event"}, 2))


def undated(subject: Subject) -> list[dict[str, Any]]:
    """The assessments with one date each."""
    rows = []
    for row in subject["assessments"]:
        parts = row.get("parts") or [{}]
        rest = {key: value for key, value in row.items() if key not in ("parts", "visit_date")}
        rows.append({"date": parts[-1].get("date"), **rest})
    return rows


def test_an_assessment_that_shows_nothing_may_move_a_death_of_which_the_day_is_not_known() -> None:
    def moved(batch: Batch) -> list[str]:
        partial = [random_subject(batch.rng, f"S{k:04d}", partial=True) for k in range(300)]
        known = [subject for subject in partial if len((subject.get("death") or {}).get("date", "")) == 7]
        batch = Batch(known, batch.options, batch.schedule, batch.cut_off, batch.rng)
        before = batch.derive("PFS")
        after = batch.with_subjects(seen_late_in_the_month_of_death).derive("PFS")
        return [name for name, one in before.items() if not same(one, after[name], ("date",))]

    options = {**FIRST_PD, **TREATMENT_POLICY, "imputation": {"death_day": "first"}}
    assert found(moved(batch) for batch in batches("partial deaths", options, seeds=3))


def seen_late_in_the_month_of_death(subject: Subject, _rng: random.Random) -> Subject:
    subject["assessments"].append({"id": "ZZ1", "date": f"{subject['death']['date']}-20", "response": "NE"})
    return subject


def with_other_responses(subject: Subject, rng: random.Random) -> Subject:
    for row in subject["assessments"]:
        if row["response"] in {"CR", "PR", "SD"}:
            row["response"] = rng.choice(["CR", "PR", "SD"])
    return subject


WINDOW = {"anchor": "first_tace", "from_days": 42, "to_days": 56, "tolerance": 14, "pick": "first"}


@pytest.mark.parametrize(
    ("endpoint", "options", "key"),
    [("DOR", {}, "days"), ("BOR", {"response": {"landmark": {**WINDOW, "missing": "non_responder"}}}, "value")],
)
def test_how_good_a_response_is_matters_to_its_duration_and_at_a_landmark(
    endpoint: str, options: dict[str, Any], key: str
) -> None:
    assert found(
        not same(record, after[name], (key,))
        for batch in batches(f"exchange {endpoint}", {**FIRST_PD, **options}, seeds=3)
        for before, after in [(batch.derive(endpoint), batch.with_subjects(with_other_responses).derive(endpoint))]
        for name, record in before.items()
    )


@pytest.mark.parametrize("endpoint", ["OS", "PFS2", "TTUP"])
def test_what_follows_a_progression_matters_where_progression_is_not_the_end(endpoint: str) -> None:
    options = {**FIRST_PD, "os_censor": "last_known_alive", "post_cutoff_alive": "ignore", "withdrawal": "reason_only"}

    def changed(batch: Batch) -> list[str]:
        progressed = batch.derive("PFS")

        def later(subject: Subject, _rng: random.Random) -> Subject | None:
            record = progressed[subject["subject"]]
            if not (record["record"] and record["event"] and record["reason"] == "PD") or "death" in subject:
                return None
            subject["assessments"].append({"id": "ZZ1", "date": "2024-06-01", "response": "PD"})
            return subject

        before, after = batch.derive(endpoint), batch.with_subjects(later).derive(endpoint)
        return [name for name, record in after.items() if not same(before[name], record)]

    late = (batch.but(cut_off=date(2024, 6, 30)) for batch in batches(f"goes on {endpoint}", options, seeds=3))
    assert found(changed(batch) for batch in late)


# Cut-off --------------------------------------------------------------------------------------------------------------


def not_yet(batch: Batch, endpoint: str) -> list[str]:
    """Subjects whose event up to the early cut-off, as the late one knows it, is another or none at the early one."""
    early, late = (batch.but(cut_off=day).derive(endpoint) for day in (EARLY, LATE))
    return [
        name
        for name, record in late.items()
        if record["record"] and record["event"] and record["date"] <= EARLY and not same(record, early[name])
    ]


@pytest.mark.parametrize(
    ("endpoint", "codes", "options"),
    [
        ("PFS", "irecist", {"irecist": {"unconfirmed": "censor", "confirmed_date": "first_iupd"}}),
        ("TTR", "recist", {"pd_rule": "first_pd", "response": {"confirmation": "required"}}),
        ("PFS", "recist", {"pd_rule": "first_pd", "pd_date": "next_scheduled"}),
    ],
)
def test_an_event_may_be_known_only_later_where_it_needs_confirmation_or_is_moved(
    endpoint: str, codes: str, options: dict[str, Any]
) -> None:
    stated = merged({**PLAIN_CLOCK, **TREATMENT_POLICY}, options)
    if options.get("pd_date") == "next_scheduled":
        # A visit after the early cut-off is that cut-off.
        assert found(moved_by_the_cut_off(batch) for batch in batches("moved by cut-off", stated, seeds=6))
        return
    assert found(not_yet(batch, endpoint) for batch in batches(f"known later {endpoint}", stated, codes=codes, seeds=4))


def moved_by_the_cut_off(batch: Batch) -> list[str]:
    early, late = (batch.but(cut_off=day).derive("PFS") for day in (EARLY, LATE))
    return [
        n for n, one, other in both(early, late) if one["event"] and other["event"] and one["date"] != other["date"]
    ]


def test_best_response_may_worsen_with_time_where_a_progression_can_be_overturned() -> None:
    """PD counts until a scan too early for stable disease overturns it; then the suspicion alone is left."""
    unconfirmed = {"unconfirmed": "event", "pending_grace_days": None}
    options = {
        **PLAIN_CLOCK, **TREATMENT_POLICY, "pd_rule": "first_pd_pseudo_confirm", "irecist": unconfirmed,
        "response": {"confirmation": "none", "sd_min_days": 120},
    }  # fmt: skip

    def worse(batch: Batch) -> list[str]:
        early, late = (batch.but(cut_off=day).derive("BOR") for day in (date(2023, 3, 1), LATE))
        return [name for name, one, other in both(early, late) if rank(other) > rank(one)]

    assert found(worse(batch) for batch in batches("worsens", options, seeds=8))


def rank(record: Record) -> int:
    return BEST_FIRST.index(record["value"])
