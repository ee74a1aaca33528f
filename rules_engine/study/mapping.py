"""From SDTM and ADaM files to the input tables, as the section `data` of a protocol says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.errors import Problem
from rules_engine.model import Ruleset
from rules_engine.study.sources import RawTable


@dataclass(frozen=True)
class StudyMapping:
    """A `data:` section, complete: `domains` (name to files) and `tables` (table to its named parts)."""

    domains: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, Mapping[str, Any]]

    @property
    def names(self) -> frozenset[str]:
        """Names of all files that the mapping may read, in lower case."""
        return frozenset(name for files in self.domains.values() for name in files)


def mapping_of(ruleset: Ruleset | None) -> StudyMapping | None:
    """The mapping that a ruleset states, or None where the study comes as input tables."""
    return None


def mapped_tables(mapping: StudyMapping, files: Mapping[str, RawTable]) -> tuple[dict[str, RawTable], list[Problem]]:
    """The input tables that the mapping builds, and what stands in its way."""
    return {}, []
