"""A program that embeds the engine and is held to a strict type checker: every public name, used as documented."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
import rules_engine
from rules_engine import (
    Cancelled,
    Comparison,
    Engine,
    Explanation,
    FindingsOverview,
    InternalError,
    PluginError,
    Problem,
    Result,
    RulesEngineError,
    Ruleset,
    RulesetError,
    Study,
    StudyError,
    SubjectTimeline,
    UsageError,
    describe_ruleset,
    hookimpl,
    load_ruleset,
    read_study,
)

LOGGER = logging.getLogger("client")


def run(protocol: str | Path, folder: Path, cutoff: date, stop: threading.Event) -> Result | None:
    """The result of a run, or None where somebody stopped it."""
    ruleset: Ruleset = load_ruleset(protocol, parameters={"gap": 120})
    engine = Engine(ruleset)
    study: Study = read_study(folder, ruleset=ruleset)
    try:
        return engine.run(study, data_cutoff=cutoff, progress=LOGGER.info, cancel=stop.is_set)
    except Cancelled:
        return None


def problems(error: RulesEngineError) -> list[str]:
    """Each fault in one line."""
    found: list[Problem] = list(error.problems)
    return [f"{problem.file}:{problem.line}:{problem.column} {problem.what}; {problem.remedy}" for problem in found]


def exit_code(error: RulesetError | StudyError | PluginError | UsageError | InternalError) -> int:
    """The exit code that the command line would leave with."""
    return error.exit_code


def use(result: Result, other: Result, out: Path) -> Mapping[str, Path]:
    """Everything that a result can do."""
    frame: pl.DataFrame = result.adtte.filter(pl.col("CNSR") == 0)
    explanation: Explanation = result.explain(str(frame["USUBJID"][0]), "PFS")
    timeline: SubjectTimeline = result.timeline(explanation.subject)
    timeline.write(out / "subject.svg")
    comparison: Comparison = result.diff(other, endpoints=["PFS"])
    overview: FindingsOverview = result.findings_overview()
    LOGGER.info("%s %s %s", comparison.results_differ, overview, describe_ruleset(result.ruleset).markdown())
    LOGGER.info("%s", rules_engine.__version__)
    return result.write(out, formats=["parquet", "csv"], report=False)


class Plugin:
    """A plugin that offers nothing."""

    @hookimpl
    def rules_engine_criteria(self) -> list[object]:
        """No criteria."""
        return []
