"""`rules-engine plugin new`: a package to begin a plugin from."""

from __future__ import annotations

from pathlib import Path

import click

from rules_engine.scaffolding import KINDS, new_plugin


@click.group("plugin", short_help="Begin a plugin of your own.")
def command() -> None:
    """Begin a plugin of your own. `rules-engine plugins` lists those that are installed."""


@command.command("new")
@click.argument("name")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(list(KINDS)),
    help="; ".join(f"{kind}: {what}" for kind, what in KINDS.items()) + ".",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("."), show_default=True,
    help="Folder that the package's folder is made in.",
)  # fmt: skip
def new(name: str, kind: str, out: Path) -> None:
    """Make a package called NAME that installs, passes its tests and shows up in `rules-engine plugins`.

    Its README says what to change first. Nothing is overwritten.

    \b
    Examples:
      rules-engine plugin new my-criterion --kind criterion
      rules-engine plugin new crossover --kind censoring --out ~/plugins
    """
    folder = new_plugin(name, kind, out)
    click.echo(f"{folder}: a plugin of the kind {kind}")
    click.echo(f"  pip install -e '{folder}[test]'    then `pytest {folder}` and `rules-engine plugins`")
    click.echo(f"  {folder / 'README.md'} says what to change first")
