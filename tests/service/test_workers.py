"""Worker processes: ended when they take too much memory, replaced when they are gone, and a plugin that does not load is told."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
from rules_engine.registry import ALL_PLUGINS, PluginSelection
from rules_engine.service.problems import RequestError
from rules_engine.service.settings import MEBIBYTE
from rules_engine.service.workers import Stopped, Task, WorkerPool

from tests.strategies.packages import put_package
from tests.strategies.small_studies import protocol, write_tables

pytestmark = pytest.mark.slow


@contextmanager
def pool(folder: Path, **changed: Any) -> Iterator[WorkerPool]:
    made = WorkerPool(
        "test",
        **{"size": 1, "waiting": 2, "folder": folder, "max_memory": 4096 * MEBIBYTE, "plugins": ALL_PLUGINS, **changed},
    )
    yield made
    made.close()


def asked(workers: WorkerPool) -> Any:
    return workers.submit(Task("suffixes", {}, 60)).answer.result()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process has")
def test_a_process_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    with pool(tmp_path, max_memory=20 * MEBIBYTE) as workers, pytest.raises(RequestError) as refused:
        asked(workers)
    assert refused.value.status == 503
    assert "bytes of memory" in refused.value.problems[0]["what"]


@pytest.mark.skipif(sys.platform != "linux", reason="the process is looked up as Linux shows it")
def test_a_process_that_is_gone_is_replaced(tmp_path: Path) -> None:
    with pool(tmp_path) as workers:
        assert ".csv" in asked(workers)
        for child in map(int, filter(str.isdigit, os.listdir("/proc"))):
            if _parent(child) == os.getpid() and b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
                os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert ".csv" in asked(workers)


def _parent(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_jobs_that_wait_are_answered_when_the_service_ends(tmp_path: Path) -> None:
    with pool(tmp_path) as workers:
        tasks = [workers.submit(Task("suffixes", {}, 60)) for _ in range(3)]
    assert all(isinstance(task.answer.exception(timeout=10), Stopped) for task in tasks)


def test_a_plugin_that_is_not_installed_is_told(tmp_path: Path) -> None:
    with (
        pool(tmp_path, plugins=PluginSelection(("no_such_plugin",))) as workers,
        pytest.raises(RequestError) as refused,
    ):
        asked(workers)
    assert refused.value.exit_code == 4
    assert "no_such_plugin" in str(refused.value.problems)


STUCK = """
import time
from dataclasses import replace

import rules_engine
from rules_engine_plugins.recist_1_1 import rules_engine_criteria as recist


def wait(*_):
    time.sleep(3600)


@rules_engine.hookimpl
def rules_engine_criteria():
    return [replace(recist()[0], id="house", assess=wait)]
"""


def test_a_plugin_that_hangs_is_named_and_its_process_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    put_package(site, "stuck", STUCK)
    monkeypatch.syspath_prepend(str(site))
    study = write_tables(tmp_path / "study")
    house = "rules_engine: 1\nid: house\nkind: criterion\nextends: [recist_1_1]\ncriterion: house\ntitle: House\n"
    rules = {"text": json.dumps(protocol({"overall": {"criterion": "house"}})), "bases": {"house": house}}
    asked_for = {
        "folder": str(tmp_path / "run"), "ruleset": rules, "study": {"folder": str(study), "name": "small"},
        "data_cutoff": None, "make_up": False,
    }  # fmt: skip
    (tmp_path / "run").mkdir()
    with pool(tmp_path / "work", plugins=PluginSelection(seconds=1.0)) as workers:
        with pytest.raises(RequestError) as refused:
            workers.submit(Task("run", asked_for, 300)).answer.result()
        assert ".csv" in asked(workers)
    assert refused.value.exit_code == 4
    assert "of plugin 'stuck' (stuck-rules 2.1)" in refused.value.problems[0]["where"]
    assert "it did not answer within 1 seconds, and is at stuck_module.py:" in refused.value.problems[0]["what"]
