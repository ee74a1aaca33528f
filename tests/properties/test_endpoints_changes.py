"""How records answer to a change of the data or of the cut-off, and how responses order themselves.

Each statement is held under exactly the conditions under which it is true; where it is false outside of them, a second test looks for a
counterexample, so that a generator that misses the case is noticed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from tests.strategies.batches import PLAIN_CLOCK, Batch, Record, Subject, batches, both, same
from tests.strategies.engine import merged

FIRST_PD = {"pd_rule": "first_pd", **PLAIN_CLOCK}
#: The date of an assessment is the same whatever it shows.
ONE_DATE = {"pd_date": "assessment", "nonpd_date": "assessment"}
LAST_EVALUABLE = {"missed_visits": {"reference": "last_evaluable"}}
UNCONFIRMED = {"irecist": {"unconfirmed": "event", "pending_grace_days": None}}
BEST_FIRST = ["CR", "PR", "SD", "NON_CR_NON_PD", "PD", "iCPD", "iUPD", "NE", "MISSING"]


def lost_events(before: Mapping[str, Record], after: Mapping[str, Record]) -> list[str]:
    return [name for name, one, other in both(before, after) if one["event"] and not other["event"]]


def shrunk(before: Mapping[str, Record], after: Mapping[str, Record]) -> list[str]:
    return [name for name, one, other in both(before, after) if other["days"] < one["days"]]


def last_day(subject: Subject) -> date:
    """The last day on which a record may be added: before the death, or the end of the generated time."""
    death = subject.get("death")
    return date.fromisoformat(death["date"]) if death else date(2024, 6, 1)


def with_assessment(response: str, *, on_new_day: bool = True) -> Any:
    """Adds one assessment on a random day of the subject's life."""

    def changed(subject: Subject, rng: random.Random) -> Subject:
        taken = {row.get("date") for row in subject["assessments"]} | {
            part["date"] for row in subject["assessments"] for part in row.get("parts", [])
        } | {row.get("visit_date") for row in subject["assessments"]}  # fmt: skip
        day = date(2023, 1, 3) + timedelta(rng.randrange(0, 420))
        if day <= last_day(subject) and not (on_new_day and day.isoformat() in taken):
            subject["assessments"].append({"id": "ZZ1", "date": day.isoformat(), "response": response})
        return subject

    return changed


def after_the_event(records: Mapping[str, Record]) -> Any:
    """Adds assessments of every kind after a progression that ended the time."""

    def changed(subject: Subject, rng: random.Random) -> Subject | None:
        record = records[subject["subject"]]
        if not (record["record"] and record["event"] and record["reason"] == "PD"):
            return None
        for k, response in enumerate(["PR", "PD", "SD", "NE"]):
            day = record["date"] + timedelta(rng.randrange(1, 80))
            if day <= last_day(subject):
                subject["assessments"].append({"id": f"ZZ{k}", "date": day.isoformat(), "response": response})
        return subject

    return changed


# ------------------------------------------------------------------------------------------------ changes of the data


@pytest.mark.parametrize("endpoint", ["PFS", "TTP"])
def test_what_follows_a_progression_changes_nothing(endpoint: str) -> None:
    for batch in batches(f"afterwards {endpoint}", FIRST_PD):
        before = batch.derive(endpoint)
        changed = batch.with_subjects(after_the_event(before))
        assert changed.subjects
        assert all(same(before[name], record) for name, record in changed.derive(endpoint).items())


def test_what_follows_an_unconfirmed_progression_may_overturn_it() -> None:
    options = {**PLAIN_CLOCK, **UNCONFIRMED, "pd_rule": "first_pd_pseudo_confirm"}
    found = 0
    for batch in batches("overturned", options):
        before = batch.derive("PFS")
        after = batch.with_subjects(after_the_event(before)).derive("PFS")
        found += sum(not same(before[name], record) for name, record in after.items())
    assert found


