"""Writes results: Parquet, Arrow, CSV, SAS transport, Dataset-JSON, workbooks. The same data give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import rules_engine
from rules_engine.vocabulary import Writer

from rules_engine_plugins.writers.dataset_json import write_dataset_json, write_dataset_ndjson
from rules_engine_plugins.writers.plain import write_arrow, write_csv, write_parquet
from rules_engine_plugins.writers.transport import DAY_FORMAT, transport_columns, write_transport
from rules_engine_plugins.writers.workbooks import write_workbook


@rules_engine.hookimpl
def rules_engine_writers() -> Sequence[Writer]:
    """Offer the formats that come with the engine."""
    return [
        Writer("parquet", "1", "Apache Parquet", ".parquet", write_parquet, takes_categories=True),
        Writer("arrow", "1", "Arrow IPC (Feather 2)", ".arrow", write_arrow),
        Writer("csv", "1", "Comma-separated text, UTF-8", ".csv", write_csv),
        Writer(
            "xpt",
            "1",
            "SAS transport file, version 5",
            ".xpt",
            write_transport,
            described=True,
            columns=transport_columns,
            day_format=DAY_FORMAT,
        ),
        Writer("dataset-json", "1", "CDISC Dataset-JSON 1.1", ".json", write_dataset_json, described=True),
        Writer(
            "dataset-ndjson",
            "1",
            "CDISC Dataset-JSON 1.1, one line per row",
            ".ndjson",
            write_dataset_ndjson,
            described=True,
        ),
        Writer("xlsx", "1", "Workbook", ".xlsx", write_workbook),
    ]
