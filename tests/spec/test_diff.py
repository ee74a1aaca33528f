"""Two rulesets side by side: what differs in what they mean, which records change by which rule, and in which estimates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, describe_ruleset, load_ruleset, read_study
from rules_engine.diff import ABSENT, Comparison, compare_rules
from rules_engine.diff.records import compare_records
from rules_engine.engine import Result

from tests.spec.test_cli import rules_engine

CUTOFF = "2025-12-31"


def variant(**stated: Any) -> dict[str, Any]:
    return {
        "rules_engine": 1,
        "id": "variant",
        "kind": "protocol",
        "extends": ["tace_ici_hcc"],
        "title": "Variant",
        **stated,
    }


def run(study: Path, ruleset: Mapping[str, Any] | str, cutoff: str = CUTOFF) -> Result:
    engine = Engine(ruleset)
    return engine.run(read_study(study, ruleset=engine.ruleset, registry=engine.registry), data_cutoff=cutoff)


@pytest.fixture(scope="module")
def before(study_folder: Path) -> Result:
    return run(study_folder, "tace_ici_hcc")


@pytest.fixture(scope="module")
def censored(study_folder: Path, before: Result) -> Comparison:
    """New therapy and a limit on missed visits, both on PFS alone."""
    options = {"new_therapy": "censor", "missed_visits": {"method": "fixed_days", "gap_days": 100}}
    return before.diff(run(study_folder, variant(endpoints={"PFS": {"options": options}})))


def test_a_ruleset_means_what_it_means_however_it_is_written() -> None:
    one = variant(options={"new_therapy": "censor", "no_baseline": "censor_day1"}, study={"arms": ["TACE+ICI", "TACE"]})
    # The same in another order, at the endpoints instead of at the top, and with a default stated.
    endpoints = {name: {"options": {"new_therapy": "censor"}} for name in load_ruleset("tace_ici_hcc").endpoints}
    other = variant(
        study={"arms": ["TACE+ICI", "TACE"]}, endpoints=endpoints, options={"post_baseline": "after_origin"}
    )
    assert compare_rules(load_ruleset(one), load_ruleset(other)) == []


def test_a_difference_names_its_values_and_both_places(tmp_path: Path) -> None:
    file = tmp_path / "variant.yaml"
    lines = [
        "rules_engine: 1",
        "id: variant",
        "kind: protocol",
        "extends: [tace_ici_hcc]",
        "title: Variant",
        "endpoints:",
    ]
    file.write_text("\n".join([*lines, "  OS:", "    options: {os_censor: last_contact}", ""]), encoding="utf-8")
    (difference,) = compare_rules(load_ruleset("tace_ici_hcc"), load_ruleset(file))
    assert (difference.name, difference.before, difference.after) == (
        "endpoints.OS.options.os_censor", "last_known_alive", "last_contact",
    )  # fmt: skip
    assert difference.before_at is not None
    assert difference.before_at.file.endswith("common/ruleset.yaml")
    assert difference.after_at is not None
    assert (difference.after_at.file, difference.after_at.line) == (str(file), 8)


def test_an_endpoint_on_one_side_is_one_difference() -> None:
    after = load_ruleset(variant(endpoints={"PFSX": {"like": "PFS", "label": "Another PFS"}}))
    (difference,) = compare_rules(load_ruleset("tace_ici_hcc"), after)
    assert (difference.name, difference.before, difference.after) == ("endpoints.PFSX", ABSENT, "Another PFS")


def test_fda_and_ema_differ_in_what_the_regulators_differ_in() -> None:
    # Options on which the FDA 2007 table A and EMA appendix 1 part ways, both measured from randomisation.
    found = {rule.name: (rule.before, rule.after) for rule in compare_rules(load_ruleset("fda"), load_ruleset("ema"))}
    assert found == {
        "options.no_baseline": ("censor_day1", "use_assessments"),
        "options.missed_visits.method": ("windows", "disabled"),
        "options.new_therapy": ("censor", "ignore"),
    }


def test_a_run_does_not_differ_from_itself(before: Result) -> None:
    comparison = before.diff(before)
    assert (list(comparison.rules), comparison.records.height, comparison.estimates.height) == ([], 0, 0)
    assert not comparison.results_differ


def test_records_that_differ_are_those_of_the_two_data_sets(before: Result, censored: Comparison) -> None:
    # The derived rows, compared as sets.
    columns = ["USUBJID", "PARAMCD", "CNSR", "ADT", "STARTDT", "REASON"]
    after = censored.after.derived.time_to_event
    ones = {
        (name, *row)
        for name, rows in before.derived.time_to_event.items()
        for row in rows.select("subject", "cnsr", "date", "start_date", "reason").iter_rows()
    }
    others = {
        (name, *row)
        for name, rows in after.items()
        for row in rows.select("subject", "cnsr", "date", "start_date", "reason").iter_rows()
    }
    differing = {row[:2] for row in ones ^ others}
    assert differing
    assert set(before.adtte.columns) >= set(columns)
    assert set(censored.records.select("paramcd", "subject").iter_rows()) == differing
    # The sensitivity analyses are like PFS, so that what holds for it holds for them.
    assert "PFS" in {name for name, _subject in differing} <= {"PFS", "PFSNAT", "PFSGAP", "PFSLC", "PFSMR"}


def test_each_change_is_put_down_to_the_rules_that_make_it(
    study_folder: Path, before: Result, censored: Comparison
) -> None:
    # What each rule does alone, by runs of their own.
    alone = {
        "new_therapy": run(study_folder, variant(endpoints={"PFS": {"options": {"new_therapy": "censor"}}})),
        "missed_visits": run(
            study_folder,
            variant(endpoints={"PFS": {"options": {"missed_visits": {"method": "fixed_days", "gap_days": 100}}}}),
        ),
    }
    keys = ["subject", "event_type", "date", "start_date", "reason", "days"]
    wanted = set(censored.after.derived.time_to_event["PFS"].select(keys).iter_rows())
    gives = {
        name: {row[0] for row in result.derived.time_to_event["PFS"].select(keys).iter_rows() if row in wanted}
        for name, result in alone.items()
    }
    of_pfs = censored.records.filter(pl.col("paramcd") == "PFS")
    told = {row["subject"]: (row["by"], row["how"]) for row in of_pfs.iter_rows(named=True)}
    assert any(how == "alone" for _by, how in told.values())
    for subject, (by, how) in told.items():
        if subject in gives["new_therapy"]:
            assert "new_therapy" in by
            assert how == "alone"
        elif subject not in gives["missed_visits"]:
            assert how == "together"


def test_a_rule_that_needs_another_is_tried_with_it(censored: Comparison) -> None:
    # The method needs the gap, and the gap without the method does nothing: only the two together censor.
    of_pfs = censored.records.filter((pl.col("paramcd") == "PFS") & (pl.col("how") == "as a pair"))
    assert of_pfs.height > 0
    pair = "missed_visits.method + missed_visits.gap_days"
    assert set(of_pfs["by"].str.split("; ").list.contains(pair)) == {True}
    # PFSNAT censors at a therapy in both runs: no other rule differs than these two.
    together = censored.records.filter(pl.col("how") == "together")
    assert set(together["by"]) <= {"missed_visits.method; missed_visits.gap_days"}


def test_three_rules_are_tried_together_where_a_fourth_does_nothing(study_folder: Path, before: Result) -> None:
    gaps = {"method": "fixed_days", "gap_days": 70, "scope": "any_gap"}
    options = {"missed_visits": gaps, "post_cutoff_alive": "ignore"}
    after = run(study_folder, variant(endpoints={"PFS": {"options": options}}))
    of_pfs = before.diff(after, endpoints=["PFS"]).records
    three = set(of_pfs.filter(pl.col("how") == "three together")["by"])
    # A gap that is not the last before the event: the two alone do not look at it.
    assert three == {"missed_visits.method + missed_visits.scope + missed_visits.gap_days"}
    assert "together" not in set(of_pfs["how"])


def of_stream(options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Best response and progression-free survival of one derived stream, with some of its values changed."""
    return {
        "rules_engine": 1, "id": "streams", "kind": "protocol", "title": "One stream", "extends": ["seed"],
        "responses": {"m": {"criterion": "mrecist", "assessor": "investigator", "options": dict(options or {})}},
        "endpoints": {
            "BOR": {"like": "BOR", "response": "m", "options": {"response": {"landmark": None}}}, "PFS": {"like": "PFS", "response": "m"},
        },
    }  # fmt: skip


