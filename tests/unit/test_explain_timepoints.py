"""One timepoint response in words: what each lesion said, the numbers, the rule, and what would have changed the response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import rules_engine
from rules_engine.contracts import empty_table
from rules_engine.errors import PluginError
from rules_engine.explain.subject import SubjectData
from rules_engine.explain.timepoint import TimepointStory
from rules_engine.explain.timepoints_of_subject import tell_timepoints
from rules_engine.loading import load_ruleset
from rules_engine.model import CriterionRules
from rules_engine.registry import build_registry, default_registry
from rules_engine.vocabulary import TIMEPOINT_SCHEMA, Criterion

from tests.strategies.criteria_engine import lesion_frame
from tests.strategies.explained import TABLES, stories

START = date(2024, 1, 8)
PLACE = r"\[pr.pct = 30 %; rulesets/recist_1_1/ruleset.yaml:\d+\]"


def history(*visits: Mapping[str, Any], **traits: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a subject: visits six weeks apart, the first one the baseline; of each lesion a size in mm or what else is recorded.

    `traits` are what a lesion is beside a target in the lung; `day` among the lesions moves the visit.
    """
    rows = []
    for number, visit in enumerate(visits):
        lesions = dict(visit)
        day = START + timedelta(lesions.pop("day", 42 * number))
        for lesion, said in lesions.items():
            recorded = said if isinstance(said, Mapping) else {"mm_x100": round(said * 100)}
            rows.append(
                {
                    "subject": "S1", "visit_date": day, "is_baseline": number == 0, "lesion_id": lesion, "role": "target",
                    "organ": "lung", "node": False, "assessor": "investigator", **traits.get(lesion, {}), **recorded,
                }
            )  # fmt: skip
    return rows


def last(rows: list[dict[str, Any]], criterion: str = "recist_1_1", **options: Any) -> TimepointStory:
    return stories(rows, criterion, {key.replace("__", "."): value for key, value in options.items()})[-1]


def ways(story: TimepointStory, direction: str) -> dict[str, list[list[str]]]:
    """What would have had to be different, by category: the texts of each way."""
    return {
        one.category: [[change.text for change in way] for way in one.ways]
        for one in story.alternatives
        if one.direction == direction
    }


def test_stable_disease_says_how_far_it_is_from_pr_and_from_pd() -> None:
    # 70 % of 100.0 is 70.0: 3.2 less than 73.2. 120 % of the nadir 80.0 is 96.0, more than 5 mm above it: 12.0 more than 84.0.
    first = last(history({"A": 60, "B": 40}, {"A": 48.2, "B": 25}))
    assert ways(first, "better") == {
        "PR": [["the target sum at most 70.0 mm: 3.2 mm less (PR is −30 % from the baseline of 100.0 mm)"]]
    }
    second = last(history({"A": 60, "B": 40}, {"A": 45, "B": 35}, {"A": 48, "B": 36}))
    assert ["the target sum at least 96.0 mm: 12.0 mm more (PD is +20 % and +5 mm over the nadir of 80.0 mm)"] in ways(
        second, "worse"
    )["PD"]
    assert ["an unequivocal new lesion"] in ways(second, "worse")["PD"]
    assert second.sums is not None
    assert second.sums.nadir_date == START + timedelta(42)
    assert "Nadir 80.0 mm (the visit of 2024-02-19): +5.0 %, +4.0 mm." in str(second.sums)


def test_the_limits_are_those_of_the_ruleset() -> None:
    rows = history({"A": 100}, {"A": 80})
    story = last(rows, pr__pct=50, pd__pct=25, pd__abs_mm=30)
    change = story.alternatives[0].ways[0][0]
    assert (change.at_most_x100, change.by_x100) == (5000, -3000)
    # The nadir is the baseline: +25 % would be 125.0, but 30 mm are asked for.
    worse = story.alternatives[1].ways[0][0]
    assert (worse.at_least_x100, worse.by_x100) == (13000, 5000)
    assert [rule.name for rule in worse.rules] == ["pd.pct", "pd.abs_mm"]


