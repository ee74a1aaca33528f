"""The border between the engine and plugins: what fails there is told with the plugin, its version and the subject at hand.

Derivations look at one subject at a time, so a subject that makes one fail is found by halving the subjects. What a plugin
is given stays as it was: frames cannot be changed, and options are compared before and after. Where whoever runs the engine says
how long a call may take (`PluginSelection.seconds`), a plugin that does not come back is a plugin that failed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import polars as pl

from rules_engine.errors import PluginError, RulesEngineError
from rules_engine.registry import Plugin, Registry
from rules_engine.vocabulary import Estimator
from rules_engine.waiting import NoAnswer, answer

Given = TypeVar("Given")
#: Derives the rows of these subjects; of all where None.
DeriveOf = Callable[[Sequence[str] | None], Any]

REMEDY = "repair, update or uninstall that plugin; `--no-plugins` leaves all but the built-in ones out"


class Who(str):
    """An object of a plugin as messages name it, and how many seconds one call of it may take (None: as long as it takes)."""

    __slots__ = ("seconds",)
    seconds: float | None

    def __new__(cls, text: str, seconds: float | None = None) -> Who:
        """The text, as it is."""
        who = super().__new__(cls, text)
        who.seconds = seconds
        return who


def who_is(registry: Registry, word: str, identity: str, version: str = "") -> Who:
    """An object of a plugin as messages name it: kind, id, version, and the plugin with its distribution."""
    what = f"{word} {identity!r}" + (f" (version {version})" if version else "")
    plugin = registry.plugin_of(word, identity)
    if plugin is None:
        return Who(what)
    return Who(f"{what} of plugin {plugin.title}", None if plugin.built_in else registry.selection.seconds)


def foreign_words(registry: Registry, options: Mapping[str, Any], owner: Plugin | None) -> list[str]:
    """Words that options name and that another distribution than the owner's offers, each with its plugin."""
    kinds: Sequence[tuple[str, Mapping[str, Any]]] = (
        ("event", registry.events),
        ("censoring rule", registry.censoring_rules),
        ("censoring date", registry.censoring_dates),
        ("origin", registry.origins),
    )
    named = set(_texts(options))
    found = []
    for word, index in kinds:
        for identity in index:
            plugin = registry.plugin_of(word, identity) if identity in named else None
            if plugin is not None and (owner is None or plugin.distribution != owner.distribution):
                found.append(f"{word} {identity!r} of plugin {plugin.title}")
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def derived_rows(
    who: str, derive: DeriveOf, subjects: Callable[[], Sequence[str]], options: Mapping[str, Any] | None = None
) -> pl.DataFrame:
    """The rows that a plugin derives, computed. `derive(subjects)` gives its lazy frame, `subjects` everybody who is in it.

    Raises `PluginError` where the plugin fails, with the subject where a single one makes it fail; where it gives no lazy
    frame; and where it changed `options`.
    """
    before = fingerprint(options)
    try:
        rows = answer(lambda: _collected(who, derive(None)), _seconds(who))
    except RulesEngineError:
        raise
    except NoAnswer as error:
        raise _unanswered(who, error) from error
    except (Exception, pl.exceptions.PanicException) as error:  # any failure of foreign code is the plugin's
        at = _at_subject(who, derive, subjects())
        raise PluginError.at(who, f"it failed{at}: {reason(error)}", REMEDY) from error
    require_unchanged(who, options, before)
    return rows


def call(who: str, function: Callable[[], Given], called: str = "it") -> Given:
    """What a plugin's function gives; raises `PluginError` where it fails, or takes longer than it may.

    `called` is what messages call the function, where the object has several.
    """
    try:
        return answer(function, _seconds(who))
    except RulesEngineError:
        raise
    except NoAnswer as error:
        raise _unanswered(who, error, called) from error
    except (Exception, pl.exceptions.PanicException) as error:  # any failure of foreign code is the plugin's
        raise PluginError.at(who, f"{called} failed: {reason(error)}", REMEDY) from error


def collect(who: str, function: Callable[[], Any], called: str = "it") -> pl.DataFrame:
    """The rows of the lazy frame that a plugin's function gives, computed; raises `PluginError` where it fails."""
    return call(who, lambda: _collected(who, function()), called)


def _seconds(who: str) -> float | None:
    return who.seconds if isinstance(who, Who) else None


def _unanswered(who: str, error: NoAnswer, called: str = "it") -> PluginError:
    remedy = f"{REMEDY}; where it needs more time, give it some (`--plugin-timeout`, `plugin_timeout=`)"
    return PluginError(PluginError.at(who, f"{called} {error}", remedy).problems)


