"""The data sets of a protocol as assets of Dagster.

    dagster asset materialize -f examples/dagster_asset.py --select '*'      (RULES_ENGINE_STUDY and RULES_ENGINE_OUT name the folders)

Everything that has to do with the engine is in `derive_endpoints`, which knows nothing of Dagster and runs without it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rules_engine import Engine


def derive_endpoints(
    study: Path, out: Path, log: Callable[[str], None], ruleset: str = "tace_ici_hcc", cutoff: str = "2025-12-31"
) -> dict[str, Any]:
    """Run the protocol, write the results, and say what a person who watches the pipeline wants to know."""
    result = Engine(ruleset).run(study, data_cutoff=cutoff, progress=log)
    written = result.write(out)
    return {
        "adtte": str(written["adtte"]),
        "subjects": result.subject_count,
        "records": result.adtte.height,
        "findings": result.findings.height,
        "errors in the data": result.findings.filter(severity="error").height,
    }


try:
    from dagster import AssetCheckResult, AssetExecutionContext, Definitions, MaterializeResult, asset, asset_check
except ImportError:
    pass
else:
    STUDY = Path(os.environ.get("RULES_ENGINE_STUDY", "study"))
    OUT = Path(os.environ.get("RULES_ENGINE_OUT", "results"))

    @asset
    def endpoints(context: AssetExecutionContext) -> MaterializeResult:
        """ADaM data sets, estimates, findings and the report of the protocol."""
        return MaterializeResult(metadata=derive_endpoints(STUDY, OUT, context.log.info))

    @asset_check(asset=endpoints)
    def every_subject_has_an_overall_survival() -> AssetCheckResult:
        """One record of OS per subject of the study."""
        import polars as pl

        survival = pl.scan_parquet(OUT / "adtte.parquet").filter(pl.col("PARAMCD") == "OS").collect()
        return AssetCheckResult(passed=survival.height == survival["USUBJID"].n_unique() > 0)

    defs = Definitions(assets=[endpoints], asset_checks=[every_subject_has_an_overall_survival])
