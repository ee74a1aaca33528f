"""`rules-engine merge`: the shards of a study in, the files of one run out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rules_engine.cli._parameters import format_option, set_option


@click.command("merge", short_help="Put the shards of a study together.")
@click.argument("ruleset")
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results; made if missing.")
@format_option
@set_option
@click.option("--no-report", is_flag=True, help="Write the data sets only, without report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    ruleset: str,
    shards: tuple[Path, ...],
    out: Path,
    formats: tuple[str, ...],
    parameters: dict[str, Any],
    no_report: bool,
    as_json: bool,
) -> None:
    """Put SHARDS, the folders that `rules-engine run RULESET --shard K/N` wrote, together and write the results to --out.

    The files are those that one run of the whole study writes, byte for byte. All shards must be there, finished, undamaged,
    and of the same ruleset, data, data cut-off and version of the engine; what is not is told for all of them at once.

    \b
    Example:
      rules-engine run my_protocol.yaml --data large/ --out shard1/ --shard 1/2
      rules-engine run my_protocol.yaml --data large/ --out shard2/ --shard 2/2
      rules-engine merge my_protocol.yaml shard1/ shard2/ --out results/

    Exit codes: 0 done; 2 usage or ruleset; 3 a shard is missing, damaged or of another run.
    """
    from rules_engine.cli._progress import StageProgress
    from rules_engine.cli._summary import print_result
    from rules_engine.engine import Engine
    from rules_engine.partitions import merge_shards

    engine = Engine(ruleset, parameters=parameters or None)
    with StageProgress() as progress:
        result = merge_shards(engine, shards, out, formats=formats, report=not no_report, progress=progress)
    with result:
        print_result(result, result.written, out, as_json=as_json)
