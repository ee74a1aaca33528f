"""The option `--set NAME=VALUE` of the commands that load a protocol."""

from __future__ import annotations

from typing import Any

import click


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
