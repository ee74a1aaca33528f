"""A plugin that fails, or answers with what its contract forbids, stops the run with its name, its release and the subject."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import rules_engine
from rules_engine.errors import PluginError
from rules_engine.guard import foreign_words
from rules_engine.registry import BUILT_IN_PLUGINS, PluginSelection, Registry, build_registry, default_registry
from rules_engine.vocabulary import EndpointKind, Event, Grading

from tests.strategies.packages import command, put_package
from tests.strategies.small_studies import protocol, run, write_tables


def registry_of(hook: str, offered: object) -> Registry:
    """The installed plugins and one more, `house`, that offers this object."""

    def collect() -> list[object]:
        return [offered]

    collect.__name__ = f"rules_engine_{hook}"
    return build_registry(extra=[("house", SimpleNamespace(**{collect.__name__: rules_engine.hookimpl(collect)}))])


def criterion(change: Callable[[pl.LazyFrame], Any]) -> Registry:
    """RECIST 1.1 under the name `house`, what it gives changed."""
    recist = default_registry().criteria.require("recist_1_1")
    return registry_of(
        "criteria", replace(recist, id="house", assess=lambda rows, rules: change(recist.assess(rows, rules)))
    )


def house_ruleset(folder: Path) -> dict[str, Any]:
    file = folder / "house.yaml"
    file.write_text(
        "rules_engine: 1\nid: house\nkind: criterion\nextends: [recist_1_1]\ncriterion: house\ntitle: House\n",
        encoding="utf-8",
    )
    return {"overall": {"criterion": str(file)}}


def refused(tmp_path: Path, registry: Registry, **more: Any) -> str:
    responses = house_ruleset(tmp_path) if "house" in registry.criteria else {"overall": {"criterion": "recist_1_1"}}
    with pytest.raises(PluginError) as caught:
        run(write_tables(tmp_path / "study"), responses, registry, **more)
    assert caught.value.exit_code == 4
    return str(caught.value)


def fail_at(subject: str) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    def check(rows: pl.DataFrame) -> pl.DataFrame:
        if subject in rows["subject"]:
            raise ZeroDivisionError("no nadir")
        return rows

    return lambda frame: frame.map_batches(check)


def test_a_failing_criterion_is_named_with_the_subject_at_hand(tmp_path: Path) -> None:
    said = refused(tmp_path, criterion(fail_at("B")))
    assert "criterion 'house' (version 1.0) of plugin 'house'" in said
    assert "it failed at subject B: " in said
    assert "ZeroDivisionError" in said
    assert "no nadir" in said


def test_a_failure_over_several_subjects_together_blames_none(tmp_path: Path) -> None:
    def check(rows: pl.DataFrame) -> pl.DataFrame:
        if rows["subject"].n_unique() > 1:
            raise RuntimeError("too many")
        return rows

    said = refused(tmp_path, criterion(lambda frame: frame.map_batches(check)))
    assert "it failed: " in said
    assert "at subject" not in said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda frame: frame.collect(), "it returned DataFrame, not a lazy frame of Polars"),
        (lambda _frame: None, "it returned NoneType, not a lazy frame of Polars"),
        (lambda frame: frame.drop("overall"), "overall: missing"),
        (lambda frame: frame.with_columns(overall=pl.lit(1)), "overall: Int32 instead of String"),
        (lambda frame: frame.with_columns(overall=pl.lit("GOOD")), "outside its codelist: GOOD"),
        (lambda frame: pl.concat([frame, frame]), "rows that share subject and visit, first subject A, visit 2024-03-04"),
        (lambda frame: frame.with_columns(subject=pl.lit("Z")), "about subject 'Z', of whom it was given no record"),
        (lambda frame: frame.with_columns(subject=pl.lit(None, pl.String)), "about no subject (null)"),
        (lambda frame: frame.select(pl.col("nonsense")), "it failed: ColumnNotFoundError"),
    ],
)  # fmt: skip
def test_a_criterion_that_answers_nonsense_is_told_what_is_wrong(
    tmp_path: Path, change: Callable[[pl.LazyFrame], Any], expected: str
) -> None:
    said = refused(tmp_path, criterion(change))
    assert "criterion 'house' (version 1.0) of plugin 'house'" in said
    assert expected in said


def test_a_criterion_that_changes_its_options_is_refused(tmp_path: Path) -> None:
    recist = default_registry().criteria.require("recist_1_1")

    def assess(rows: pl.LazyFrame, rules: Any) -> pl.LazyFrame:
        rules.options["pr.pct"] = 50
        return recist.assess(rows, rules)

    said = refused(tmp_path, registry_of("criteria", replace(recist, id="house", assess=assess)))
    assert "it changed the options that it was given" in said


def test_a_failing_endpoint_kind_is_named_with_the_subject(tmp_path: Path) -> None:
    def derive(records: Any, _endpoint: Any, _cutoff: Any) -> pl.LazyFrame:
        frame: pl.LazyFrame = fail_at("A")(records.subjects)
        return frame

    kind = EndpointKind(
        id="house", version="3", title="House", reference="none", shape="time_to_event", derive=derive,
        options_schema={"type": "object", "additionalProperties": False},
    )  # fmt: skip
    said = refused(tmp_path, registry_of("endpoint_kinds", kind), endpoints={"HOUSE": {"kind": "house"}})
    assert "endpoint kind 'house' (version 3) of plugin 'house' for HOUSE" in said
    assert "it failed at subject A" in said


def test_an_endpoint_kind_that_needs_nonsense_is_named(tmp_path: Path) -> None:
    kind = EndpointKind(
        id="house", version="3", title="House", reference="none", shape="time_to_event", derive=lambda *_: pl.LazyFrame(),
        options_schema={"type": "object", "additionalProperties": False}, needs=lambda _endpoint: [5],  # type: ignore[list-item]
    )  # fmt: skip
    said = refused(tmp_path, registry_of("endpoint_kinds", kind), endpoints={"HOUSE": {"kind": "house"}})
    assert "endpoint kind 'house' (version 3) of plugin 'house'" in said
    assert "its `needs` holds int, not Need" in said


def test_a_grading_that_loses_a_record_is_refused(tmp_path: Path) -> None:
    ctcae = default_registry().gradings.require("ctcae")
    lossy = replace(
        ctcae, grade_labs=lambda rows, *rest: ctcae.grade_labs(rows, *rest).filter(pl.col("subject") != "B")
    )

    def collect() -> list[Grading]:
        return [lossy]

    plugins = SimpleNamespace(rules_engine_gradings=rules_engine.hookimpl(collect))
    others = [(name, module) for name, module in _installed_modules() if name != "ctcae"]
    registry = build_registry([*others, ("house", plugins)])
    labs = "subject,date,analyte,value,unit\nA,2024-03-04,ALT,20,U/L\nB,2024-03-04,ALT,20,U/L\n"
    with pytest.raises(PluginError) as caught:
        run(
            write_tables(tmp_path / "study", labs=labs), {"overall": {"criterion": "recist_1_1"}}, registry,
            labs={"grading": "ctcae_v5", "options": {"on_unknown": "worst_case", "baseline_lookback_days": 28}},
        )  # fmt: skip
    assert "grading 'ctcae' (version 1.0) of plugin 'house'" in str(caught.value)
    assert "it returned 1 rows for 2 records" in str(caught.value)


def _installed_modules() -> list[tuple[str, object]]:
    return [(plugin.name, sys.modules[plugin.module]) for plugin in default_registry().plugins]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (lambda rows, _options: rows.insert_column(0, pl.Series("extra", [1] * rows.height)), "it changed the rows"),
        (lambda _rows, options: options.update(more=1), "it changed the options"),
        (lambda _rows, _options: 1 // 0, "it failed: ZeroDivisionError"),
    ],
)
def test_an_estimator_that_fails_or_changes_its_input_is_refused(
    tmp_path: Path, fault: Callable[[pl.DataFrame, Any], object], expected: str
) -> None:
    honest = default_registry().estimators.require("kaplan_meier")

    def estimate(rows: pl.DataFrame, group: str | None, options: Any) -> pl.DataFrame:
        found = honest.estimate(rows, group, options)
        fault(rows, options)
        return found

    registry = registry_of("estimators", replace(honest, id="house", estimate=estimate))
    said = refused(tmp_path, registry, analyses={"survival": {"estimator": "house", "endpoints": ["PFS"]}})
    assert "estimator 'house'" in said
    assert "of plugin 'house'" in said
    assert expected in said


# Which plugins are loaded -----------------------------------------------------------------------------------------------


BROKEN = "raise RuntimeError('no licence file')\n"
WORKING = """
import rules_engine
from rules_engine.vocabulary import RulesetFolder
from pathlib import Path

