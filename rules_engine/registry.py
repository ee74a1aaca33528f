"""Finds plugins, checks them and indexes what they offer by id.

Strict where it matters: a plugin that does not import, an unknown hook name, two objects with one id, or a contract of another
version stops the run with the plugin's name and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import pluggy

from rules_engine import hookspecs
from rules_engine.contracts import TABLES
from rules_engine.errors import PluginError, Problem, closest
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
    Words,
)

Named = TypeVar(
    "Named",
    bound="Criterion | Grading | EndpointKind | Event | CensoringRule | CensoringDate | Origin | Estimator | Reader "
    "| Table | RulesetFolder",
)

#: Registry field, hook that fills it, class of its objects, and the word used in messages.
_KINDS: tuple[tuple[str, str, type[Any], str], ...] = (
    ("criteria", "rules_engine_criteria", Criterion, "criterion"),
    ("gradings", "rules_engine_gradings", Grading, "grading"),
    ("endpoint_kinds", "rules_engine_endpoint_kinds", EndpointKind, "endpoint kind"),
    ("events", "rules_engine_events", Event, "event"),
    ("censoring_rules", "rules_engine_censoring_rules", CensoringRule, "censoring rule"),
    ("censoring_dates", "rules_engine_censoring_dates", CensoringDate, "censoring date"),
    ("origins", "rules_engine_origins", Origin, "origin"),
    ("tables", "rules_engine_tables", Table, "table"),
    ("estimators", "rules_engine_estimators", Estimator, "estimator"),
    ("readers", "rules_engine_readers", Reader, "reader"),
    ("ruleset_folders", "rules_engine_rulesets", RulesetFolder, "ruleset folder"),
)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin as found: the name of its entry point, its distribution and version, and what it offers (`kind:id`)."""

    name: str
    module: str
    distribution: str
    version: str
    offers: tuple[str, ...]