def answers_of(result: Result, paramcd: str) -> set[tuple[Any, ...]]:
    """Subject and what the record says of each."""
    if paramcd == "PFS":
        return set(result.derived.time_to_event[paramcd].select("subject", "event_type", "date", "reason").iter_rows())
    return set(result.derived.responses[paramcd].select("subject", "value", "date").iter_rows())


def test_each_value_of_a_stream_is_tried_by_itself(study_folder: Path) -> None:
    values: dict[str, Any] = {"pr.pct": 10, "pd.pct": 60}
    before, after = run(study_folder, of_stream()), run(study_folder, of_stream(values))
    alone = {name: run(study_folder, of_stream({name: value})) for name, value in values.items()}
    comparison = before.diff(after)
    found = set()
    for paramcd in ("BOR", "PFS"):
        wanted = answers_of(after, paramcd)
        gives = {name: {row[0] for row in answers_of(one, paramcd) if row in wanted} for name, one in alone.items()}
        for row in comparison.records.filter(pl.col("paramcd") == paramcd).iter_rows(named=True):
            by = {f"responses.m.options.{name}" for name in values if row["subject"] in gives[name]}
            if by:
                assert (set(row["by"].split("; ")), row["how"]) == (by, "alone"), row
            else:
                assert row["how"] == "together", row
            found.add((row["by"], row["how"]))
    assert {("responses.m.options.pr.pct", "alone"), ("responses.m.options.pd.pct", "alone")} <= found


