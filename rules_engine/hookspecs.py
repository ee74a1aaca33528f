"""What a plugin may provide: one hook per kind of named object, each called once while the registry is built.

A plugin is a module (or object) named by an entry point of the group `rules_engine`; it implements any of these with
`rules_engine.hookimpl`. Hooks only collect objects; the engine picks by id, so the order of registration cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from rules_engine.vocabulary import Criterion, EndpointKind, Estimator, Grading, Reader, RulesetFolder

#: Name of the entry-point group and of the pluggy project.
PROJECT = "rules_engine"
#: Version of this contract. A plugin may state `RULES_ENGINE_HOOKS = 1`; another major version stops the run.
HOOK_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer response criteria."""
    raise NotImplementedError


@hookspec
def rules_engine_gradings() -> Sequence[Grading]:
    """Offer engines that run grading rulesets."""
    raise NotImplementedError


@hookspec
def rules_engine_endpoint_kinds() -> Sequence[EndpointKind]:
    """Offer ways to derive an endpoint."""
    raise NotImplementedError


@hookspec
def rules_engine_estimators() -> Sequence[Estimator]:
    """Offer statistical estimates."""
    raise NotImplementedError


@hookspec
def rules_engine_readers() -> Sequence[Reader]:
    """Offer file formats that tables can be read from."""
    raise NotImplementedError


@hookspec
def rules_engine_rulesets() -> Sequence[RulesetFolder]:
    """Offer folders of rulesets that can be named without a path."""
    raise NotImplementedError