@pytest.mark.parametrize("endpoint", ["PFS", "TTP", "DOR", "TTR", "ORR", "DCR"])
def test_an_assessment_that_shows_nothing_changes_nothing(endpoint: str) -> None:
    options = merged(LAST_EVALUABLE, {"response": {"confirmation": "none"}, "delayed_entry": "none"})
    keys = ("value", "responder") if endpoint in {"ORR", "DCR"} else ("date", "cnsr", "days", "reason", "source")
    for batch in batches(f"NE {endpoint}", options):
        before = batch.derive(endpoint)
        after = batch.with_subjects(with_assessment("NE", on_new_day=False)).derive(endpoint)
        for name, record in before.items():
            if record.get("value") == "MISSING":  # without any assessment; now there is one
                assert after[name]["value"] in {"MISSING", "NE"}
            else:
                assert same(record, after[name], keys), name


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        ("PFS", {"missed_visits": {"reference": "last_any", "method": "fixed_days", "gap_days": 60}}),
        ("OS", {"os_censor": "last_known_alive"}),
        ("DOR", {**LAST_EVALUABLE, "response": {"confirmation": "required", "max_ne": 0}}),
    ],
)
def test_but_it_may_close_a_gap_prove_life_or_break_a_confirmation(endpoint: str, options: dict[str, Any]) -> None:
    found = 0
    for batch in batches(f"NE counts {endpoint}", {**PLAIN_CLOCK, **options}, seeds=2):
        before, after = batch.derive(endpoint), batch.with_subjects(with_assessment("NE")).derive(endpoint)
        found += sum(not same(record, after[name], ("event", "date")) for name, record in before.items())
        if endpoint == "OS":
            assert all(one["event"] == other["event"] for _, one, other in both(before, after))
    assert found


def test_an_adequate_assessment_more_takes_no_event_and_shortens_no_time() -> None:
    for batch in batches("SD more", FIRST_PD, seeds=2):
        before, after = batch.derive("PFS"), batch.with_subjects(with_assessment("SD")).derive("PFS")
        assert not lost_events(before, after)
        assert not shrunk(before, after)
        if batch.options["missed_visits"]["method"] == "disabled":
            assert not lost_events(after, before)


def test_an_adequate_assessment_more_may_close_a_gap() -> None:
    gaps = {"missed_visits": {"method": "fixed_days", "gap_days": 60, "scope": "before_event"}, **FIRST_PD}
    gained = (
        lost_events(batch.with_subjects(with_assessment("SD")).derive("PFS"), batch.derive("PFS"))
        for batch in batches("closes", gaps, seeds=8)
    )
    assert any(gained)


def with_other_responses(subject: Subject, rng: random.Random) -> Subject:
    for row in subject["assessments"]:
        if row["response"] in {"CR", "PR", "SD"}:
            row["response"] = rng.choice(["CR", "PR", "SD"])
    return subject


@pytest.mark.parametrize("endpoint", ["PFS", "TTP", "OS", "PFS2"])
def test_how_good_a_response_is_does_not_matter_to_time(endpoint: str) -> None:
    for batch in batches(f"exchange {endpoint}", FIRST_PD):
        before, after = batch.derive(endpoint), batch.with_subjects(with_other_responses).derive(endpoint)
        assert all(same(record, after[name], ("date", "cnsr", "days", "reason")) for name, record in before.items())
    batch = next(iter(batches("exchange", FIRST_PD)))
    before, after = batch.derive("ORR"), batch.with_subjects(with_other_responses).derive("ORR")
    assert any(not same(record, after[name], ("responder",)) for name, record in before.items())


def without_first_progression(subject: Subject, _rng: random.Random) -> Subject:
    days = [row["date"] for row in subject["assessments"] if row["response"] == "PD" and row["date"] > "2023-01-02"]
    for row in subject["assessments"]:
        if days and row["response"] == "PD" and row["date"] == min(days):
            row["response"] = "SD"
    return subject


def without_parts(subject: Subject, _rng: random.Random) -> Subject:
    for row in subject["assessments"]:
        parts = row.pop("parts", None)
        row.setdefault("date", parts[-1]["date"] if parts else None)
    return subject


def test_a_progression_read_as_stable_disease_shortens_no_time() -> None:
    for batch in batches("recoded", {**FIRST_PD, **ONE_DATE, "post_baseline": "after_origin"}, seeds=2):
        plain = batch.with_subjects(without_parts)
        assert not shrunk(plain.derive("PFS"), plain.with_subjects(without_first_progression).derive("PFS"))


def test_survival_depends_on_dates_alone() -> None:
    def otherwise(subject: Subject, rng: random.Random) -> Subject:
        for row in subject["assessments"]:
            row["response"] = rng.choice(["CR", "SD", "PD", "NE", "iUPD"])
        return {**subject, "baseline": {"adequate": rng.random() < 0.5}}

    for batch in batches("survival", PLAIN_CLOCK):
        rules = {
            "pd_rule": "first_pd", "new_therapy": "censor", "curative_conversion": "event", "no_baseline": "censor_day1",
            "missed_visits": {"method": "fixed_days", "gap_days": 1, "scope": "before_event"}, "death_handling": "competing",
        }  # fmt: skip
        changed = batch.with_subjects(otherwise).but(
            rules, schedule={"segments": [{"every": 7}], "early": 0, "late": 0}
        )
        before, after = batch.derive("OS"), changed.derive("OS")
        assert all(same(record, after[name]) for name, record in before.items())


