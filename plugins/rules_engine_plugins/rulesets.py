"""Offers the folder of rulesets that comes with the engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rules_engine
from rules_engine.vocabulary import RulesetFolder


def built_in_folder() -> Path:
    """The folder of the built-in rulesets: inside the installed package, or beside it in a checkout."""
    package = Path(rules_engine.__file__).resolve().parent
    installed = package / "_rulesets"
    return installed if installed.is_dir() else package.parent / "rulesets"


@rules_engine.hookimpl
def rules_engine_rulesets() -> Sequence[RulesetFolder]:
    """Offer the built-in rulesets."""
    return [RulesetFolder("built-in", built_in_folder())]
