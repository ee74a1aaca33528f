"""A Spark session for the command line, which ends with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rules_engine.spark.running import spark_told


@contextmanager
def session_on(master: str) -> Iterator[Any]:
    """A session on this master: `local[4]`, `spark://host:7077`, `yarn` …"""
    with spark_told():
        from pyspark.sql import SparkSession

        if master.startswith("local"):
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # not the first python3 that the PATH names
        builder = SparkSession.builder.appName("rules-engine").master(master)
        builder = builder.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()
