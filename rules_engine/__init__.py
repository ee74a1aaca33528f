"""Turns a trial's raw records into its endpoints, from rules that people can read.

The names below are the public API; they are loaded when first used, so that `import rules_engine` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rules_engine.describe import describe_ruleset as describe_ruleset
    from rules_engine.diff import Comparison as Comparison
    from rules_engine.engine import Engine as Engine
    from rules_engine.engine import Result as Result
    from rules_engine.errors import Cancelled as Cancelled
    from rules_engine.errors import InternalError as InternalError
    from rules_engine.errors import PluginError as PluginError
    from rules_engine.errors import Problem as Problem
    from rules_engine.errors import RulesEngineError as RulesEngineError
    from rules_engine.errors import RulesetError as RulesetError
    from rules_engine.errors import StudyError as StudyError
    from rules_engine.errors import UsageError as UsageError
    from rules_engine.explain import Explanation as Explanation
    from rules_engine.explain import SubjectTimeline as SubjectTimeline
    from rules_engine.findings_overview import FindingsOverview as FindingsOverview
    from rules_engine.hookspecs import hookimpl as hookimpl
    from rules_engine.loading import load_ruleset as load_ruleset
    from rules_engine.model import Ruleset as Ruleset
    from rules_engine.study import Study as Study
    from rules_engine.study import read_study as read_study

__version__ = "0.1.0"

_HOMES = {
    "Engine": "engine",
    "Result": "engine",
    "Comparison": "diff",
    "Explanation": "explain",
    "SubjectTimeline": "explain",
    "FindingsOverview": "findings_overview",
    "Cancelled": "errors",
    "InternalError": "errors",
    "PluginError": "errors",
    "Problem": "errors",
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


#: Names that were renamed, and still work with a warning: old name to (new name, since, removed in).
_RENAMED: dict[str, tuple[str, str, str]] = {}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        from rules_engine.deprecation import warn_deprecated

        new, since, removed_in = _RENAMED[name]
        warn_deprecated(f"rules_engine.{name}", since=since, removed_in=removed_in, instead=f"rules_engine.{new}")
        name = new
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