def without_later_death(cut_off: date) -> Any:
    def changed(subject: Subject, _rng: random.Random) -> Subject:
        if "death" in subject and date.fromisoformat(subject["death"]["date"]) > cut_off:
            del subject["death"]
        return subject

    return changed


@pytest.mark.parametrize("endpoint", ["PFS", "TTP", "DOR", "EFS", "TTUP"])
def test_a_death_after_the_cut_off_is_none(endpoint: str) -> None:
    for batch in batches(f"later death {endpoint}", {"delayed_entry": "none"}):
        before = batch.derive(endpoint)
        after = batch.with_subjects(without_later_death(batch.cut_off)).derive(endpoint)
        assert all(same(record, after[name]) for name, record in before.items())


@pytest.mark.parametrize("endpoint", ["OS", "PFS2", "TTD", "TTF"])
def test_but_it_proves_life_at_the_cut_off(endpoint: str) -> None:
    options = {**PLAIN_CLOCK, "post_cutoff_alive": "cap_at_cutoff", "pfs2_censor": "last_known_alive"}
    found = 0
    for batch in batches(f"proof {endpoint}", options):
        batch = batch.but({"withdrawal": "reason_only"}, cut_off=date(2023, 7, 1))
        before = batch.derive(endpoint)
        after = batch.with_subjects(without_later_death(batch.cut_off)).derive(endpoint)
        found += sum(not same(record, after[name]) for name, record in before.items())
    assert found


# ---------------------------------------------------------------------------------------------------------- cut-off

EARLY, MIDDLE, LATE = date(2023, 6, 1), date(2023, 9, 15), date(2024, 3, 1)


def at(batch: Batch, cut_off: date) -> Batch:
    return batch.but(cut_off=cut_off)


@pytest.mark.parametrize("endpoint", ["PFS", "TTP", "OS", "TTF", "EFS"])
def test_an_earlier_cut_off_adds_no_event_and_lengthens_no_time(endpoint: str) -> None:
    # With last_contact, a death that proves life at the early cut-off may be truncated by a withdrawal before the late one.
    options = {**FIRST_PD, "os_censor": "last_known_alive"} if endpoint == "OS" else FIRST_PD
    for batch in batches(f"cut-off {endpoint}", options):
        early, late = at(batch, EARLY).derive(endpoint), at(batch, LATE).derive(endpoint)
        assert not lost_events(early, late)
        assert not shrunk(early, late)


@pytest.mark.parametrize("codes", ["recist", "irecist"])
def test_nor_with_suspected_progression_that_counts_only_when_confirmed(codes: str) -> None:
    options = {**PLAIN_CLOCK, "pd_rule": "first_pd_pseudo_confirm", "irecist": {"unconfirmed": "censor"}}
    if codes == "irecist":
        options["pd_rule"] = "irecist"
    for batch in batches(f"cut-off {codes}", options, codes=codes):
        assert not lost_events(at(batch, EARLY).derive("PFS"), at(batch, LATE).derive("PFS"))


def test_but_an_unconfirmed_progression_may_be_overturned_later() -> None:
    found = (
        lost_events(at(batch, EARLY).derive("PFS"), at(batch, LATE).derive("PFS"))
        for batch in batches("cut-off overturned", {**PLAIN_CLOCK, **UNCONFIRMED}, codes="irecist")
    )
    assert any(found)


@pytest.mark.parametrize("pd_date", ["earliest_part", "assessment"])
def test_an_event_stays_the_same_for_every_later_cut_off(pd_date: str) -> None:
    for batch in batches(f"stays {pd_date}", {**FIRST_PD, "pd_date": pd_date}):
        by_cut_off = {day: at(batch, day).derive("PFS") for day in (EARLY, MIDDLE, LATE)}
        for earlier, later in ((EARLY, MIDDLE), (MIDDLE, LATE), (EARLY, LATE)):
            for name, record in by_cut_off[later].items():
                if record["record"] and record["event"] and record["date"] <= earlier:
                    assert same(record, by_cut_off[earlier][name]), name
            for name, record in by_cut_off[earlier].items():
                if record["record"] and record["event"]:
                    assert same(record, by_cut_off[later][name]), name