def test_a_percentage_that_rounding_would_lift_to_the_limit_is_shown_with_more_decimals() -> None:
    story = last(history({"A": 75.0}, {"A": 52.53}))  # -29.96 %
    assert story.overall == "SD"
    assert story.sums is not None
    assert story.sums.baseline_change == "−29.96 %"
    assert story.sums.as_dict()["change_from_baseline_pct"] == -29.96
    assert last(history({"A": 75.0}, {"A": 52.5})).sums.baseline_change == "−30.0 %"  # type: ignore[union-attr]


def test_each_lesion_says_what_it_contributed_and_why() -> None:
    rows = history(
        {"A": 30, "B": 20, "C": 25, "N": 16},
        {"A": {"state": "tstm"}, "B": {"state": "merged", "into": "C"}, "C": 31, "N": 9.5},
        N={"node": True, "organ": "lymph_node"},
    )
    story = last(rows)
    said = {one.lesion: one for one in story.lesions}
    assert said["A"].counted_x100 == 500
    assert said["A"].said == "too small to measure: counts 5.0 mm"
    assert said["A"].rule is not None
    assert said["A"].rule.name == "tstm.default_mm"
    assert said["B"].counted_x100 == 0
    assert said["B"].said == "merged into C, which carries the mass: counts 0"
    assert (said["C"].baseline_x100, said["C"].counted_x100) == (2500, 3100)
    assert (said["N"].said, said["N"].status) == ("short axis 9.5 mm", "absent")
    assert story.sums is not None
    assert story.sums.sum_x100 == 4550
    assert not story.notes


def test_a_lesion_without_a_row_is_not_evaluated_and_progression_can_still_be_proven() -> None:
    # A alone would have to reach 120 % of the nadir 60.0, which is more than 5 mm above it.
    story = last(history({"A": 40, "B": 20}, {"A": 44}))
    missing = next(one for one in story.lesions if one.lesion == "B")
    assert missing.counted_x100 is None
    assert missing.said == "no row at this visit, so not evaluated (never taken as absent)"
    assert story.overall == "NE"
    assert ways(story, "better") == {"SD": [["B evaluated at this visit; then the sum decides"]]}
    proven = [
        "the sum of the targets that are known at least 72.0 mm: 28.0 mm more (PD is +20 % and +5 mm over the nadir of 60.0 mm)"
    ]
    assert proven in ways(story, "worse")["PD"]


def test_the_rule_that_decided_is_told_with_its_words_source_and_place() -> None:
    story = last(history({"A": 100}, {"A": 69.9}))
    rule, value = story.target.sentence.rules  # type: ignore[union-attr]
    assert (rule.name, rule.reference) == ("recist_1_1.target.pr", "Eisenhauer 2009 §4.3.1")
    assert rule.text == "The sum has fallen from baseline by the stated percentage."
    assert rule.position is not None
    assert rule.position.file.endswith("recist_1_1/ruleset.yaml")
    with open(rule.position.file, encoding="utf-8") as file:
        assert "recist_1_1.target.pr:" in file.readlines()[rule.position.line - 1]
    assert (value.name, value.value) == ("pr.pct", 30)
    assert [source.seq for source in story.decision.sentence.sources] == [2]


def test_progression_by_targets_and_a_new_lesion_needs_both_away() -> None:
    story = last(history({"A": 50}, {"A": 60, "X": 12}, X={"role": "new", "organ": "bone"}))
    assert ways(story, "better") == {
        "SD": [
            [
                "the target sum below 60.0 mm: more than 0.0 mm less (PD is +20 % and +5 mm over the nadir of 50.0 mm)",
                "no new lesion X",
            ]
        ]
    }


def test_a_response_that_persists_says_since_when() -> None:
    story = last(history({"A": 100}, {"A": 70}, {"A": 75}))
    assert story.overall == "PR"
    assert "a response was seen on 2024-02-19 and has not been lost" in str(story)
    assert list(ways(story, "worse")) == ["PD"]


