"""Runs inside Spark: the subjects are parted, Spark's workers derive the parts, the driver puts the whole together; see docs/spark.md.

Every file is the same, byte for byte, as that of a run in memory. PySpark 4 is imported when `run` is called, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rules_engine.spark.result import SparkResult as SparkResult
    from rules_engine.spark.running import run as run

__all__ = ["SparkResult", "run"]


def __getattr__(name: str) -> Any:
    # Workers import this package too, and state the number of Polars' threads before anything of Polars is loaded.
    if name == "run":
        from rules_engine.spark.running import run

        return run
    if name == "SparkResult":
        from rules_engine.spark.result import SparkResult

        return SparkResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
