"""A plugin that never comes back stops the run within its time: named with its release and line of code, and nothing is left behind."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import rules_engine
from rules_engine import Engine, guard
from rules_engine.errors import PluginError
from rules_engine.registry import PluginSelection, Registry, build_registry, default_registry
from rules_engine.vocabulary import EndpointKind, Reader, Writer
from rules_engine.waiting import NoAnswer, answer

from tests.strategies.packages import command, put_package
from tests.strategies.small_studies import protocol, run, write_tables

SECONDS = 0.3


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What nobody sets until the test is over: a plugin that waits for it hangs, and its thread ends with the test."""
    event = threading.Event()
    yield event
    event.set()


def registry_of(**offered: object) -> Registry:
    """The installed plugins and one more, `house`, with these hooks (`criteria=…`), whose calls are limited."""
    hooks: dict[str, Any] = {}
    for hook, thing in offered.items():

        def collect(thing: object = thing) -> list[object]:
            return [thing]

        collect.__name__ = f"rules_engine_{hook}"
        hooks[collect.__name__] = rules_engine.hookimpl(lambda collect=collect: collect())
    return build_registry(extra=[("house", SimpleNamespace(**hooks))], selection=PluginSelection(seconds=SECONDS))


def house(folder: Path) -> dict[str, Any]:
    file = folder / "house.yaml"
    file.write_text(
        "rules_engine: 1\nid: house\nkind: criterion\nextends: [recist_1_1]\ncriterion: house\ntitle: House\n",
        encoding="utf-8",
    )
    return {"overall": {"criterion": str(file)}}


@pytest.mark.parametrize("inside_polars", [False, True])
def test_a_criterion_that_hangs_is_named_with_its_line_of_code(
    tmp_path: Path, never: threading.Event, inside_polars: bool
) -> None:
    recist = default_registry().criteria.require("recist_1_1")

    def wait_for_ever(rows: pl.DataFrame) -> pl.DataFrame:
        never.wait()
        return rows

    def assess(lesions: pl.LazyFrame, rules: Any) -> pl.LazyFrame:
        if not inside_polars:
            never.wait()
        return recist.assess(lesions, rules).map_batches(wait_for_ever)

    registry = registry_of(criteria=replace(recist, id="house", assess=assess))
    started = time.monotonic()
    with pytest.raises(PluginError) as caught:
        run(write_tables(tmp_path / "study"), house(tmp_path), registry)
    assert time.monotonic() - started < 60
    said = str(caught.value)
    assert "criterion 'house' (version 1.0) of plugin 'house'" in said
    assert "it did not answer within 0.3 seconds, and is at test_plugin_timeout.py:" in said
    assert ("wait_for_ever" if inside_polars else "assess") in said
    assert "--plugin-timeout" in said
    assert caught.value.exit_code == 4


def test_an_engine_may_be_told_how_long_to_wait(tmp_path: Path, never: threading.Event) -> None:
    kind = EndpointKind(
        id="house", version="3", title="House", reference="none", shape="time_to_event",
        derive=lambda _records, _endpoint, _cutoff: never.wait(),  # type: ignore[arg-type,return-value]
        options_schema={"type": "object", "additionalProperties": False},
    )  # fmt: skip
    registry = replace(registry_of(endpoint_kinds=kind), selection=PluginSelection())
    rules = protocol({"overall": {"criterion": "recist_1_1"}}, endpoints={"HOUSE": {"kind": "house"}})
    with pytest.raises(PluginError, match=r"endpoint kind 'house' \(version 3\) of plugin 'house' for HOUSE"):
        Engine(rules, registry=registry, plugin_timeout=SECONDS).run(write_tables(tmp_path / "study"))


def test_a_subject_that_makes_a_plugin_fail_is_still_found_where_another_makes_it_hang(never: threading.Event) -> None:
    def derive(subjects: Any) -> pl.LazyFrame:
        chosen = ["A", "B"] if subjects is None else list(subjects)
        if chosen == ["A"]:
            never.wait()
        if "B" in chosen:
            raise ZeroDivisionError
        return pl.LazyFrame({"subject": chosen})

    with pytest.raises(PluginError, match="it failed: ZeroDivisionError"):
        guard.derived_rows(guard.Who("criterion 'house'", SECONDS), derive, lambda: ["A", "B"])


def test_the_line_of_code_is_that_of_the_call_that_hangs_not_of_another_at_work(never: threading.Event) -> None:
    def hangs() -> None:
        never.wait()

    def works() -> None:
        while not never.is_set():
            time.sleep(0.01)

    def begins_meanwhile() -> None:
        time.sleep(SECONDS / 2)
        with suppress(NoAnswer):
            answer(works, 10)

    threading.Thread(target=begins_meanwhile, daemon=True).start()
    with pytest.raises(NoAnswer, match=r"\(.*hangs\)$"):
        answer(hangs, SECONDS)


