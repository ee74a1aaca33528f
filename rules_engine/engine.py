"""The public face: `Engine` runs a ruleset on a study; `Result` holds what was derived and writes, reports and explains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine import pipeline
from rules_engine.errors import StudyError, UsageError
from rules_engine.loading import load_ruleset
from rules_engine.model import Ruleset
from rules_engine.registry import Registry, default_registry
from rules_engine.study import Study, adam, as_study, require_tables
from rules_engine.study.manifest import build_manifest
from rules_engine.study.writing import write_outputs


class Engine:
    """Runs one protocol ruleset.

    `ruleset` is a loaded `Ruleset`, or a name, path or mapping that `load_ruleset` takes; `overrides` is merged over it.
    `registry` is what the plugins offer; by default what is installed.
    """

    def __init__(
        self,
        ruleset: Ruleset | str | Path | Mapping[str, Any],
        *,
        overrides: Mapping[str, Any] | None = None,
        registry: Registry | None = None,
    ) -> None:
        self.registry = registry or default_registry()
        if isinstance(ruleset, Ruleset) and overrides is None:
            self.ruleset = ruleset
        elif isinstance(ruleset, Ruleset):
            raise UsageError.at("Engine", "overrides cannot be laid over a loaded ruleset", "pass them to load_ruleset")
        else:
            self.ruleset = load_ruleset(ruleset, overrides=overrides, registry=self.registry)
        if self.ruleset.kind != "protocol":
            raise UsageError.at(
                f"ruleset {self.ruleset.id!r}",
                f"it is a {self.ruleset.kind} ruleset; only a protocol can be run",
                "name a ruleset of kind protocol",
            )

    def run(
        self,
        study: Study | Mapping[str, Any] | str | Path,
        *,
        data_cutoff: date | str | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Result:
        """Derive everything that the ruleset asks for, as seen on the day `data_cutoff` (inclusive).

        `study` is what `read_study` gave, or a mapping of table names to frames that speak Arrow. `data_cutoff` is a date or
        ISO text; without it the ruleset's `study.data_cutoff` holds. `progress` is called with the name of each stage.
        Raises `StudyError` where the study lacks what the ruleset needs, `PluginError` where a plugin breaks its contract.
        """
        tell = progress or (lambda _stage: None)
        tell("reading")
        read = as_study(study, ruleset=self.ruleset, registry=self.registry)
        require_tables(read, self.ruleset)
        cutoff = _cutoff(data_cutoff, self.ruleset)
        derived = pipeline.derive(self.ruleset, read.tables, self.registry, cutoff, progress=tell)
        return Result(ruleset=self.ruleset, study=read, derived=derived, data_cutoff=cutoff, registry=self.registry)


def _cutoff(given: date | str | None, ruleset: Ruleset) -> date:
    """The data cut-off as a day. It has no default: whoever runs an analysis states it."""
    stated = given if given is not None else (ruleset.document.get("study") or {}).get("data_cutoff")
    if isinstance(stated, date):
        return stated
    if stated is None:
        raise UsageError.at(
            "data cut-off",
            "neither the call nor the ruleset states it",
            "pass data_cutoff (command line: --data-cutoff 2025-12-31), or state study.data_cutoff in the ruleset",
        )
    try:
        return date.fromisoformat(str(stated))
    except ValueError:
        raise UsageError.at("data cut-off", f"{stated!r} is no calendar day", "write it as 2025-12-31") from None


@dataclass(frozen=True)
class Result:
    """What a run derived: ADaM data sets as frames, and ways to write, report and explain them."""

    ruleset: Ruleset
    study: Study
    derived: pipeline.Derived
    data_cutoff: date
    registry: Registry
