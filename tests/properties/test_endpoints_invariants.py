"""What must hold between endpoints, and between rulesets, for one and the same subject.

Each statement is held under exactly the conditions under which it is true. Where it is false outside of them, a second test looks for a
counterexample: it shows that the generator reaches the cases on which the condition rests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.strategies.batches import PLAIN_CLOCK, TREATMENT_POLICY, Batch, Record, batches, both
from tests.strategies.engine import merged

EARLIEST = {"pd_date": "earliest_part"}
FIRST_PD = {"pd_rule": "first_pd", **PLAIN_CLOCK}
SCANS_AND_DEATHS = {"clinical_progression": "ignore", "new_therapy": "ignore", "curative_conversion": "as_new_therapy"}


def gained_or_moved(less: Mapping[str, Record], more: Mapping[str, Record]) -> list[str]:
    """Subjects with an event in `less` that is none in `more`."""
    return [name for name, one, other in both(less, more) if one["event"] and not other["event"]]


def shrunk(less: Mapping[str, Record], more: Mapping[str, Record]) -> list[str]:
    """Subjects whose time is shorter in `more` than in `less`."""
    return [name for name, one, other in both(less, more) if other["days"] < one["days"]]


# ------------------------------------------------------------------------------------------------- between endpoints


def test_ttp_has_an_event_where_pfs_has_one_that_is_not_death() -> None:
    for batch in batches("TTP and PFS", PLAIN_CLOCK, seeds=2):
        for name, pfs, ttp in both(batch.derive("PFS"), batch.derive("TTP")):
            progressed = pfs["event"] and pfs["reason"] != "DEATH"
            assert ttp["event"] == progressed, name
            if progressed:
                assert ttp["date"] == pfs["date"], name


@pytest.mark.parametrize("handling", ["censor_at_death", "competing"])
def test_pfs_and_ttp_end_on_one_day_where_deaths_end_both(handling: str) -> None:
    for batch in batches(f"one day {handling}", {"death_handling": handling, **PLAIN_CLOCK}):
        for name, pfs, ttp in both(batch.derive("PFS"), batch.derive("TTP")):
            if pfs["event"] or ttp["event_type"]:
                assert pfs["date"] == ttp["date"], name
            if handling == "competing":
                assert pfs["event"] == (ttp["event_type"] in (1, 2)), name


def test_pfs_may_be_longer_than_ttp_where_deaths_are_censored_at_the_last_assessment() -> None:
    options = {"death_handling": "censor_last_adequate", **PLAIN_CLOCK, **TREATMENT_POLICY}
    found = [shrunk(b.derive("PFS"), b.derive("TTP")) for b in batches("longer than TTP", options, seeds=2)]
    assert any(found)


ORDERED_WITH_OS = {"os_censor": "last_known_alive", **EARLIEST, **PLAIN_CLOCK}


@pytest.mark.parametrize(("endpoint", "more"), [("PFS", {}), ("TTUP", {"ttup_death": "event"}), ("TTP", {})])
def test_no_progression_endpoint_ends_after_survival(endpoint: str, more: dict[str, Any]) -> None:
    for batch in batches(f"{endpoint} before OS", {**ORDERED_WITH_OS, **more}):
        late = [n for n, one, os in both(batch.derive(endpoint), batch.derive("OS")) if one["date"] > os["date"]]
        assert not late


@pytest.mark.parametrize("option", [{"os_censor": "last_contact"}, {"pd_date": "next_scheduled"}])
def test_pfs_may_end_after_survival_where_survival_reads_fewer_facts_or_pfs_is_moved(option: dict[str, Any]) -> None:
    options = {**ORDERED_WITH_OS, "post_cutoff_alive": "ignore", "new_therapy": "ignore", **option}
    late = [
        name
        for batch in batches(f"after OS {option}", options)
        for name, pfs, os in both(batch.derive("PFS"), batch.derive("OS"))
        if pfs["date"] > os["date"]
    ]
    assert late


def test_a_death_in_os_is_an_event_of_pfs_unless_a_rule_takes_it_away() -> None:
    for batch in batches("OS event", {**PLAIN_CLOCK, **TREATMENT_POLICY}):
        assert not gained_or_moved(batch.derive("OS"), batch.derive("PFS"))
    fda = {**PLAIN_CLOCK, "new_therapy": "censor", "missed_visits": {"method": "windows", "n": 2}}
    assert any(gained_or_moved(b.derive("OS"), b.derive("PFS")) for b in batches("OS event", fda, seeds=1))


def test_pfs_pfs2_and_os_end_in_this_order_under_treatment_policy() -> None:
    options = {**FIRST_PD, **TREATMENT_POLICY, **ORDERED_WITH_OS, "pfs2_censor": "last_known_alive"}
    for batch in batches("PFS2 between", options):
        pfs, pfs2, os = batch.derive("PFS"), batch.derive("PFS2"), batch.derive("OS")
        assert not shrunk(pfs, pfs2)
        assert not shrunk(pfs2, os)
        assert not gained_or_moved(pfs2, pfs)


def test_pfs_may_have_no_event_where_pfs2_has_one_if_therapy_censors() -> None:
    options = {**FIRST_PD, **TREATMENT_POLICY, "new_therapy": "censor", "curative_conversion": "censor"}
    assert any(gained_or_moved(b.derive("PFS2"), b.derive("PFS")) for b in batches("PFS2 alone", options))


#: An event recorded before the response would end both times on different days of their own clocks.
RESPONDERS = {
    **PLAIN_CLOCK, "clinical_progression": "ignore", "new_therapy": "censor", "curative_conversion": "as_new_therapy",
    "missed_visits": {"scope": "before_event"},
}  # fmt: skip


def differing_durations(batch: Batch) -> list[str]:
    pfs, dor, ttr = batch.derive("PFS"), batch.derive("DOR"), batch.derive("TTR")
    one = 1 if batch.options["day_convention"] == "plus_one" else 0
    return [
        name
        for name, record in dor.items()
        if record["record"]
        and (
            (ttr[name]["days"] - one) + (record["days"] - one) != pfs[name]["days"] - one
            or record["event"] != pfs[name]["event"]
        )
    ]


@pytest.mark.parametrize("confirmation", ["none", "required"])
def test_time_to_response_and_duration_of_response_add_up_to_pfs(confirmation: str) -> None:
    options = merged(RESPONDERS, {"response": {"confirmation": confirmation}})
    for batch in batches(f"adds up {confirmation}", options, seeds=2):
        # A re-assessment that contradicts the response of its own scan would make a response of a progression.
        assert not differing_durations(batch.with_subjects(without_reassessments))


def test_they_need_not_add_up_where_an_early_gap_ends_pfs() -> None:
    gaps = {"scope": "any_gap", "method": "fixed_days", "gap_days": 60}
    found = [differing_durations(b) for b in batches("adds up not", merged(RESPONDERS, {"missed_visits": gaps}))]
    assert any(found)


def without_reassessments(subject: dict[str, Any], _rng: Any) -> dict[str, Any]:
    for row in subject["assessments"]:
        row.pop("iresponse", None)
    return subject


def test_failure_of_treatment_comes_no_later_than_progression_or_the_end_of_treatment() -> None:
    for batch in batches("TTF", {**PLAIN_CLOCK, **EARLIEST, **TREATMENT_POLICY}):
        failed = batch.derive("TTF")
        for endpoint in ("PFS", "TTD"):
            for name, one, ttf in both(batch.derive(endpoint), failed):
                assert not one["event"] or (ttf["event"] and ttf["date"] <= one["date"]), (endpoint, name)


def test_who_responds_has_a_duration_and_a_time_of_response() -> None:
    for batch in batches("responders", {"delayed_entry": "none"}, seeds=2):
        orr, dor, ttr = batch.derive("ORR"), batch.derive("DOR"), batch.derive("TTR")
        for name, record in orr.items():
            responds = record["record"] and record["responder"]
            assert (responds, responds) == (dor[name]["record"], ttr[name]["record"]), name


# -------------------------------------------------------------------------------------------------- between rulesets

CENSORING = {"new_therapy": "censor", "curative_conversion": "as_new_therapy"}


def test_every_event_under_censoring_rules_is_one_under_treatment_policy() -> None:
    options = {**FIRST_PD, **EARLIEST, **CENSORING}
    for batch in batches("FDA and EMA", options, seeds=2):
        fda, ema = batch.derive("PFS"), batch.but(TREATMENT_POLICY).derive("PFS")
        assert not gained_or_moved(fda, ema)
        assert all(other["date"] <= one["date"] for _, one, other in both(fda, ema) if one["event"])
        equal_baseline = batch.but({**TREATMENT_POLICY, "no_baseline": batch.options["no_baseline"]}).derive("PFS")
        assert all(other["date"] == one["date"] for _, one, other in both(fda, equal_baseline) if one["event"])
        assert not shrunk(fda, equal_baseline)


@pytest.mark.parametrize(
    "options",
    [
        {"pd_rule": "first_pd_pseudo_confirm", **CENSORING},
        {"pd_rule": "first_pd", "new_therapy": "event", "curative_conversion": "as_new_therapy"},
    ],
)
def test_but_not_where_therapy_hides_a_re_assessment_or_is_itself_the_event(options: dict[str, Any]) -> None:
    unconfirmed = {"irecist": {"unconfirmed": "event", "pending_grace_days": None}}
    lost = (
        gained_or_moved(batch.derive("PFS"), batch.but(TREATMENT_POLICY).derive("PFS"))
        for batch in batches("FDA without EMA", {**PLAIN_CLOCK, **options, **unconfirmed}, seeds=4)
    )
    assert any(lost)


@pytest.mark.parametrize(
    "options", [{"new_therapy": "censor_at_start"}, {"no_baseline": "use_assessments", "new_therapy": "censor"}]
)
def test_times_under_treatment_policy_may_be_shorter_where_the_censoring_date_is_late(options: dict[str, Any]) -> None:
    policy = {**TREATMENT_POLICY, "no_baseline": "censor_day1"}
    found = (
        shrunk(batch.derive("PFS"), batch.but(policy).derive("PFS"))
        for batch in batches("shorter", {**FIRST_PD, "curative_conversion": "as_new_therapy", **options})
    )
    assert any(found)


@pytest.mark.parametrize(("method", "key", "less", "more"), [
    ("fixed_days", "gap_days", 60, 90), ("fixed_days", "gap_days", 90, 180), ("windows", "n", 1, 2),
    ("windows", "n", 2, 3), ("interval_sum", "n", 1, 2), ("interval_sum", "n", 2, 3),
])  # fmt: skip
def test_a_longer_allowance_keeps_every_event_and_shortens_no_time(method: str, key: str, less: int, more: int) -> None:
    for batch in batches(f"allowance {method}", {"missed_visits": {"method": method, key: less}, **PLAIN_CLOCK}):
        strict, lenient = batch.derive("PFS"), batch.but({"missed_visits": {key: more}}).derive("PFS")
        assert not gained_or_moved(strict, lenient)
        assert not shrunk(strict, lenient)


def test_every_event_by_windows_is_one_by_the_sum_of_intervals() -> None:
    rules = {"missed_visits": {"method": "windows", "scope": "before_event"}, **PLAIN_CLOCK}
    for batch in batches("windows", rules, seeds=2):
        by_sum = batch.but({"missed_visits": {"method": "interval_sum"}})
        assert not gained_or_moved(batch.derive("PFS"), by_sum.derive("PFS"))


def test_an_inclusive_boundary_keeps_more_than_an_exclusive_one() -> None:
    for batch in batches("boundary", {**FIRST_PD, **CENSORING, "new_therapy_boundary": "exclusive"}, seeds=2):
        exclusive, inclusive = batch.derive("PFS"), batch.but({"new_therapy_boundary": "inclusive"}).derive("PFS")
        assert not gained_or_moved(exclusive, inclusive)
        assert not shrunk(exclusive, inclusive)
        assert any(one["cnsr"] != other["cnsr"] for _, one, other in both(exclusive, inclusive))


def without_therapies(subject: dict[str, Any], _rng: Any) -> dict[str, Any]:
    return {**subject, "therapies": []}


def test_without_therapies_that_censor_every_event_stays_and_no_time_is_shorter() -> None:
    for batch in batches("no therapies", {**FIRST_PD, **CENSORING}, seeds=2):
        treated, untreated = batch.derive("PFS"), batch.with_subjects(without_therapies).derive("PFS")
        assert not gained_or_moved(treated, untreated)
        assert not shrunk(treated, untreated)


def test_without_therapies_an_unconfirmed_progression_may_be_overturned() -> None:
    options = {**PLAIN_CLOCK, **CENSORING, "irecist": {"unconfirmed": "event", "pending_grace_days": None}}
    found = (
        gained_or_moved(batch.derive("PFS"), batch.with_subjects(without_therapies).derive("PFS"))
        for batch in batches("no therapies i", options, codes="irecist", seeds=8)
    )
    assert any(found)


@pytest.mark.parametrize("endpoint", ["PFS", "TTP", "EFS"])
def test_what_happens_after_a_withdrawal_adds_events_and_takes_none(endpoint: str) -> None:
    for batch in batches(f"withdrawal {endpoint}", {**FIRST_PD, "withdrawal": "truncate"}):
        truncated, all_data = batch.derive(endpoint), batch.but({"withdrawal": "reason_only"}).derive(endpoint)
        assert not gained_or_moved(truncated, all_data)
        assert not shrunk(truncated, all_data)


#: Every suspected progression counts unless it is overturned; the scan that overturns it says so in its response.
SUSPECTED = {
    **PLAIN_CLOCK, **EARLIEST, "pd_rule": "first_pd_pseudo_confirm",
    "irecist": {"unconfirmed": "event", "pending_grace_days": None, "confirmed_date": "first_iupd"},
}  # fmt: skip


def test_waiting_for_confirmation_shortens_no_time() -> None:
    for batch in batches("confirm", merged(SUSPECTED, {"missed_visits": {"scope": "before_event"}}), seeds=2):
        waiting = batch.with_subjects(without_reassessments)
        first = waiting.but({"pd_rule": "first_pd"})
        assert not shrunk(first.derive("PFS"), waiting.derive("PFS"))


def test_waiting_for_confirmation_adds_no_event_unless_visits_may_be_missed() -> None:
    disabled = {"missed_visits": {"method": "disabled", "scope": "before_event"}}
    for batch in batches("confirm", merged(SUSPECTED, disabled)):
        waiting = batch.with_subjects(without_reassessments)
        assert not gained_or_moved(waiting.derive("PFS"), waiting.but({"pd_rule": "first_pd"}).derive("PFS"))
    gaps = {"missed_visits": {"method": "fixed_days", "gap_days": 60, "scope": "before_event"}}
    more = (
        gained_or_moved(batch.derive("PFS"), batch.but({"pd_rule": "first_pd"}).derive("PFS"))
        for batch in batches("confirm gaps", merged(SUSPECTED, gaps), seeds=4, subjects=800)
    )
    assert any(more)


def test_waiting_for_confirmation_may_shorten_the_time_where_any_gap_ends_it() -> None:
    gaps = {"missed_visits": {"method": "fixed_days", "gap_days": 60, "scope": "any_gap"}, "new_therapy": "ignore"}
    found = (
        shrunk(batch.but({"pd_rule": "first_pd"}).derive("PFS"), batch.derive("PFS"))
        for batch in batches("confirm any gap", merged(SUSPECTED, gaps), seeds=3, subjects=600)
    )
    assert any(found)


@pytest.mark.parametrize("endpoint", ["PFS", "TTP", "DOR"])
def test_the_middle_of_the_interval_lies_within_it_and_changes_no_event(endpoint: str) -> None:
    options = {**PLAIN_CLOCK, **SCANS_AND_DEATHS, "post_baseline": "after_origin", "pd_date": "midpoint"}
    for batch in batches(f"midpoint {endpoint}", options):
        middle, dated = batch.derive(endpoint), batch.but(EARLIEST).derive(endpoint)
        for name, one, other in both(middle, dated):
            assert one["event"] == other["event"], name
            left, right = one["interval"]
            assert one["interval"] == other["interval"], name
            if one["event"]:
                assert right == other["date"]
                assert left <= one["date"] <= right
                assert (left == right) == (one["reason"] == "DEATH")
            else:
                assert (left, right) == (one["date"], None)


def treated_at_the_first_part(subject: dict[str, Any], _rng: Any) -> dict[str, Any]:
    days = [part["date"] for row in subject["assessments"] for part in row.get("parts", []) if row["response"] == "PD"]
    return {**subject, "therapies": [{"id": "T1", "start": min(days), "kind": "systemic"}] if days else []}


def test_the_choice_of_the_part_that_dates_an_assessment_decides_whether_a_therapy_comes_first() -> None:
    options = {**FIRST_PD, **EARLIEST, **CENSORING, "new_therapy_boundary": "inclusive"}
    found = []
    for batch in batches("parts", options):
        treated = batch.with_subjects(treated_at_the_first_part)
        found.append(gained_or_moved(treated.derive("PFS"), treated.but({"pd_date": "latest_part"}).derive("PFS")))
    assert any(found)