def test_a_reader_that_hangs_is_named_with_the_file(tmp_path: Path, never: threading.Event) -> None:
    def scan(_path: Path) -> pl.LazyFrame:
        never.wait()
        return pl.LazyFrame()

    folder = write_tables(tmp_path / "study")
    (folder / "labs.slow").write_text("x", encoding="utf-8")
    registry = registry_of(readers=Reader("slow", "2", "Slow", (".slow",), scan))
    with pytest.raises(
        PluginError, match=r"reader 'slow' \(version 2\) of plugin 'house' on table labs \(.*labs.slow\)"
    ):
        rules_engine.read_study(folder, registry=registry)


def test_a_writer_that_hangs_leaves_nothing(tmp_path: Path, never: threading.Event) -> None:
    def write(_data_set: Any, path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        never.wait()

    registry = registry_of(writers=Writer("slow", "2", "Slow", ".slow", write))
    result = run(write_tables(tmp_path / "study"), {"overall": {"criterion": "recist_1_1"}}, registry)
    with pytest.raises(PluginError, match=r"writer 'slow' \(version 2\) of plugin 'house' on adtr.slow"):
        result.write(tmp_path / "out", formats=["parquet", "slow"], report=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_a_writer_that_fails_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    def write(_data_set: Any, path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise ZeroDivisionError

    registry = registry_of(writers=Writer("odd", "2", "Odd", ".odd", write))
    result = run(write_tables(tmp_path / "study"), {"overall": {"criterion": "recist_1_1"}}, registry)
    with pytest.raises(
        PluginError, match=r"writer 'odd' \(version 2\) of plugin 'house' on adtr.odd\n.*ZeroDivisionError"
    ):
        result.write(tmp_path / "out", formats=["odd"], report=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_a_writer_that_writes_nothing_is_named(tmp_path: Path) -> None:
    registry = registry_of(writers=Writer("odd", "2", "Odd", ".odd", lambda _data_set, _path: None))
    result = run(write_tables(tmp_path / "study"), {"overall": {"criterion": "recist_1_1"}}, registry)
    with pytest.raises(PluginError, match=r"plugin 'house' on adtr.odd\n  it wrote no such file"):
        result.write(tmp_path / "out", formats=["odd"], report=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_the_built_in_plugins_have_all_the_time_they_need(tmp_path: Path) -> None:
    registry = build_registry(selection=PluginSelection(seconds=1e-9))
    assert run(write_tables(tmp_path / "study"), {"overall": {"criterion": "recist_1_1"}}, registry).adtte.height == 2


STUCK = """
import time
from dataclasses import replace

import rules_engine
from rules_engine.registry import build_registry
from rules_engine_plugins.recist_1_1 import rules_engine_criteria as recist


def count_for_ever(rows):
    number = 0
    while True:
        number += 1


@rules_engine.hookimpl
def rules_engine_criteria():
    (one,) = [found for found in recist() if found.id == "recist_1_1"]
    assess = one.assess
    return [replace(one, id="house", assess=lambda rows, rules: assess(rows, rules).map_batches(count_for_ever))]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two packages beside the engine: one with a criterion that counts for ever, one that never finishes its import."""
    folder = tmp_path_factory.mktemp("site")
    put_package(folder, "stuck", STUCK)
    put_package(folder, "sleepy", "import time\ntime.sleep(3600)\n")
    return folder


def test_the_command_line_ends_with_code_4_and_leaves_nothing(site: Path, tmp_path: Path) -> None:
    study = write_tables(tmp_path / "study")
    rules = tmp_path / "small.yaml"
    rules.write_text(json.dumps(protocol(house(tmp_path))), encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    code, said = command(
        site, "run", str(rules), "--data", str(study), "--out", str(tmp_path / "out"), "--plugins", "stuck",
        "--plugin-timeout", "1",
    )  # fmt: skip
    assert code == 4, said
    assert "criterion 'house' (version 1.0) of plugin 'stuck' (stuck-rules 2.1)" in said
    assert "it did not answer within 1 seconds, and is at stuck_module.py:" in said
    assert "count_for_ever" in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_plugin_whose_import_hangs_is_named(site: Path) -> None:
    code, said = command(site, "check", "tace_ici_hcc", "--plugins", "sleepy", "--plugin-timeout", "0.5")
    assert code == 4, said
    assert "plugin 'sleepy' (sleepy_module, sleepy-rules 2.1)" in said
    assert "it cannot be imported: it did not answer within 0.5 seconds, and is at sleepy_module.py:2" in said
