"""Options that several commands have: where the study is, and `--set NAME=VALUE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class StudyPlace(click.ParamType[Path | str]):
    """A folder, a file or a database connection; a path, or the text of the connection."""

    name = "folder, file or connection"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:  # noqa: ARG002
        """The path, unless it is written as a connection (`postgresql://…`)."""
        return value if not isinstance(value, str) or "://" in value else Path(value)


STUDY_PLACE = StudyPlace()
STUDY_HELP = (
    "Where the study's tables are: a folder or file (CSV, Parquet, Arrow, Excel, SAS, Dataset-JSON, DuckDB, SQLite), or a "
    "connection such as postgresql://host/database."
)
data_option = click.option("--data", required=True, type=STUDY_PLACE, metavar="PLACE", help=STUDY_HELP)


def _settings(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """Values by the names of parameters, read as YAML reads them."""
    from rules_engine.loading import read_value

    settings: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, such as gap=120")
        try:
            settings[name.strip()] = read_value(value)
        except ValueError as error:
            raise click.BadParameter(f"{text!r}: {error}") from None
    return settings


set_option = click.option(
    "--set",
    "parameters",
    multiple=True,
    callback=_settings,
    metavar="NAME=VALUE",
    help="Set a parameter that the ruleset declares; may be given several times.",
)

format_option = click.option(
    "--format",
    "formats",
    multiple=True,
    callback=lambda _ctx, _option, given: tuple(word for text in given for word in text.split(",") if word),
    default=("parquet",),
    metavar="NAME[,NAME…]",
    show_default=True,
    help="Formats of the data sets: parquet, arrow, csv, xpt (SAS transport), dataset-json, dataset-ndjson, xlsx, or what a "
    "plugin offers. With xpt or Dataset-JSON a define.xml (2.1) is written beside them.",
)
set_b_option = click.option(
    "--set-b",
    "parameters_b",
    multiple=True,
    callback=_settings,
    metavar="NAME=VALUE",
    help="Set a parameter of the second ruleset alone; may be given several times.",
)
