"""What a plugin may provide: one hook per kind of named object, each called once while the registry is built.

A plugin is a module (or object) named by an entry point of the group `rules_engine`; it implements any of these with
`rules_engine.hookimpl`. Hooks only collect objects; the engine picks by id, so the order of registration cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from rules_engine.vocabulary import (
    CensoringDate,
    CensoringRule,
    Criterion,
    EndpointKind,
    Estimator,
    Event,
    Grading,
    Origin,
    Reader,
    RulesetFolder,
    Table,
    Writer,
)

#: Name of the entry-point group and of the pluggy project.
PROJECT = "rules_engine"
#: Version of this contract, `major.minor`. A plugin may state the one that it is written for (`RULES_ENGINE_HOOKS = "1.1"`).
#: Within a major version the contract only grows: hooks, fields with defaults, optional columns and accepted values are
#: added, none is removed, renamed or given another meaning. A plugin for another major version, or for a later minor one
#: than the engine's, stops the run.
#:
#: 1.0: the first. 1.1: criteria that are judged from input tables (`Criterion.assess_tables`), `Criterion.plain_forms`;
#: readers of several tables and of connections (`Reader.scan_tables`), formats of results (`rules_engine_writers`);
#: what looks at all subjects after each has been run by itself.
HOOK_VERSION = "1.1"

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
def rules_engine_events() -> Sequence[Event]:
    """Offer events: what may end the time of an endpoint."""
    raise NotImplementedError


@hookspec
def rules_engine_censoring_rules() -> Sequence[CensoringRule]:
    """Offer reasons to censor."""
    raise NotImplementedError


@hookspec
def rules_engine_censoring_dates() -> Sequence[CensoringDate]:
    """Offer dates on which subjects without an event are censored."""
    raise NotImplementedError


@hookspec
def rules_engine_origins() -> Sequence[Origin]:
    """Offer days on which the clock may start."""
    raise NotImplementedError


@hookspec
def rules_engine_tables() -> Sequence[Table]:
    """Offer input tables of the plugin's own, for its words to read."""
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
def rules_engine_writers() -> Sequence[Writer]:
    """Offer file formats that results can be written in."""
    raise NotImplementedError


@hookspec
def rules_engine_rulesets() -> Sequence[RulesetFolder]:
    """Offer folders of rulesets that can be named without a path."""
    raise NotImplementedError