def test_values_of_a_stream_are_tried_with_options_and_with_a_later_cutoff(study_folder: Path) -> None:
    changed = of_stream({"pr.pct": 10})
    changed["endpoints"]["PFS"]["options"] = {"new_therapy": "censor"}
    before, after = run(study_folder, of_stream(), "2024-06-30"), run(study_folder, changed, CUTOFF)
    later = run(study_folder, of_stream(), CUTOFF)
    wanted = answers_of(after, "PFS")
    of_cutoff = {row[0] for row in answers_of(later, "PFS") if row in wanted}
    records = before.diff(after, endpoints=["PFS"]).records
    told = {row["subject"]: (row["by"], row["how"]) for row in records.iter_rows(named=True)}
    # Visits after the first cut-off are there where it alone is moved.
    assert len(of_cutoff & told.keys()) > 5
    for subject in of_cutoff & told.keys():
        by, how = told[subject]
        assert "data cut-off" in by.split("; ")
        assert how == "alone"


def test_records_that_differ_in_words_or_bounds_alone_are_told(before: Result) -> None:
    rows = before.derived.time_to_event["PFS"]
    named = rows.with_columns(event_description=pl.lit("another text"))
    moved = rows.with_columns(interval_left=pl.col("interval_left").dt.offset_by("-1d"))
    for changed, told in ((named, "other words"), (moved, "other interval")):
        derived = replace(before.derived, time_to_event={"PFS": changed}, responses={})
        records = compare_records(replace(before.derived, time_to_event={"PFS": rows}, responses={}), derived)
        assert (records.height, records["change"].unique().to_list()) == (rows.height, [told])


def test_a_difference_is_told_in_the_words_of_the_description(before: Result, censored: Comparison) -> None:
    (rule,) = [rule for rule in censored.rules if rule.name == "endpoints.PFS.options.new_therapy"]
    for sentence, ruleset in ((rule.before_told, before.ruleset), (rule.after_told, censored.after.ruleset)):
        assert sentence
        assert sentence in str(describe_ruleset(ruleset))
    assert f"censor: {rule.after_told}" in str(censored)
    assert rule.as_dict()["after_told"] == rule.after_told
    # A limit that the method of the first run does not read is without effect there, and so is not told.
    (gap,) = [rule for rule in censored.rules if rule.name == "endpoints.PFS.options.missed_visits.gap_days"]
    assert gap.before_told == ""


