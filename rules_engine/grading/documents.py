"""The grading rulesets that come with the engine, read without the rest of the engine (for worked cases and single
questions).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import yaml

from rules_engine.errors import UsageError
from rules_engine.grading.rules import GradingRules, read_rules

#: Version taken where a question names none.
DEFAULT_VERSION = "5.0"


class HasFolders(Protocol):
    """Something that knows folders of rulesets, such as the registry."""

    @property
    def ruleset_folders(self) -> Mapping[str, Any]:
        """Folders by id; each has a `path`."""
        ...


def rules_of_version(version: str, registry: HasFolders | None = None) -> GradingRules:
    """The rules of a CTCAE version (`5.0`, `4.03`) among the installed rulesets.

    Raises `UsageError` where none has it.
    """
    folders = (
        tuple(folder.path for folder in registry.ruleset_folders.values()) if registry is not None else (_built_in(),)
    )
    found = _by_version(folders)
    if version not in found:
        raise UsageError.at(
            f"CTCAE version {version!r}",
            f"no installed grading ruleset has this version (there are: {', '.join(sorted(found)) or 'none'})",
            "correct the version, or add a ruleset for it",
        )
    return _read(found[version])


def _built_in() -> Path:
    package = Path(__file__).resolve().parents[1]
    installed = package / "_rulesets"
    return installed if installed.is_dir() else package.parent / "rulesets"


@lru_cache(maxsize=8)
def _by_version(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Grading rulesets by their version; of two with one version the first by name is taken."""
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("ctcae*/ruleset.yaml")):
            head = file.read_text(encoding="utf-8")[:4000]
            version = next((line.split(":", 1)[1] for line in head.splitlines() if line.startswith("version:")), None)
            if version is not None:
                found.setdefault(str(yaml.safe_load(version)), file)
    return found


@lru_cache(maxsize=8)
def _read(file: Path) -> GradingRules:
    return read_rules(_document(file))


def _document(file: Path) -> dict[str, Any]:
    """A grading document with its bases laid under it: a mapping merges, anything else replaces."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    own: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  (a safe loader)
    bases = own.get("extends") or []
    document: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        document = _merge(document, _document(file.parent.parent / base / "ruleset.yaml"))
    return _merge(document, own)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
