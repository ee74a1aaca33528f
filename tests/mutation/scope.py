"""What is tried: the areas, and of them the response criteria with the plugins that offer them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the engine that is tried by itself, with the suites that may notice.

    `imported` is what a fork need not import again; nothing of `tried` may be among it. `import_everything` loads the rest, for faults that
    can be put into loaded code; without it every fork imports what is tried.
    """

    name: str
    tried: tuple[str, ...]
    imported: tuple[str, ...]
    modules: Callable[[], Mapping[str, Path]]
    suites: Callable[[Sequence[str], Callable[[Callable[[], bytes]], bytes]], Mapping[str, Any]]
    left_alone: Callable[[str], frozenset[str]] = lambda _dotted: frozenset()
    import_everything: Callable[[], None] | None = None


_PLUGINS = ("recist_1_1", "mrecist", "irecist", "mrecist_irecist")
#: Packages of which nothing may be imported before a fault is put into them.
TRIED = ("rules_engine.criteria", *(f"rules_engine_plugins.{name}" for name in _PLUGINS))

#: Words for people, and options as a ruleset's author reads them.
_WORDS = {"wording.py", "__init__.py"}
LEFT_ALONE: dict[str, frozenset[str]] = {
    "options": frozenset(
        {"RECIST", "MRECIST", "IRECIST", "HYBRID", "_mm", "_percent", "_count", "_days", "_flag", "_choice"}
    ),
}


def modules() -> dict[str, Path]:
    """The dotted name and file of every module that is tried."""
    files = [file for file in sorted((ROOT / "rules_engine/criteria").rglob("*.py")) if file.name not in _WORDS]
    named = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    plugins = ROOT / "plugins"
    return named | {f"rules_engine_plugins.{name}": plugins / f"rules_engine_plugins/{name}.py" for name in _PLUGINS}


def left_alone(dotted: str) -> frozenset[str]:
    """Functions and variables of a module that are not tried."""
    return LEFT_ALONE.get(dotted.rsplit(".", 1)[-1], frozenset())