@rules_engine.hookimpl
def rules_engine_rulesets():
    return [RulesetFolder("house", Path(__file__).parent)]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two packages beside the engine: one whose plugin works, one whose plugin cannot be imported."""
    folder = tmp_path_factory.mktemp("site")
    put_package(folder, "working", WORKING)
    put_package(folder, "broken", BROKEN)
    return folder


def test_a_plugin_that_cannot_be_imported_is_named_with_its_release_and_can_be_left_out(site: Path) -> None:
    code, said = command(site, "plugins")
    assert code == 4
    assert "plugin 'broken' (broken_module, broken-rules 2.1)" in said
    assert "RuntimeError: no licence file" in said
    assert "`--no-plugins` leaves it out" in said
    code, said = command(site, "plugins", "--plugins", "working", "--json")
    assert code == 0, said
    names = {plugin["name"]: plugin["distribution"] for plugin in json.loads(said)["plugins"]}
    assert names["working"] == "working-rules"
    assert "recist_1_1" in names
    assert "broken" not in names
    code, said = command(site, "check", "tace_ici_hcc", "--no-plugins")
    assert code == 0, said


def test_a_plugin_that_is_not_installed_cannot_be_selected(site: Path) -> None:
    code, said = command(site, "check", "tace_ici_hcc", "--plugins", "workin-rules")
    assert code == 4
    assert "no plugin of this name is installed (installed beside the built-in ones: broken, broken-rules" in said
    assert "did you mean 'working-rules'?" in said
    code, said = command(site, "check", "tace_ici_hcc", "--plugins", "working", "--no-plugins")
    assert code == 2
    assert "--plugins and --no-plugins exclude each other" in said


def test_the_manifest_says_what_was_loaded_and_what_the_run_was_limited_to(site: Path, tmp_path: Path) -> None:
    study = write_tables(tmp_path / "study")
    (tmp_path / "small.yaml").write_text(
        json.dumps(protocol({"overall": {"criterion": "recist_1_1"}})), encoding="utf-8"
    )
    for limit, selected in ((["--plugins", "working"], ["working"]), (["--no-plugins"], [])):
        out = tmp_path / f"out{len(selected)}"
        code, said = command(
            site, "run", str(tmp_path / "small.yaml"), "--data", str(study), "--out", str(out), "--no-report", *limit
        )
        assert code == 0, said
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["plugins_selected"] == selected
        loaded = {plugin["name"]: plugin["version"] for plugin in manifest["plugins"]}
        assert ("working" in loaded) == bool(selected)
        assert "broken" not in loaded
        assert manifest["versions"]["hooks"] == "1.1"


def test_a_program_builds_a_registry_of_the_built_in_plugins() -> None:
    registry = build_registry(selection=BUILT_IN_PLUGINS)
    assert {plugin.distribution for plugin in registry.plugins} == {"endpoint-rules-engine"}
    assert registry.selection == PluginSelection(())


def test_the_words_of_other_packages_are_named_beside_the_endpoint_kind() -> None:
    # A word's frame may fail only when the kind's plan is computed: the message then names both.
    event = Event(
        id="house_event",
        version="1",
        title="x",
        reference="x",
        derive=lambda observation: observation.clock,
        reasons={"X": "X"},
    )
    registry = registry_of("events", event)
    owner = registry.plugin_of("endpoint kind", "time_to_event")
    assert foreign_words(registry, {"events": ["progression", "house_event"]}, owner) == [
        "event 'house_event' of plugin 'house'"
    ]
