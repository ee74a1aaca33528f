"""`rules-engine demo`: the whole main job on a study made up on the spot."""

from __future__ import annotations

from pathlib import Path

import click

#: The demonstration study: how many subjects, from which seed, seen on which day.
_SUBJECTS, _SEED, _CUTOFF = 200, 20250101, "2025-12-31"


@click.command("demo", short_help="Run the first trial's protocol on a made-up study.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    help="Folder for the study and the results; made if missing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(out: Path, as_json: bool) -> None:
    """Make up a study of TACE with immune checkpoint inhibitors, run its protocol, and say where everything lies.

    The study (200 subjects, always the same) is written to OUT/study as one table per file, so that you can look at what the
    engine takes in; the results go to OUT/results. The ruleset is `tace_ici_hcc`.
    """
    from rules_engine.cli._progress import StageProgress
    from rules_engine.cli._summary import print_json, print_summary
    from rules_engine.engine import Engine
    from rules_engine.simulator import simulate_to
    from rules_engine.study import read_study
    from rules_engine.study.writing import require_writable

    require_writable(out, inputs=[])
    with StageProgress() as progress:
        progress("making up a study")
        simulate_to(out / "study", subjects=_SUBJECTS, seed=_SEED)
        engine = Engine("tace_ici_hcc")
        study = read_study(out / "study", ruleset=engine.ruleset, registry=engine.registry)
        result = engine.run(study, data_cutoff=_CUTOFF, progress=progress)
        progress("writing")
        written = result.write(out / "results", report=True)
    if as_json:
        print_json(result, written)
        return
    print_summary(result)
    click.echo(f"\nThe study:      {(out / 'study').resolve()}")
    click.echo(f"ADaM data sets: {(out / 'results').resolve()}")
    click.echo(f"Report:         {written['report'].resolve()}")
