"""The steps that the compatibility kinds tell of a subject come to what they derive, whatever the history and the configuration."""

from __future__ import annotations

import random

import polars as pl
import pytest
from rules_engine import Engine

from rules_engine_plugins.admiralonco.confirmation import derive_confirmed
from rules_engine_plugins.admiralonco.telling import why_not_confirmed
from tests.oracle.admiralonco import CONFIGURATIONS, Configuration
from tests.strategies.admiralonco import as_overrides, random_history, tables

SUBJECTS = 12
#: Words of the sentence that names the assessment or death of a parameter of ADRS.
DECIDED = (
    "So the first response", ", the first.", "The best of what", "The first progression is", "So the progression is",
    "Nothing but NE follows", "The subject died", "The last assessment is",
)  # fmt: skip


@pytest.mark.parametrize("how", CONFIGURATIONS, ids=lambda how: how.name)
def test_the_steps_of_every_parameter_come_to_its_record(how: Configuration) -> None:
    rng = random.Random(f"told {how.name}")
    histories = [random_history(rng, irecist=how.irecist) for _ in range(SUBJECTS)]
    study = tables(histories, criterion="iRECIST" if how.irecist else "RECIST 1.1")
    engine = Engine("admiralonco_irecist" if how.irecist else "admiralonco", overrides=as_overrides(how))
    result = engine.run(study, data_cutoff="2030-01-01")
    seen = 0
    for place in range(SUBJECTS):
        for story in result.explain(f"S{place:06d}").endpoints:
            assert story.steps, story
            assert "does not show its steps" not in str(story)
            assert all(rule.text for step in story.steps for one in step.sentences for rule in one.rules), story
            record = story.record
            if record is None:
                continue
            told = story.steps[-1].sentences if "event" not in record else _dating(story, record)
            if "event" not in record:
                assert any(word in one.text for one in told for word in DECIDED) == (record["date"] is not None), story
            if record["date"] is not None:
                seen += 1
                assert str(record["date"]) in " ".join(one.text for one in told), story
    assert seen > 30


def _dating(story: object, record: object) -> list[object]:
    """The sentences that say what the record is dated to."""
    wanted = ("ends the time.", "is the latest.", "is lifted to it")
    steps = story.steps  # type: ignore[attr-defined]
    found = [one for step in steps for one in step.sentences if any(word in one.text for word in wanted)]
    ends = [one for one in found if "ends the time." in one.text]
    assert (len(ends) == 1) == record["event"], story  # type: ignore[index]
    return found


@pytest.mark.parametrize("confirm_days", [0, 14, 28])
def test_why_a_response_is_not_confirmed_is_told_as_it_is_derived(confirm_days: int) -> None:
    rng = random.Random(f"confirmation {confirm_days}")
    confirmed = 0
    for _ in range(150):
        rules = {"confirm_days": confirm_days, "max_ne": rng.choice([0, 1, 2]), "accept_sd": rng.choice([0, 1])}
        days = sorted(rng.sample(range(0, 140, 7), 8))
        codes = rng.choices(["CR", "PR", "SD", "NE", "NON-CR/NON-PD", "PD"], [4, 6, 3, 3, 1, 1], k=8)
        rows = pl.DataFrame({"subject": 1, "day": days, "code": codes}).with_columns(
            day=pl.date(2024, 1, 10) + pl.duration(days="day"), source_id=pl.lit("A")
        )
        derived = derive_confirmed(rows.lazy(), rules).collect().sort("day").to_dicts()
        for row in derived:
            if row["code"] in ("CR", "PR"):
                assert row["counts"] == (why_not_confirmed(row, derived, rules) is None), (rules, days, codes)
                confirmed += row["counts"]
    assert confirmed > 20