def test_disease_that_is_back_after_a_complete_response_says_when_that_was() -> None:
    story = last(history({"A": 20}, {"A": {"state": "absent"}}, {"A": 3}))
    assert story.overall == "PD"
    assert "A seen again after the complete response of 2024-02-19" in str(story)
    assert ways(story, "better") == {"CR": [["every target gone: A (3.0 mm) still there"]]}


def test_confirmation_comes_with_its_arithmetic_and_the_date_of_the_first_progression() -> None:
    told = stories(history({"A": 50}, {"A": 62}, {"A": 66.9}, {"A": 67}), "irecist")
    assert [one.overall for one in told] == ["iUPD", "iUPD", "iCPD"]
    first, waiting, confirmed = told
    assert first.reassessment is not None
    assert (first.reassessment.state_before, first.reassessment.state) == ("OPEN", "PENDING")
    # 5 mm more than the 62.0 of the iUPD are 67.0.
    assert [
        "the target sum at least 67.0 mm: 0.1 mm more (5 mm more than the 62.0 mm of the iUPD on 2024-02-19)"
    ] in ways(waiting, "worse")["iCPD"]
    assert ways(waiting, "better") == {
        "iSD": [
            ["the target sum below 60.0 mm: more than 6.9 mm less (PD is +20 % and +5 mm over the nadir of 50.0 mm)"]
        ]
    }
    assert confirmed.reassessment is not None
    assert confirmed.reassessment.anchor_date == START + timedelta(42)
    ((name, sentence),) = confirmed.reassessment.reasons
    assert name == "C1"
    assert sentence.text == "C1: the target sum is 67.0 mm, +5.0 mm from the 62.0 mm of the iUPD on 2024-02-19."
    assert "The scan came 84 days after the iUPD of 2024-02-19." in str(confirmed)


def test_a_scan_too_soon_says_from_when_on_it_would_have_counted() -> None:
    story = last(history({"A": 50}, {"A": 62}, {"day": 62, "A": 80}), "irecist")
    assert story.overall == "iUPD"
    assert story.reassessment is not None
    assert not story.reassessment.accepted
    assert "20 days after the iUPD of 2024-02-19, too soon" in str(story).replace("\n      ", " ")
    assert "2024-03-18" in str(story)  # 28 days after 19 February


def test_a_nodule_that_does_not_count_yet_says_what_it_needs() -> None:
    nodule = {"role": "new", "organ": "liver", "pattern": "atypical"}
    story = last(history({"A": 50}, {"A": 50, "X": 12}, X=nodule), "mrecist")
    seen = next(one for one in story.lesions if one.lesion == "X")
    assert not seen.counts
    assert "counts at 10 mm with a typical pattern, or when it has grown by 10 mm" in seen.said
    assert story.overall == "SD"


def test_progression_dated_back_says_what_was_read_and_by_which_value() -> None:
    doubtful, sure = {"mm_x100": 800, "certainty": "equivocal"}, {"mm_x100": 900}
    told = stories(history({"A": 50}, {"A": 50, "X": doubtful}, {"A": 50, "X": sure}, X={"role": "new"}))
    assert [one.overall for one in told] == ["PD", "PD"]
    assert "PD, restated: it was read as SD" in told[0].decision.sentence.text
    assert "progression is dated back to 2024-02-19" in told[1].decision.sentence.text
    assert "equivocal.backdate" in [rule.name for rule in told[0].decision.sentence.rules]


@pytest.mark.parametrize("criterion", ["recist_1_1", "mrecist", "irecist", "mrecist_irecist"])
def test_the_data_are_plain_and_say_the_same(criterion: str) -> None:
    rows = history({"A": 50, "B": 30}, {"A": 62, "B": 41}, {"A": 70, "B": 41, "X": 14}, X={"role": "new"})
    for story in stories(rows, criterion):
        data = json.loads(json.dumps(story.as_dict()))
        assert data["overall"] == story.overall
        assert data["sums"]["sum_mm"] == sum(one["counted_mm"] for one in data["lesions"] if one["role"] == "target")
        assert set(data) == {
            "subject", "response", "criterion", "visit_date", "visit_number", "reason", "suspected_pseudoprogression", "overall",
            "lesions", "sums", "target", "nontarget", "new_lesion", "decision", "reassessment", "alternatives", "notes",
        }  # fmt: skip


