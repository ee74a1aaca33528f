"""`rules-engine run`: a protocol and a study in, ADaM data sets, estimates, findings and a report out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rules_engine.cli._parameters import data_option, format_option, set_option
from rules_engine.errors import EXIT_CANCELLED

if TYPE_CHECKING:
    from rules_engine.engine import Engine


@click.command("run", short_help="Derive a study's endpoints.")
@click.argument("ruleset")
@data_option
@click.option("--data-cutoff", help="Data cut-off (inclusive), such as 2025-12-31; may stand in the ruleset instead.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results; made if missing.")
@format_option
@set_option
@click.option(
    "--memory",
    metavar="AMOUNT",
    help="Run in parts within about this much memory, such as 8GiB; without it, the whole study is held at once.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Derive so many parts side by side, each in a process of its own; they share the memory. By default one per core.",
)
@click.option(
    "--shard",
    metavar="K/N",
    help="Derive the K-th of N shards of the subjects into --out, for `rules-engine merge`.",
)
@click.option(
    "--spark",
    metavar="MASTER",
    help="Derive on the workers of Spark: local[4], spark://host:7077, yarn …; --memory is then that of one core.",
)
@click.option("--no-report", is_flag=True, help="Write the data sets only, without report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    ruleset: str,
    data: Path | str,
    data_cutoff: str | None,
    out: Path,
    formats: tuple[str, ...],
    parameters: dict[str, Any],
    memory: str | None,
    workers: int | None,
    shard: str | None,
    spark: str | None,
    no_report: bool,
    as_json: bool,
) -> None:
    """Derive the endpoints of the study in --data as RULESET states them, and write them to --out.

    RULESET is a path to a YAML file, or the name of a ruleset that comes with the engine or a plugin
    (`rules-engine check` shows whether it is right).

    \b
    Written to --out, all or nothing:
      adtr adrs adtte adae adlb        ADaM data sets
      candidates                       what was considered for each record of adtte, and why it won or lost
      ard                              every estimate and count, one row per number
      findings discrepancies           what is odd in the data; collected against derived responses
      manifest.json                    ruleset as resolved, versions, hashes of inputs and outputs
      report.html                      one page to read and print

    With --memory a study of any size is run part by part, and several processes derive the parts (--workers); the files are the same,
    byte for byte. Interrupted, the same command goes on where it stopped. With --shard, any scheduler can run the shards, on one
    machine or many. With --spark, Spark's workers derive the parts (extra `spark`, Java 17).

    \b
    Examples:
      rules-engine run tace_ici_hcc --data study/ --data-cutoff 2025-12-31 --out results/
      rules-engine run my_protocol.yaml --data sdtm/ --out results/ --format parquet,xpt
      rules-engine run my_protocol.yaml --data large/ --out results/ --memory 8GiB
      rules-engine run my_protocol.yaml --data large/ --out shard3/ --shard 3/8
      rules-engine run my_protocol.yaml --data large/ --out results/ --spark 'local[4]'
    """
    from rules_engine.cli._progress import StageProgress
    from rules_engine.cli._summary import print_result
    from rules_engine.engine import Engine
    from rules_engine.study import read_study
    from rules_engine.study.sources import input_folders
    from rules_engine.study.writing import chosen_writers, require_writable

    require_writable(out, inputs=input_folders(data))
    engine = Engine(ruleset, parameters=parameters or None)
    chosen_writers(formats, engine.registry)
    if spark is not None:
        if shard is not None or workers is not None:
            word = "--shard" if shard is not None else "--workers"
            raise click.UsageError(f"--spark and {word} exclude each other: Spark parts the subjects itself.")
        _run_in_spark(engine, data, out, data_cutoff, memory, spark, formats, report=not no_report, as_json=as_json)
        return
    if memory is not None or shard is not None or workers is not None:
        from rules_engine.partitions.running import DEFAULT_MEMORY

        size = {"memory": memory or DEFAULT_MEMORY, "workers": workers}
        _run_in_parts(engine, data, out, data_cutoff, size, shard, formats, report=not no_report, as_json=as_json)
        return
    with StageProgress() as progress:
        progress("reading")
        study = read_study(data, ruleset=engine.ruleset, registry=engine.registry)
        result = engine.run(study, data_cutoff=data_cutoff, progress=progress, with_candidates=True)
        progress("writing")
        written = result.write(out, formats=formats, report=not no_report)
    print_result(result, written, out, as_json=as_json)


def _run_in_parts(
    engine: Engine,
    data: Path | str,
    out: Path,
    data_cutoff: str | None,
    size: Mapping[str, Any],
    shard: str | None,
    formats: tuple[str, ...],
    *,
    report: bool,
    as_json: bool,
) -> None:
    from rules_engine.cli._progress import StageProgress
    from rules_engine.cli._summary import print_result
    from rules_engine.partitions import Shard, run_in_parts, run_shard

    try:
        with StageProgress() as progress:
            if shard is not None:
                part = Shard.read(shard)
                folder = run_shard(engine, data, out, part, **size, data_cutoff=data_cutoff, progress=progress)
                told = {"ok": True, "shard": str(part), "folder": str(folder)}
                click.echo(json.dumps(told, indent=2) if as_json else f"Shard {part}: {folder}")
                return
            result = run_in_parts(
                engine,
                data,
                out,
                **size,
                data_cutoff=data_cutoff,
                formats=formats,
                report=report,
                progress=progress,
            )
    except KeyboardInterrupt:
        click.echo("\nInterrupted; the same command goes on where this one stopped.", err=True)
        sys.exit(EXIT_CANCELLED)
    with result:
        print_result(result, result.written, out, as_json=as_json)


def _run_in_spark(
    engine: Engine,
    data: Path | str,
    out: Path,
    data_cutoff: str | None,
    memory: str | None,
    master: str,
    formats: tuple[str, ...],
    *,
    report: bool,
    as_json: bool,
) -> None:
    from rules_engine.cli._progress import StageProgress
    from rules_engine.cli._summary import print_result
    from rules_engine.spark.running import DEFAULT_MEMORY, run
    from rules_engine.spark.session import session_on

    with session_on(master) as session:
        with StageProgress() as progress:
            result = run(
                engine, data, out=out, spark=session, memory=memory or DEFAULT_MEMORY, data_cutoff=data_cutoff,
                formats=formats, report=report, progress=progress,
            )  # fmt: skip
        with result:
            print_result(result.local, result.written, out, as_json=as_json)
