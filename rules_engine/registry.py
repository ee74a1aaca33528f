"""Finds plugins, checks them and indexes what they offer by id.

Strict where it matters: a plugin that does not import, an unknown hook name, two objects with one id, or a contract of another
version stops the run with the plugin's name and the remedy.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
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
    Writer,
)
from rules_engine.waiting import NoAnswer, answer

Named = TypeVar(
    "Named",
    bound="Criterion | Grading | EndpointKind | Event | CensoringRule | CensoringDate | Origin | Estimator | Reader "
    "| Table | Writer | RulesetFolder",
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
    ("writers", "rules_engine_writers", Writer, "writer"),
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

    @property
    def title(self) -> str:
        """The plugin as messages name it, with its distribution and version where it has one."""
        return f"{self.name!r}" + (f" ({self.distribution} {self.version})" if self.distribution else "")

    @property
    def built_in(self) -> bool:
        """It comes with the engine."""
        return self.distribution == OWN_DISTRIBUTION


@dataclass(frozen=True, slots=True)
class PluginSelection:
    """Which installed plugins are loaded: the built-in ones always, of the others those named here (None: all).

    A name is that of an entry point, or of a distribution for all that it offers. `seconds` is how long one call of a plugin
    that is not built-in may take (None: as long as it takes).
    """

    others: tuple[str, ...] | None = None
    seconds: float | None = None


#: A plugin as it was found: its name, the module or object, and its entry point where it has one.
Found = tuple[str, object, EntryPoint | None]

#: Every installed plugin.
ALL_PLUGINS = PluginSelection()
#: The built-in plugins alone.
BUILT_IN_PLUGINS = PluginSelection(())
#: The distribution of the engine, whose plugins are the built-in ones.
OWN_DISTRIBUTION = "endpoint-rules-engine"


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
    """Everything that the installed plugins offer, by kind and id.

    Where it is `confined`, a ruleset may name other rulesets only as they are installed, never by a path: for rulesets of people
    who may not read this machine's files.
    """

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
    writers: Index[Writer]
    ruleset_folders: Index[RulesetFolder]
    selection: PluginSelection = ALL_PLUGINS
    confined: bool = False

    def plugin_of(self, word: str, identity: str) -> Plugin | None:
        """The plugin that offers this object, by kind (`criterion`, `event` …) and id."""
        offer = f"{word}: {identity}"
        return next((plugin for plugin in self.plugins if offer in plugin.offers), None)


def with_timeout(registry: Registry, seconds: float | None) -> Registry:
    """The same plugins, a call of those that are not built-in limited to so many seconds (None: as long as it takes)."""
    return dataclasses.replace(registry, selection=dataclasses.replace(registry.selection, seconds=seconds))


def build_registry(
    plugins: Sequence[tuple[str, object]] | None = None,
    *,
    extra: Sequence[tuple[str, object]] = (),
    selection: PluginSelection = ALL_PLUGINS,
) -> Registry:
    """Build the registry from entry points, or from the given (name, plugin) pairs; `extra` pairs are added to either.

    `selection` limits which entry points are loaded; the others are not even imported. Raises `PluginError` with every
    fault found.
    """
    problems: list[Problem] = []
    given: list[Found] = [(name, plugin, None) for name, plugin in plugins or ()]
    found = given if plugins is not None else _load_entry_points(problems, selection)
    found += [(name, plugin, None) for name, plugin in extra]
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for name, plugin, entry in found:
        _register(manager, name, plugin, entry, problems)
    for kind in {str(hook) for _name, _plugin, _entry in found for hook in _unknown_hooks(_plugin)}:
        problems.append(_unknown_hook_problem(kind, found))
    if problems:
        raise PluginError(problems)
    return dataclasses.replace(_collect(found, selection.seconds), selection=selection)


_SELECTED: ContextVar[PluginSelection] = ContextVar("rules_engine_plugins", default=ALL_PLUGINS)


def select_plugins(selection: PluginSelection) -> None:
    """Let `default_registry` load just these plugins, in this context (`contextvars`); the command line's `--plugins`."""
    _SELECTED.set(selection)


def default_registry() -> Registry:
    """The registry of the installed plugins, or of those that are selected; built once per process and selection."""
    return _installed(_SELECTED.get())


@lru_cache(maxsize=8)
def _installed(selection: PluginSelection) -> Registry:
    return build_registry(selection=selection)


def _chosen(problems: list[Problem], selection: PluginSelection) -> list[EntryPoint]:
    """The entry points that a selection names, in a fixed order."""
    entries = sorted(entry_points(group=hookspecs.PROJECT), key=lambda entry: (entry.name, entry.value))
    if selection.others is None:
        return entries
    others = [entry for entry in entries if _distribution(entry) != OWN_DISTRIBUTION]
    known = {entry.name for entry in others} | {_distribution(entry) for entry in others if _distribution(entry)}
    built_in = {entry.name for entry in entries} - {entry.name for entry in others}
    for name in selection.others:
        if name not in known | built_in:
            problems.append(
                Problem(
                    f"plugin {name!r}",
                    f"no plugin of this name is installed (installed beside the built-in ones: {', '.join(sorted(known)) or 'none'})",
                    "correct the name, or install the plugin; `rules-engine plugins` lists what is there",
                    meant=closest(name, known | built_in),
                )
            )
    wanted = set(selection.others)
    return [entry for entry in entries if entry not in others or {entry.name, _distribution(entry)} & wanted]


