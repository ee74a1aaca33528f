"""The manifest: what was run on what. It holds everything that decides the result, and no clock time."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

import rules_engine
from rules_engine.hookspecs import HOOK_VERSION
from rules_engine.model import Ruleset
from rules_engine.registry import Registry
from rules_engine.study.study import Study

#: Says that a folder of results is the engine's own; written into every manifest.
PRODUCER = "endpoint-rules-engine"
_SHOWN_OF_HASH = 12


def build_manifest(ruleset: Ruleset, study: Study, registry: Registry, data_cutoff: date) -> dict[str, Any]:
    """The ruleset as resolved, versions of engine, plugins and libraries, hashes of the inputs, and the cut-off.

    `write_outputs` adds the hashes of what it writes. Paths are left out, so that the same run on another machine gives
    the same manifest.
    """
    return {
        "producer": PRODUCER,
        "study": study.id,
        "data_cutoff": data_cutoff.isoformat(),
        "versions": {
            "engine": rules_engine.__version__,
            "hooks": HOOK_VERSION,
            "python": platform.python_version(),
            "polars": pl.__version__,
        },
        "plugins": [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "offers": list(plugin.offers),
            }
            for plugin in registry.plugins
        ],
        # Which plugins beside the built-in ones a run was limited to; null: all that were installed.
        "plugins_selected": None if registry.selection.others is None else list(registry.selection.others),
        "ruleset": {
            "id": ruleset.id,
            "title": ruleset.title,
            "sha256": ruleset_hash(ruleset),
            "files": ["/".join(Path(file).parts[-2:]) for file in ruleset.files],
            "document": ruleset.document,
        },
        "inputs": [source.as_dict() for source in study.sources],
    }


def ruleset_hash(ruleset: Ruleset) -> str:
    """SHA-256 of the effective document, as hexadecimal text; layout and comments of the files do not matter."""
    return hashlib.sha256(as_json(ruleset.document, indent=None).encode()).hexdigest()


def ruleset_stamp(ruleset: Ruleset) -> str:
    """The ruleset's id and the beginning of its hash, as derived records carry it."""
    return f"{ruleset.id}@{ruleset_hash(ruleset)[:_SHOWN_OF_HASH]}"


def as_json(document: Any, *, indent: int | None = 2) -> str:
    """JSON text that is the same for equal documents: keys sorted, dates as ISO text."""
    return json.dumps(_plain(document), ensure_ascii=False, indent=indent, sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    """Mappings and sequences of any class as dicts with text keys and lists."""
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