class Index(Mapping[str, Named], Generic[Named]):
    """Objects of one kind by id, sorted by id; a missing id is a `PluginError` that names the closest one."""

    def __init__(self, word: str, objects: Mapping[str, Named]) -> None:
        self._word = word
        self._objects: Mapping[str, Named] = MappingProxyType(dict(sorted(objects.items())))

    def __getitem__(self, key: str) -> Named:
        return self._objects[key]

    def __iter__(self) -> Any:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def require(self, key: str) -> Named:
        """The object with this id; raises `PluginError` where no plugin offers it."""
        try:
            return self._objects[key]
        except KeyError:
            installed = ", ".join(self._objects) or "none"
            raise PluginError.at(
                f"{self._word} {key!r}",
                f"no installed plugin offers a {self._word} with this id (installed: {installed})",
                "correct the id, or install the plugin that offers it; `rules-engine plugins` lists what is there",
                meant=closest(key, self._objects),
            ) from None


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that the installed plugins offer, by kind and id."""

    plugins: tuple[Plugin, ...]
    criteria: Index[Criterion]
    gradings: Index[Grading]
    endpoint_kinds: Index[EndpointKind]
    events: Index[Event]
    censoring_rules: Index[CensoringRule]
    censoring_dates: Index[CensoringDate]
    origins: Index[Origin]
    tables: Index[Table]
    estimators: Index[Estimator]
    readers: Index[Reader]
    ruleset_folders: Index[RulesetFolder]


def build_registry(
    plugins: Sequence[tuple[str, object]] | None = None, *, extra: Sequence[tuple[str, object]] = ()
) -> Registry:
    """Build the registry from entry points, or from the given (name, plugin) pairs; `extra` pairs are added to either.

    Raises `PluginError` with every fault found.
    """
    problems: list[Problem] = []
    found = _load_entry_points(problems) if plugins is None else [(name, plugin, None) for name, plugin in plugins]
    found += [(name, plugin, None) for name, plugin in extra]
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for name, plugin, _entry in found:
        _register(manager, name, plugin, problems)
    for kind in {str(hook) for _name, _plugin, _entry in found for hook in _unknown_hooks(_plugin)}:
        problems.append(_unknown_hook_problem(kind, found))
    if problems:
        raise PluginError(problems)
    return _collect(found)


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """The registry of the installed plugins; built once per process."""
    return build_registry()


def _load_entry_points(problems: list[Problem]) -> list[tuple[str, object, EntryPoint | None]]:
    found: list[tuple[str, object, EntryPoint | None]] = []
    seen: dict[str, str] = {}
    for entry in sorted(entry_points(group=hookspecs.PROJECT), key=lambda entry: (entry.name, entry.value)):
        if seen.get(entry.name) == entry.value:
            continue  # one distribution seen through two paths
        if entry.name in seen:
            problems.append(
                Problem(
                    f"plugin {entry.name!r}",
                    f"two installed plugins have this name: {seen[entry.name]} and {entry.value}",
                    "uninstall one of them",
                )
            )
            continue
        seen[entry.name] = entry.value
        try:
            found.append((entry.name, entry.load(), entry))
        except Exception as error:  # any failure of foreign code is the plugin's
            problems.append(
                Problem(
                    f"plugin {entry.name!r} ({entry.value}, {_distribution(entry)})",
                    f"it cannot be imported: {type(error).__name__}: {error}",
                    "repair or uninstall that package",
                )
            )
    return found


def _register(manager: pluggy.PluginManager, name: str, plugin: object, problems: list[Problem]) -> None:
    version = getattr(plugin, "RULES_ENGINE_HOOKS", hookspecs.HOOK_VERSION)
    if version != hookspecs.HOOK_VERSION:
        problems.append(
            Problem(
                f"plugin {name!r}",
                f"it is written for version {version!r} of the hook contract; this engine has {hookspecs.HOOK_VERSION}",
                "install a release of the plugin, or of the engine, in which the versions agree",
            )
        )
        return
    try:
        manager.register(plugin, name=name)
    except (ValueError, pluggy.PluginValidationError) as error:
        problems.append(Problem(f"plugin {name!r}", f"it cannot be registered: {error}", "correct the plugin"))


def _unknown_hooks(plugin: object) -> list[str]:
    """Names in a plugin that look like hooks but are none; pluggy itself would stay silent about them."""
    known = {hook for _field, hook, _class, _word in _KINDS}
    prefix = f"{hookspecs.PROJECT}_"
    names = [name for name in dir(plugin) if name.startswith(prefix) and name not in known]
    return [name for name in names if callable(getattr(plugin, name))]


def _unknown_hook_problem(hook: str, found: Iterable[tuple[str, object, EntryPoint | None]]) -> Problem:
    owners = ", ".join(sorted(name for name, plugin, _entry in found if hook in _unknown_hooks(plugin)))
    known = [name for _field, name, _class, _word in _KINDS]
    return Problem(
        f"plugin {owners}",
        f"it defines {hook}, which is no hook of the engine",
        f"use one of {', '.join(known)}",
        meant=closest(hook, known),
    )


def _collect(found: Sequence[tuple[str, object, EntryPoint | None]]) -> Registry:
    """Call every hook of every plugin once and index the answers, refusing what is not of the declared class."""
    problems: list[Problem] = []
    by_kind: dict[str, dict[str, Any]] = {field: {} for field, *_ in _KINDS}
    owner: dict[tuple[str, str], str] = {}
    plugins: list[Plugin] = []
    for name, plugin, entry in found:
        offers: list[str] = []
        for field, hook, cls, word in _KINDS:
            for offered in _call(plugin, name, hook, problems):
                if not isinstance(offered, cls):
                    problems.append(
                        Problem(
                            f"plugin {name!r}",
                            f"{hook} returned {type(offered).__name__}, not {cls.__name__}",
                            "correct the plugin",
                        )
                    )
                    continue
                if cls is Table and offered.id in TABLES:
                    problems.append(
                        Problem(
                            f"table {offered.id!r} of plugin {name!r}",
                            "it has the name of an input table of the engine",
                            "give the table another name; extra columns of an input table are kept without a plugin",
                        )
                    )
                    continue
                if (field, offered.id) in owner:
                    problems.append(
                        Problem(
                            f"{word} {offered.id!r}",
                            f"it is offered twice, by plugins {owner[field, offered.id]!r} and {name!r}",
                            "uninstall one of them, or give the object another id",
                        )
                    )
                    continue
                owner[field, offered.id] = name
                by_kind[field][offered.id] = offered
                offers.append(f"{word}: {offered.id}")
        plugins.append(Plugin(name, _module(plugin), _distribution(entry), _version(entry), tuple(sorted(offers))))
    if problems:
        raise PluginError(problems)
    by_kind["endpoint_kinds"] = _bound(by_kind, owner)
    indexes: dict[str, Any] = {field: Index(word, by_kind[field]) for field, _hook, _class, word in _KINDS}
    return Registry(plugins=tuple(sorted(plugins, key=lambda plugin: plugin.name)), **indexes)


def _bound(by_kind: Mapping[str, dict[str, Any]], owner: Mapping[tuple[str, str], str]) -> dict[str, EndpointKind]:
    """The endpoint kinds, bound to the words that all plugins together offer."""
    called = {field: word for field, _hook, _class, word in _KINDS}
    fields = ("events", "censoring_rules", "censoring_dates", "origins")
    words = Words(
        **{field: dict(sorted(by_kind[field].items())) for field in fields},
        owners={f"{called[field]}: {name}": plugin for (field, name), plugin in owner.items()},
    )
    return {
        name: kind if kind.bind is None else kind.bind(kind, words) for name, kind in by_kind["endpoint_kinds"].items()
    }


def _call(plugin: object, name: str, hook: str, problems: list[Problem]) -> list[Any]:
    function = getattr(plugin, hook, None)
    if function is None:
        return []
    if not hasattr(function, f"{hookspecs.PROJECT}_impl"):
        problems.append(
            Problem(f"plugin {name!r}", f"{hook} is not marked as a hook", "put @rules_engine.hookimpl above it")
        )
        return []
    try:
        return list(function())
    except Exception as error:  # any failure of foreign code is the plugin's
        problems.append(
            Problem(
                f"plugin {name!r}",
                f"{hook} failed: {type(error).__name__}: {error}",
                "repair or uninstall that package",
            )
        )
        return []


def _module(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def _distribution(entry: EntryPoint | None) -> str:
    return entry.dist.name if entry is not None and entry.dist is not None else ""


def _version(entry: EntryPoint | None) -> str:
    return entry.dist.version if entry is not None and entry.dist is not None else ""