# Criteria of third parties ----------------------------------------------------------------------------------------------


def _largest_only(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """A criterion of nobody: the largest target alone, progression from a limit on."""
    largest = (
        lesions.filter(~pl.col("is_baseline")).group_by("subject", "visit_date").agg(sum_x100=pl.col("mm_x100").max())
    )
    code = pl.when(pl.col("sum_x100") >= rules["house.limit_mm"] * 100).then(pl.lit("PD")).otherwise(pl.lit("SD"))
    told = {
        "sum_x100": pl.col("sum_x100"), "sum_complete": pl.lit(value=True), "target": code, "overall": code, "overall_as_read": code,
        "basis_overall": code, "rule_id": pl.lit("house.limit"), "trace": pl.lit("house.limit"), "accepted": pl.lit(value=True),
        "new_lesion": pl.lit(value=False), "subject": pl.col("subject"), "visit_date": pl.col("visit_date"),
    }  # fmt: skip
    return largest.select(
        **{name: told.get(name, pl.lit(None)).cast(dtype) for name, dtype in TIMEPOINT_SCHEMA.items()}
    )


class HousePlugin:
    @staticmethod
    @rules_engine.hookimpl
    def rules_engine_criteria() -> list[Criterion]:
        schema = {"type": "object", "properties": {"house.limit_mm": {"type": "integer"}}}
        return [Criterion("house", "1", "The house rule", "Charter", schema, ("SD", "PD"), _largest_only)]


def test_a_criterion_that_shows_nothing_is_told_by_its_rule_and_its_records(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(
        "{rules_engine: 1, id: house, kind: criterion, criterion: house, title: House,\n"
        " values: {house.limit_mm: {value: 70, unit: mm, text: Largest lesion., reference: Charter 2}},\n"
        " rules: {house.limit: {text: The largest lesion decides., reference: Charter 1}}}\n"
    )
    registry = build_registry(extra=[("house", HousePlugin())])
    protocol = {
        "rules_engine": 1, "id": "p", "kind": "protocol", "title": "t",
        "responses": {"read": {"criterion": str(tmp_path / "house.yaml")}},
    }  # fmt: skip
    ruleset = load_ruleset(protocol, registry=registry)
    tables = {name: empty_table(name) for name in TABLES}
    tables["lesion_assessments"] = lesion_frame([history({"A": 50, "B": 30}, {"A": 72, "B": {"state": "absent"}})])
    data = SubjectData("S1", ruleset, registry, START, tables)
    (story,) = tell_timepoints(data, ruleset.responses["read"])
    assert story.overall == "PD"
    assert [one.said for one in story.lesions] == ["as recorded: diameter 72.0 mm", "as recorded: state absent"]
    assert '"The largest lesion decides." [house.limit; Charter 1;' in " ".join(str(story).split())
    assert not story.alternatives
    assert "does not show what it decided by" in str(story)


def test_a_criterion_that_fails_to_show_what_it_decided_by_is_named() -> None:
    def fails(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
        raise KeyError("sum")

    registry = default_registry()
    broken = replace(registry.criteria.require("recist_1_1"), inspect=fails)
    registry = replace(
        registry, criteria=type(registry.criteria)("criterion", {**registry.criteria, "recist_1_1": broken})
    )
    protocol = {
        "rules_engine": 1, "id": "p", "kind": "protocol", "title": "t", "responses": {"read": {"criterion": "recist_1_1"}}
    }  # fmt: skip
    ruleset = load_ruleset(protocol, registry=registry)
    tables = {name: empty_table(name) for name in TABLES}
    tables["lesion_assessments"] = lesion_frame([history({"A": 50}, {"A": 72})])
    data = SubjectData("S1", ruleset, registry, START, tables)
    with pytest.raises(PluginError, match=r"criterion 'recist_1_1'(.|\n)*`inspect` failed: KeyError"):
        tell_timepoints(data, ruleset.responses["read"])
