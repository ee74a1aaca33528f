"""Plugins are found, checked and refused by name, with what to do."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest
import rules_engine
from rules_engine.errors import PluginError
from rules_engine.registry import build_registry, default_registry
from rules_engine.vocabulary import Criterion


def criterion(identity: str) -> Criterion:
    return Criterion(
        id=identity,
        version="1",
        title=identity,
        reference="none",
        options_schema={"type": "object", "additionalProperties": False},
        responses=("CR", "PD"),
        assess=lambda _lesions, _rules: pl.LazyFrame(),
    )


def plugin(*identities: str) -> SimpleNamespace:
    offered = [criterion(identity) for identity in identities]

    @rules_engine.hookimpl
    def rules_engine_criteria() -> list[Criterion]:
        return offered

    return SimpleNamespace(rules_engine_criteria=rules_engine_criteria)


def refusal(*plugins: tuple[str, object]) -> str:
    with pytest.raises(PluginError) as caught:
        build_registry(plugins)
    assert caught.value.exit_code == 4
    return str(caught.value)


def test_objects_are_indexed_by_id_whatever_the_order_of_plugins() -> None:
    one, two = ("one", plugin("b")), ("two", plugin("a", "c"))
    assert list(build_registry([one, two]).criteria) == list(build_registry([two, one]).criteria) == ["a", "b", "c"]


def test_two_objects_with_one_id_stop_the_run() -> None:
    text = refusal(("one", plugin("a")), ("two", plugin("a")))
    assert "criterion 'a'" in text
    assert "'one' and 'two'" in text


def test_a_misspelled_hook_stops_the_run_and_names_the_right_one() -> None:
    def rules_engine_criterions() -> list[Criterion]:
        return []

    text = refusal(("typo", SimpleNamespace(rules_engine_criterions=rules_engine_criterions)))
    assert "plugin typo" in text
    assert "did you mean 'rules_engine_criteria'?" in text


def test_a_hook_without_the_marker_stops_the_run() -> None:
    def rules_engine_criteria() -> list[Criterion]:
        return []

    text = refusal(("bare", SimpleNamespace(rules_engine_criteria=rules_engine_criteria)))
    assert "put @rules_engine.hookimpl above it" in text


def test_a_hook_that_fails_names_its_plugin() -> None:
    @rules_engine.hookimpl
    def rules_engine_criteria() -> list[Criterion]:
        raise RuntimeError("no licence file")

    text = refusal(("broken", SimpleNamespace(rules_engine_criteria=rules_engine_criteria)))
    assert "plugin 'broken'" in text
    assert "RuntimeError: no licence file" in text


def test_an_object_of_another_class_is_refused() -> None:
    @rules_engine.hookimpl
    def rules_engine_criteria() -> list[object]:
        return ["mrecist"]

    text = refusal(("wrong", SimpleNamespace(rules_engine_criteria=rules_engine_criteria)))
    assert "returned str, not Criterion" in text


def test_a_plugin_for_another_version_of_the_contract_is_refused() -> None:
    old = plugin("a")
    old.RULES_ENGINE_HOOKS = 0
    assert "written for version 0 of the hook contract" in refusal(("old", old))


@pytest.mark.parametrize("version", [1, "1", "1.0", "1.1"])
def test_a_plugin_for_this_or_an_earlier_minor_version_is_taken(version: object) -> None:
    stated = plugin("a")
    stated.RULES_ENGINE_HOOKS = version
    assert list(build_registry([("stated", stated)]).criteria) == ["a"]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (2, "install a newer engine, or an older release of the plugin"),
        ("1.99", "install a newer engine, or an older release of the plugin"),
        ("0.9", "install a newer release of the plugin, or an older engine"),
        ("latest", "RULES_ENGINE_HOOKS is 'latest', which is no version of the hook contract"),
        (1.1, "RULES_ENGINE_HOOKS is 1.1, which is no version"),
        (True, "RULES_ENGINE_HOOKS is True, which is no version"),
    ],
)
def test_a_plugin_for_a_version_that_cannot_work_is_refused_with_the_remedy(version: object, said: str) -> None:
    stated = plugin("a")
    stated.RULES_ENGINE_HOOKS = version
    assert said in refusal(("stated", stated))


def test_all_faults_are_told_at_once() -> None:
    text = refusal(("one", plugin("a")), ("two", plugin("a", "b")), ("three", plugin("b")))
    assert "criterion 'a'" in text
    assert "criterion 'b'" in text


def test_a_missing_object_is_named_with_the_closest_one() -> None:
    registry = build_registry([("one", plugin("mrecist"))])
    with pytest.raises(PluginError) as caught:
        registry.criteria.require("mrecits")
    assert "did you mean 'mrecist'?" in str(caught.value)


def test_the_built_in_vocabulary_comes_in_through_entry_points() -> None:
    registry = default_registry()
    assert {"recist_1_1", "mrecist", "irecist", "mrecist_irecist"} <= set(registry.criteria)
    assert {plugin.distribution for plugin in registry.plugins} == {"endpoint-rules-engine"}
