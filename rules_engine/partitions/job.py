"""What another process must know to derive parts of a study as this one would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import polars as pl

import rules_engine
from rules_engine.engine import Engine
from rules_engine.errors import PluginError
from rules_engine.findings import empty_findings
from rules_engine.model import Ruleset
from rules_engine.partitions.folder import WorkFolder
from rules_engine.partitions.part import derive_part
from rules_engine.pipeline.plans import Progress
from rules_engine.registry import PluginSelection, Registry, build_registry
from rules_engine.study import Study


@dataclass(frozen=True)
class Job:
    """A study that lies split in a work folder (`folder.WorkFolder`), and what to derive of it; it can be pickled.

    `tables` are the names of the study's tables, `columns` those that it was brought with.
    """

    ruleset: Ruleset
    cutoff: date
    selection: PluginSelection
    versions: tuple[str, ...]
    folder: Path
    key: str
    study_id: str
    tables: tuple[str, ...]
    columns: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, engine: Engine, study: Study, cutoff: date, place: WorkFolder, key: str) -> Job:
        """The job of deriving a study whose tables are split in `place`."""
        registry = engine.registry
        return cls(
            engine.ruleset, cutoff, registry.selection, versions_of(registry), place.path, key, study.id,
            tuple(study.tables), dict(study.columns),
        )  # fmt: skip

    def derive(self, engine: Engine, part: int, tell: Progress) -> None:
        """Derive one part and put it into the work folder: complete, or not at all."""
        place = WorkFolder(self.folder)
        tables: Mapping[str, pl.LazyFrame] = place.tables(self.tables, part)
        study = Study(MappingProxyType(tables), empty_findings(), (), self.study_id, MappingProxyType({**self.columns}))
        place.write(part, self.key, derive_part(engine, study, self.cutoff, tell))


def versions_of(registry: Registry) -> tuple[str, ...]:
    """What must be the same here and there, or the results might not be."""
    plugins = sorted(f"plugin {plugin.name} {plugin.version}" for plugin in registry.plugins)
    return (f"engine {rules_engine.__version__}", f"Polars {pl.__version__}", *plugins)


def can_be_rebuilt(registry: Registry) -> bool:
    """Whether another process finds these plugins by itself: not those that were handed to this one as objects."""
    return versions_of(registry) == versions_of(build_registry(selection=registry.selection))


def rebuilt(ruleset: Ruleset, selection: PluginSelection, versions: tuple[str, ...], who: str) -> Engine:
    """The engine in another process (`who`, as messages name it); raises `PluginError` where it has other versions."""
    registry = build_registry(selection=selection)
    here, there = set(versions_of(registry)), set(versions)
    if here != there:
        differing = ", ".join(sorted(there - here)) or "none"
        found = ", ".join(sorted(here - there)) or "none"
        raise PluginError.at(
            who, f"they lack what the driver has ({differing}) or have something else (found: {found})",
            "install the same packages on the driver and on every worker",
        )  # fmt: skip
    return Engine(ruleset, registry=registry)
