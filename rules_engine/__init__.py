"""Turns a trial's raw records into its endpoints, from rules that people can read.

The names below are the public API; they are loaded when first used, so that `import rules_engine` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rules_engine.describe import describe_ruleset as describe_ruleset
    from rules_engine.engine import Engine as Engine
    from rules_engine.engine import Result as Result
    from rules_engine.errors import PluginError as PluginError
    from rules_engine.errors import RulesEngineError as RulesEngineError
    from rules_engine.errors import RulesetError as RulesetError
    from rules_engine.errors import StudyError as StudyError
    from rules_engine.errors import UsageError as UsageError
    from rules_engine.hookspecs import hookimpl as hookimpl
    from rules_engine.loading import load_ruleset as load_ruleset
    from rules_engine.model import Ruleset as Ruleset
    from rules_engine.study import Study as Study
    from rules_engine.study import read_study as read_study

__version__ = "0.1.0"

_HOMES = {
    "Engine": "engine",
    "Result": "engine",
    "PluginError": "errors",
    "RulesEngineError": "errors",
    "RulesetError": "errors",
    "StudyError": "errors",
    "UsageError": "errors",
    "describe_ruleset": "describe",
    "hookimpl": "hookspecs",
    "load_ruleset": "loading",
    "Ruleset": "model",
    "Study": "study",
    "read_study": "study",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
