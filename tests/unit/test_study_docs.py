"""The page on data names every column of every input table and of every data set, with its meaning."""

from __future__ import annotations

from pathlib import Path

from rules_engine.contracts import TABLES
from rules_engine.study.labels import DATA_SETS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def test_every_column_of_every_input_table_is_described() -> None:
    for table in TABLES.values():
        section = PAGE.split(f"### `{table.name}`\n")[1].split("\n### ")[0].split("\n## ")[0]
        assert f"One row per {table.row}." in section
        for column in table.columns:
            name = f"**`{column.name}`**" if column.required else f"`{column.name}`"
            assert f"| {name} | {column.kind.replace('_', ' ')} | {column.meaning}" in section, (
                table.name,
                column.name,
            )
        assert section.count("\n| ") == len(table.columns) + 1


def test_every_column_of_every_data_set_is_described() -> None:
    for name, columns in DATA_SETS.items():
        section = PAGE.split(f"### {name.upper()}\n")[1].split("\n### ")[0]
        for column, (_dtype, label) in columns.items():
            assert f"| `{column}` | {label} |" in section, (name, column)
        assert section.count("\n| ") == len(columns) + 1