def _collected(who: str, frame: Any) -> pl.DataFrame:
    if not isinstance(frame, pl.LazyFrame):
        raise PluginError.at(who, f"it returned {type(frame).__name__}, not a lazy frame of Polars", REMEDY)
    return frame.collect(engine="in-memory")


def _at_subject(who: str, derive: DeriveOf, subjects: Sequence[str]) -> str:
    """The subject at hand, in words; nothing where it is no subject's doing, or where looking for it takes too long."""
    try:
        return answer(lambda: _culprit(derive, subjects), _seconds(who))
    except NoAnswer:
        return ""


def _culprit(derive: DeriveOf, subjects: Sequence[str]) -> str:
    culprit = failing_subject(derive, subjects)
    if culprit is None:
        return ""
    others = [subject for subject in subjects if subject != culprit]
    return f" at subject {culprit}" + (", and at others" if others and _fails(derive, others) else "")


def failing_subject(derive: DeriveOf, subjects: Sequence[str]) -> str | None:
    """A subject whose records alone make the derivation fail; None where it fails without any, or over several together."""
    suspects = sorted(set(subjects))
    if not suspects or _fails(derive, []) or not _fails(derive, suspects):
        return None
    while len(suspects) > 1:
        half = len(suspects) // 2
        halves = (suspects[:half], suspects[half:])
        failing = next((part for part in halves if _fails(derive, part)), None)
        if failing is None:
            return None
        suspects = failing
    return suspects[0]


def _fails(derive: DeriveOf, subjects: Sequence[str]) -> bool:
    try:
        derive(subjects).collect(engine="in-memory")
    except (Exception, pl.exceptions.PanicException):
        return True
    return False


def reason(error: BaseException) -> str:
    """The kind and the first lines of a failure, without the plan that Polars appends."""
    text = str(error).split("\n\nResolved plan", 1)[0].split("\n\nThis error occurred", 1)[0].strip()
    return f"{type(error).__name__}: {text}"[:600]


# What was given stays as it was ----------------------------------------------------------------------------------------


def fingerprint(options: Any) -> str:
    """A text that two equal options share."""
    return repr(_plain(options))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def require_unchanged(who: str, options: Any, before: str) -> None:
    """Raise `PluginError` where options are no longer what they were."""
    if fingerprint(options) != before:
        raise PluginError.at(
            who, "it changed the options that it was given", "a plugin must not change its input: let it work on a copy"
        )


def require_known_subjects(who: str, rows: pl.DataFrame, known: pl.Series) -> None:
    """Raise `PluginError` where rows are about nobody, or about a subject that the plugin was not given."""
    if rows["subject"].equals(known):  # the usual case: a row of everybody, in their order
        return
    strangers = rows.filter(~pl.col("subject").is_in(known.unique().implode()).fill_null(value=False))
    if strangers.height:
        named = strangers["subject"].drop_nulls().sort()
        first = f"subject {named[0]!r}, of whom it was given no record" if named.len() else "no subject (null)"
        raise PluginError.at(
            who, f"it returned {strangers.height} rows about {first}", "it may return rows of the subjects it was given"
        )


def guarded_estimator(registry: Registry, estimator: Estimator) -> Estimator:
    """The estimator, its failures told with the plugin, and what it is given kept as it was."""
    who = who_is(registry, "estimator", estimator.id, estimator.version)

    def estimate(rows: pl.DataFrame, group: str | None, options: Mapping[str, Any]) -> pl.DataFrame:
        return _estimates(who, estimator.estimate, rows, group, options)

    def interaction(rows: pl.DataFrame, group: str | None, subgroup: str, options: Mapping[str, Any]) -> pl.DataFrame:
        assert estimator.interaction is not None  # noqa: S101  (only then is this function used)
        return _estimates(who, estimator.interaction, rows, group, subgroup, options)

    return dataclasses.replace(
        estimator, estimate=estimate, interaction=None if estimator.interaction is None else interaction
    )


def _estimates(who: str, function: Callable[..., Any], rows: pl.DataFrame, *rest: Any) -> pl.DataFrame:
    options = rest[-1]
    given, before = rows.clone(), fingerprint(options)
    estimates = call(who, lambda: function(given, *rest))
    if not isinstance(estimates, pl.DataFrame):
        raise PluginError.at(who, f"it returned {type(estimates).__name__}, not a data frame of Polars", REMEDY)
    require_unchanged(who, options, before)
    if given.columns != rows.columns or not given.equals(rows):
        raise PluginError.at(
            who, "it changed the rows that it was given", "a plugin must not change its input: let it work on a copy"
        )
    return estimates
