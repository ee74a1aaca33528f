"""`rules-engine plugins`: what is installed, in which version, and what each plugin offers."""

from __future__ import annotations

import json

import click


@click.command("plugins", short_help="List the plugins that are installed.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(as_json: bool) -> None:
    """List the plugins that are installed, in which version, and what each offers.

    A plugin that is missing, twice there, misspelled or failing to import stops this command (exit 4) with its name
    and what to do.
    """
    from rules_engine.registry import default_registry

    registry = default_registry()
    if as_json:
        document = [
            {
                "name": plugin.name,
                "module": plugin.module,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "offers": list(plugin.offers),
            }
            for plugin in registry.plugins
        ]
        click.echo(json.dumps({"plugins": document}, indent=2))
        return
    for plugin in registry.plugins:
        click.echo(f"{plugin.name}  ({plugin.distribution} {plugin.version}, {plugin.module})")
        for offer in plugin.offers:
            click.echo(f"    {offer}")