def _load_entry_points(problems: list[Problem], selection: PluginSelection) -> list[Found]:
    found: list[Found] = []
    seen: dict[str, str] = {}
    for entry in _chosen(problems, selection):
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
            found.append((entry.name, answer(entry.load, _seconds(entry, selection.seconds)), entry))
        except Exception as error:  # any failure of foreign code is the plugin's
            problems.append(
                Problem(
                    f"plugin {entry.name!r} ({entry.value}, {_distribution(entry)} {_version(entry)})".replace(
                        " )", ")"
                    ),
                    f"it cannot be imported: {_failure(error, 'it ')}",
                    "repair or uninstall that package; `--no-plugins` leaves it out of a run",
                )
            )
    return found


def _version_objection(stated: object) -> tuple[str, str] | None:
    """What is wrong with the version of the contract that a plugin states, and what to do; None where it will do."""
    found = re.fullmatch(r"(\d+)(?:\.(\d+))?", str(stated)) if isinstance(stated, int | str) else None
    if found is None or isinstance(stated, bool):
        return (
            f"RULES_ENGINE_HOOKS is {stated!r}, which is no version of the hook contract",
            f'state the version that the plugin is written for, such as "{hookspecs.HOOK_VERSION}"',
        )
    wanted = (int(found[1]), int(found[2] or 0))
    major, minor = (int(part) for part in hookspecs.HOOK_VERSION.split("."))
    if wanted[0] == major and wanted[1] <= minor:
        return None
    what = f"it is written for version {stated} of the hook contract; this engine has {hookspecs.HOOK_VERSION}"
    newer = wanted > (major, minor)
    return what, "install a newer engine, or an older release of the plugin" if newer else (
        "install a newer release of the plugin, or an older engine"
    )


def _released(entry: EntryPoint | None) -> str:
    """The release of a plugin as messages add it to the name."""
    return f" ({_distribution(entry)} {_version(entry)})" if entry is not None and entry.dist is not None else ""


def _register(
    manager: pluggy.PluginManager, name: str, plugin: object, entry: EntryPoint | None, problems: list[Problem]
) -> None:
    version = getattr(plugin, "RULES_ENGINE_HOOKS", hookspecs.HOOK_VERSION)
    objection = _version_objection(version)
    if objection is not None:
        what, remedy = objection
        problems.append(Problem(f"plugin {name!r}{_released(entry)}", what, remedy))
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


def _unknown_hook_problem(hook: str, found: Iterable[Found]) -> Problem:
    owners = ", ".join(sorted(name for name, plugin, _entry in found if hook in _unknown_hooks(plugin)))
    known = [name for _field, name, _class, _word in _KINDS]
    return Problem(
        f"plugin {owners}",
        f"it defines {hook}, which is no hook of the engine",
        f"use one of {', '.join(known)}",
        meant=closest(hook, known),
    )


def _collect(found: Sequence[Found], seconds: float | None) -> Registry:
    """Call every hook of every plugin once and index the answers, refusing what is not of the declared class."""
    problems: list[Problem] = []
    by_kind: dict[str, dict[str, Any]] = {field: {} for field, *_ in _KINDS}
    owner: dict[tuple[str, str], str] = {}
    plugins: list[Plugin] = []
    for name, plugin, entry in found:
        offers: list[str] = []
        for field, hook, cls, word in _KINDS:
            for offered in _call(plugin, f"{name!r}{_released(entry)}", hook, problems, _seconds(entry, seconds)):
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
                if cls is Reader and (offered.scan is None) == (offered.scan_tables is None):
                    problems.append(
                        Problem(
                            f"reader {offered.id!r} of plugin {name!r}",
                            "it must have one of `scan` and `scan_tables`",
                            "give `scan` for files that are one table, `scan_tables` for what holds several",
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


def _seconds(entry: EntryPoint | None, seconds: float | None) -> float | None:
    """How long a call of the plugin may take: the built-in ones have all the time they need."""
    return None if _distribution(entry) == OWN_DISTRIBUTION else seconds


def _failure(error: Exception, late: str, failed: str = "") -> str:
    """What happened, in words that go on after `late` where there was no answer, after `failed` otherwise."""
    return f"{late}{error}" if isinstance(error, NoAnswer) else f"{failed}{type(error).__name__}: {error}"


def _call(plugin: object, who: str, hook: str, problems: list[Problem], seconds: float | None) -> list[Any]:
    function = getattr(plugin, hook, None)
    if function is None:
        return []
    if not hasattr(function, f"{hookspecs.PROJECT}_impl"):
        problems.append(
            Problem(f"plugin {who}", f"{hook} is not marked as a hook", "put @rules_engine.hookimpl above it")
        )
        return []
    try:
        return answer(lambda: list(function()), seconds)
    except Exception as error:  # any failure of foreign code is the plugin's
        problems.append(
            Problem(
                f"plugin {who}",
                f"{hook} {_failure(error, '', 'failed: ')}",
                "repair or uninstall that package; `--no-plugins` leaves it out of a run",
            )
        )
        return []


def _module(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def _distribution(entry: EntryPoint | None) -> str:
    return _release_of(entry.dist)[0] if entry is not None and entry.dist is not None else ""


def _version(entry: EntryPoint | None) -> str:
    return _release_of(entry.dist)[1] if entry is not None and entry.dist is not None else ""


@lru_cache(maxsize=128)
def _release_of(distribution: Distribution) -> tuple[str, str]:
    """Name and version; each look parses the metadata of the distribution, so they are looked up once."""
    return distribution.name, distribution.version
