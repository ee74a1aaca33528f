"""Options that a ruleset states and that change nothing, because other options keep them from it."""

from __future__ import annotations

from rules_engine.describe.endpoints import ToldEndpoints
from rules_engine.describe.inventory import in_force
from rules_engine.describe.language import joined
from rules_engine.model import Ruleset
from rules_engine.registry import Registry, default_registry


def options_without_effect(ruleset: Ruleset, *, registry: Registry | None = None) -> list[str]:
    """One sentence for each option that a protocol's own file states and that changes nothing wherever it holds.

    What the bases of `extends` state is theirs to say: a style speaks for endpoints that a protocol may not have.
    """
    if not ruleset.endpoints or "id" not in ruleset.positions:
        return []
    registry = registry or default_registry()
    own = ruleset.positions["id"].file
    holds_for: dict[tuple[str, str, str], list[str]] = {}
    in_effect = set()
    endpoints = ToldEndpoints.of(ruleset, registry)
    for entries in in_force(ruleset, registry, endpoints).values():
        for entry in entries:
            place = entry.place or ""
            # Null says that there is none; that there is none changes nothing by right.
            if entry.statement.value is not None and (place == own or place.startswith(f"{own}:")):
                stated = (place, entry.statement.path, entry.value)
                holds_for.setdefault(stated, []).append(entry.owner)
                if entry.statement.in_effect:
                    in_effect.add(stated)
    return [
        f"{place}: {path}: {value} is without effect for {_called(owners, endpoints)}, because of other options"
        for (place, path, value), owners in holds_for.items()
        if (place, path, value) not in in_effect
    ]


def _called(owners: list[str], endpoints: ToldEndpoints) -> str:
    return endpoints.called(owners) if set(owners) <= set(endpoints.names) else joined(owners)
