"""The hook contract, its registry and its page agree."""

from __future__ import annotations

import inspect
from pathlib import Path

from rules_engine import hookspecs, registry

ROOT = Path(__file__).resolve().parents[2]


def test_every_hook_is_documented_and_collected() -> None:
    hooks = {name: value for name, value in vars(hookspecs).items() if name.startswith("rules_engine_")}
    assert {hook for _field, hook, _class, _word in registry._KINDS} == set(hooks)
    for hook in hooks.values():
        assert inspect.getdoc(hook)
        assert not inspect.signature(hook).parameters


def test_the_readme_and_the_ci_call_the_same_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = next(line for line in ci.splitlines() if "-m pytest" in line)
    assert command in readme.splitlines()
