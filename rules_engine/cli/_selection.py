"""The options `--plugins`, `--no-plugins` and `--plugin-timeout`, which every command has that loads plugins."""

from __future__ import annotations

import sys
from typing import Any

import click

#: An hour: long enough for a derivation over a large study, short enough for a job that nobody watches.
DEFAULT_SECONDS = 3600.0


def plugin_options() -> list[click.Parameter]:
    """The options; they act when they are read, and give the command nothing."""
    return [
        click.Option(
            ["--plugins"],
            metavar="NAME,…",
            expose_value=False,
            callback=_limit,
            help="Load the built-in plugins and, of the others, only these (names of plugins or of their packages).",
        ),
        click.Option(
            ["--no-plugins"],
            is_flag=True,
            expose_value=False,
            callback=_built_in,
            help="Load the built-in plugins alone.",
        ),
        click.Option(
            ["--plugin-timeout"],
            type=click.FloatRange(min=0),
            metavar="SECONDS",
            default=DEFAULT_SECONDS,
            show_default=True,
            expose_value=False,
            callback=_wait,
            help="How long one call of a plugin that is not built-in may take; 0 is as long as it takes.",
        ),
    ]


def every_plugin() -> None:
    """Forget a selection that an earlier command of this process made."""
    registry = sys.modules.get("rules_engine.registry")
    if registry is not None:  # nothing is selected before it is imported
        registry.select_plugins(registry.ALL_PLUGINS)


def _limit(ctx: click.Context, _option: click.Parameter, given: str | None) -> None:
    if given is None:
        return
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("name at least one plugin, or use --no-plugins")
    _select(ctx, names)


def _built_in(ctx: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        _select(ctx, ())


def _wait(ctx: click.Context, _option: click.Parameter, given: float) -> None:
    _state(ctx, seconds=given or None)


def _select(ctx: click.Context, names: tuple[str, ...]) -> None:
    if ctx.meta.setdefault("rules_engine.plugins", names) != names:
        raise click.UsageError("--plugins and --no-plugins exclude each other", ctx)
    _state(ctx, others=names)


def _state(ctx: click.Context, **stated: Any) -> None:
    """Select by everything that the options have said so far."""
    from rules_engine.registry import PluginSelection, select_plugins

    said = ctx.meta.setdefault("rules_engine.selection", {})
    said.update(stated)
    select_plugins(PluginSelection(**said))
