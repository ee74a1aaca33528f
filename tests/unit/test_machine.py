"""The settings of the allocator reach a process that has not loaded Polars, and never replace those of its user."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from rules_engine.machine import VARIABLE, cores, keep_freed_memory

POLARS_OWN = "dirty_decay_ms:500,muzzy_decay_ms:1000"  # what `import polars` leaves in the variable


@pytest.mark.parametrize("found", [None, "", POLARS_OWN])
def test_settings_are_put_where_nobody_stated_any(found: str | None) -> None:
    environment = {} if found is None else {VARIABLE: found}
    keep_freed_memory(environment, 3)
    assert set(environment[VARIABLE].split(",")) == {"oversize_threshold:0", "dirty_decay_ms:30000", "narenas:3"}


def test_a_process_begun_by_one_that_has_them_gets_its_own_number_of_threads() -> None:
    environment: dict[str, str] = {}
    keep_freed_memory(environment, 2)
    environment[VARIABLE] = f"{POLARS_OWN},{environment[VARIABLE]}"  # as Polars leaves it
    keep_freed_memory(environment, 1)
    assert "narenas:1" in environment[VARIABLE].split(",")
    assert "narenas:2" not in environment[VARIABLE].split(",")


@pytest.mark.parametrize("stated", ["dirty_decay_ms:0", f"{POLARS_OWN},narenas:1", "stats_print:true"])
def test_what_the_user_stated_stays(stated: str) -> None:
    environment = {VARIABLE: stated}
    keep_freed_memory(environment, 2)
    assert environment == {VARIABLE: stated}


def test_the_command_line_has_them_when_it_loads_polars() -> None:
    code = (
        "import os; from rules_engine.cli import main\n"
        "try: main(['check', 'tace_ici_hcc'])\nexcept SystemExit: pass\n"
        f"import polars; print(os.environ.get({VARIABLE!r}))"
    )
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == f"{POLARS_OWN},oversize_threshold:0,dirty_decay_ms:30000,narenas:{cores()}"
