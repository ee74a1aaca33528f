"""Spark is an extra: nothing of it is imported unless asked for, and without it a run in Spark says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rules_engine.errors import UsageError
from rules_engine.spark import run

from tests.strategies.small_studies import protocol


def test_a_run_in_spark_without_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyspark", "pyspark.errors", "pyspark.sql", "py4j", "py4j.protocol"):
        monkeypatch.setitem(sys.modules, name, None)
    document = protocol({"overall": {"criterion": "recist_1_1"}})
    with pytest.raises(UsageError, match=r"endpoint-rules-engine\[spark\]"):
        run(document, {}, data_cutoff="2025-12-31")


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("rules_engine.engine, rules_engine.partitions, rules_engine.cli.run", "pyspark py4j pyarrow"),
        # Tasks state the number of Polars' threads before it is imported.
        ("rules_engine.spark.tasks", "pyspark py4j pyarrow polars"),
    ],
)
def test_nothing_of_spark_is_imported_unless_asked_for(modules: str, absent: str) -> None:
    code = f"import sys, {modules}; sys.exit(' '.join(set(sys.argv[1].split()) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code, absent], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
