"""What `plot` and `tables` share: run a ruleset on a study, and choose among the parts of its report by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rules_engine.cli._parameters import data_option, set_option

if TYPE_CHECKING:
    from rules_engine.engine import Result

Part = TypeVar("Part")


def part_options(kind: str, forms: Sequence[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The argument and the options of a command that writes parts of a report: `figure` or `table`, in some forms."""
    options = [
        click.argument("ruleset"),
        data_option,
        click.option(
            "--data-cutoff", help="Data cut-off (inclusive), such as 2025-12-31; may stand in the ruleset instead."
        ),
        click.option("--out", type=click.Path(path_type=Path), help=f"Folder for the {kind}s; made if missing."),
        click.option(
            f"--{kind}", "names", multiple=True, metavar="NAME", help=f"Only this {kind}; may be given more than once."
        ),
        click.option(
            "--format", "formats", multiple=True, type=click.Choice(forms), default=forms[:1], show_default=True,
            help="Form of the files; may be given more than once.",
        ),
        click.option("--list", "listing", is_flag=True, help=f"Only name the {kind}s, with their captions."),
        set_option,
        click.option("--json", "as_json", is_flag=True, help="Print the names, captions and files as JSON."),
    ]  # fmt: skip

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


def derive_result(
    ruleset: str, data: Path | str, data_cutoff: str | None, parameters: Mapping[str, Any] | None = None
) -> Result:
    """The result of a run, with its stages shown on the way."""
    from rules_engine.cli._progress import StageProgress
    from rules_engine.engine import Engine
    from rules_engine.study import read_study

    engine = Engine(ruleset, parameters=parameters or None)
    with StageProgress() as progress:
        progress("reading")
        study = read_study(data, ruleset=engine.ruleset, registry=engine.registry)
        return engine.run(study, data_cutoff=data_cutoff, progress=progress)


def chosen(parts: Mapping[str, Part], names: Sequence[str], kind: str) -> Mapping[str, Part]:
    """The parts with these names, or all where none is named. Raises `UsageError` for a name that no part has."""
    from rules_engine.errors import UsageError, closest

    for name in names:
        if name not in parts:
            raise UsageError.at(
                f"{kind} {name!r}", f"the report has no such {kind}",
                "name one of those that --list shows", meant=closest(name, list(parts)),
            )  # fmt: skip
    return {name: parts[name] for name in names or parts}


def require_folder(out: Path | None, data: Path | str) -> Path:
    """The folder for the files; raises `click.UsageError` without one and `UsageError` where it cannot be written."""
    from rules_engine.study.sources import input_folders
    from rules_engine.study.writing import require_writable

    if out is None:
        raise click.UsageError("Missing option '--out'; --list shows what can be written.")
    return require_writable(out, inputs=input_folders(data))


def tell_parts(captions: Mapping[str, str], written: Sequence[Path] | None, *, as_json: bool) -> None:
    """Name the files that were written or, where none were, the parts with their captions."""
    if as_json:
        document: dict[str, object] = {"ok": True, "captions": dict(captions)}
        if written is not None:
            document["written"] = [str(path) for path in written]
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    width = max((len(name) for name in captions), default=0)
    lines = (
        [f"{name:{width}}  {caption}" for name, caption in captions.items()] if written is None else map(str, written)
    )
    for line in lines:
        click.echo(line)