def test_estimates_that_differ_are_those_of_the_two_results(before: Result, censored: Comparison) -> None:
    median = (pl.col("analysis") == "survival") & (pl.col("paramcd") == "PFS") & (pl.col("statistic") == "events")
    shown = {
        row["group"]: (row["before"], row["after"]) for row in censored.estimates.filter(median).iter_rows(named=True)
    }
    sides = [
        dict(side.filter(median).select("group", "value").iter_rows()) for side in (before.ard, censored.after.ard)
    ]
    assert shown == {group: (value, sides[1][group]) for group, value in sides[0].items() if value != sides[1][group]}
    assert "PFS" in set(censored.estimates["paramcd"].unique()) <= set(censored.records["paramcd"].unique())


def test_a_later_cutoff_is_the_cause_of_what_it_changes(study_folder: Path, before: Result) -> None:
    comparison = run(study_folder, "tace_ici_hcc", "2024-06-30").diff(before)
    assert comparison.rules == []
    assert comparison.results_differ
    assert comparison.records["by"].unique().to_list() == ["data cut-off"]


def test_the_page_holds_both_curves_and_no_markup_of_the_data(censored: Comparison) -> None:
    page = censored.html()
    assert 'aria-labelledby="diff-PFS-t diff-PFS-d"' in page
    assert "line c0 dashed" in page
    assert "<script" not in page
    assert "PFS: Events" in str(censored)


def test_the_command_leaves_with_1_where_results_differ_and_0_where_none_does(
    study_folder: Path, tmp_path: Path
) -> None:
    assert rules_engine("diff", "fda", "fda").returncode == 0
    rules = rules_engine("diff", "fda", "ema", "--json")
    assert rules.returncode == 1
    assert {rule["path"] for rule in json.loads(rules.stdout)["rules"]} >= {"options.new_therapy"}
    page = tmp_path / "diff.html"
    done = rules_engine(
        "diff", "tace_ici_hcc", "tace_ici_hcc", "--data", str(study_folder), "--data-cutoff", "2024-06-30", "--cutoff-b",
        CUTOFF, "--endpoint", "OS", "--out", str(page), "--json",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert {record["paramcd"] for record in document["records"]} == {"OS"}
    assert page.is_file()


def test_the_command_sets_parameters_of_both_or_of_the_second(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(
        "rules_engine: 1\nid: plan\nkind: protocol\ntitle: Plan\nextends: [ema]\n"
        "parameters: {way: {value: ignore, description: What a new therapy does}}\n"
        "options: {new_therapy: {from_parameter: way}}\n"
        "responses: {site: {collected_as: RECIST 1.1}}\nendpoints: {PFS: {like: PFS, response: site}}\n",
        encoding="utf-8",
    )
    done = rules_engine("diff", str(file), str(file), "--set-b", "way=censor", "--json")
    (rule,) = [rule for rule in json.loads(done.stdout)["rules"] if rule["path"].startswith("endpoints")]
    assert (done.returncode, rule["before"], rule["after"]) == (1, "ignore", "censor")
    assert rule["after_told"].startswith("The start of a new anticancer therapy")
    assert rules_engine("diff", str(file), str(file), "--set", "way=censor").returncode == 0
    unknown = rules_engine("diff", str(file), str(file), "--set-b", "wya=censor")
    assert (unknown.returncode, "declares no parameter 'wya'" in unknown.stderr) == (2, True)


@pytest.mark.parametrize("command", ["explain", "plot", "tables"])
def test_the_other_commands_set_parameters_too(command: str, study_folder: Path) -> None:
    more = ["--subject", "HCC-000001"] if command == "explain" else ["--list"]
    done = rules_engine(command, "tace_ici_hcc", "--data", str(study_folder), *more, "--set", "gap=1")
    assert done.returncode == 2
    assert "declares no parameter 'gap'" in done.stderr


def test_options_of_the_study_need_the_study() -> None:
    done = rules_engine("diff", "fda", "ema", "--endpoint", "PFS")
    assert done.returncode == 2
    assert "--data" in done.stderr
