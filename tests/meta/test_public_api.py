"""The public names stay, and importing the package stays light."""

from __future__ import annotations

import subprocess
import sys

import rules_engine


def test_the_public_names_are_pinned() -> None:
    assert sorted(rules_engine.__all__) == sorted(
        [
            "__version__", "Cancelled", "Comparison", "Engine", "Explanation", "FindingsOverview", "InternalError",
            "PluginError", "Problem", "Result", "RulesEngineError", "Ruleset", "RulesetError", "Study", "StudyError",
            "SubjectTimeline", "UsageError", "describe_ruleset", "hookimpl", "load_ruleset", "read_study",
        ]
    )  # fmt: skip
    for name in rules_engine.__all__:
        assert getattr(rules_engine, name) is not None


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = ("polars", "matplotlib", "lifelines", "pandas", "scipy", "jsonschema")
    code = f"import sys, rules_engine, rules_engine.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