def ranks(records: Mapping[str, Record]) -> dict[str, int]:
    plain = {"iCR": "CR", "iPR": "PR", "iSD": "SD", "NON_iCR_NON_iUPD": "NON_CR_NON_PD"}
    return {name: BEST_FIRST.index(plain.get(r["value"], r["value"])) for name, r in records.items() if r["record"]}


def worse(before: Mapping[str, Record], after: Mapping[str, Record]) -> list[str]:
    was, now = ranks(before), ranks(after)
    return [name for name in was if name in now and now[name] > was[name]]


@pytest.mark.parametrize("confirmation", ["none", "required"])
def test_best_response_never_worsens_with_time(confirmation: str) -> None:
    for batch in batches(f"BOR {confirmation}", {**FIRST_PD, "response": {"confirmation": confirmation}}):
        early, late = at(batch, EARLY).derive("BOR"), at(batch, LATE).derive("BOR")
        assert not worse(early, late)
        assert ranks(early) != ranks(late)


# --------------------------------------------------------------------------------------------------------- responses

WINDOW = {"from_days": 42, "to_days": 56, "tolerance": 0, "pick": "first", "missing": "non_responder"}
LANDMARK = {"response": {"landmark": {"anchor": "first_tace", **WINDOW}}}


@pytest.mark.parametrize("options", [{}, LANDMARK])
def test_who_responds_completely_responds_and_who_responds_is_controlled(options: dict[str, Any]) -> None:
    for batch in batches(f"nested {len(options)}", options):
        complete, objective, control = (batch.derive(endpoint) for endpoint in ("CRR", "ORR", "DCR"))
        for name, record in complete.items():
            if record["record"]:
                assert record["responder"] <= objective[name]["responder"] <= control[name]["responder"]


@pytest.mark.parametrize("codes", ["recist", "irecist"])
def test_confirmation_makes_no_response_better(codes: str) -> None:
    for batch in batches(f"confirmed {codes}", {"response": {"confirmation": "required"}}, codes=codes):
        confirmed, any_response = batch.derive("BOR"), batch.but({"response": {"confirmation": "none"}}).derive("BOR")
        assert worse(any_response, confirmed), "some responses fall back"
        assert not worse(confirmed, any_response)
        assert all(not one["responder"] or other["responder"] for _, one, other in both(confirmed, any_response))


def until_window_end(subject: Subject, _rng: random.Random) -> Subject:
    """The records dated up to the end of the window of the first TACE."""
    first = subject["tace"][0] if subject["tace"] else subject["origins"]["randomisation"]
    end = (date.fromisoformat(first) + timedelta(56)).isoformat()
    kept = {
        "assessments": [row for row in subject["assessments"] if row["date"] <= end],
        "therapies": [row for row in subject["therapies"] if row["start"] <= end],
        "other_events": [row for row in subject["other_events"] if row["date"] <= end],
        "tace": [day for day in subject["tace"] if day <= end],
        "treatment": [],
    }
    dropped = {
        key for key in ("last_contact", "withdrawal", "lost_to_followup", "end_of_study") if subject.get(key, "") > end
    }
    if subject.get("death", {}).get("date", "") > end:
        dropped.add("death")
    return {key: value for key, value in {**subject, **kept}.items() if key not in dropped}


@pytest.mark.parametrize("pick", ["first", "last", "best", "worst", "closest"])
def test_the_response_at_a_landmark_depends_on_nothing_after_its_window(pick: str) -> None:
    options = merged(
        {**FIRST_PD, **ONE_DATE}, {"response": {"landmark": {"anchor": "first_tace", **WINDOW, "pick": pick}}}
    )
    for batch in batches(f"landmark {pick}", options):
        whole = batch.with_subjects(without_parts)
        before, after = whole.derive("DCR"), whole.with_subjects(until_window_end).derive("DCR")
        assert all(same(record, after[name], ("value", "date", "source")) for name, record in before.items())


def test_but_a_suspected_progression_in_the_window_is_decided_later() -> None:
    options = merged({**PLAIN_CLOCK, **ONE_DATE, **UNCONFIRMED, "pd_rule": "first_pd_pseudo_confirm"}, LANDMARK)
    found = 0
    for batch in batches("landmark later", options, seeds=4, subjects=500):
        whole = batch.with_subjects(without_parts)
        before, after = whole.derive("DCR"), whole.with_subjects(until_window_end).derive("DCR")
        found += sum(not same(record, after[name], ("value",)) for name, record in before.items())
    assert found
