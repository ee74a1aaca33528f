"""The options schema of an endpoint kind, composed of its own options and those of the words that plugins offer.

A word is listed under its kind (`events`, `censoring_rules`, `censoring`, `origin`) with what it says, so that editors
complete and explain a third party's words like ours. The options that a word alone reads are keys beside those of the
kind; they are completed, and must be stated where they drive the estimand, only in endpoints that use the word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rules_engine.endpoints.options import (
    BENEFIT,
    COMPOSITION,
    DENOMINATOR,
    REQUIRED_TEXTS,
    RESPONDERS,
    SHARED,
    Schema,
    choice,
    names,
)
from rules_engine.endpoints.wording import PARTS, WORDING
from rules_engine.endpoints.words import named_words
from rules_engine.errors import PluginError, Problem
from rules_engine.vocabulary import CensoringDate, CensoringRule, Event, Origin, Word, Words
from rules_engine.wording import with_wording


def time_to_event_schema(words: Words, options: Mapping[str, Any] | None = None) -> Schema:
    """The schema of `time_to_event`: with every word, or completing only those that the options use."""
    composition = {
        "events": _listed("What ends the time; the earliest counts.", (e for e in words.events.values() if e.named)),
        "censoring": _chosen("Where a subject without event is censored.", words.censoring_dates.values()),
        "censoring_rules": _listed(
            "Why a subject without event is censored: the first rule of the list that holds is given.",
            words.censoring_rules.values(),
        ),
        **COMPOSITION,
    }
    return _schema(composition, words, list(words) if options is None else named_words(words, options))


def response_schema(words: Words, options: Mapping[str, Any] | None = None, *, rate: bool) -> Schema:
    """The schema of the response kinds: with every word, or completing only those that the options use."""
    composition = {
        "responders": RESPONDERS,
        **({"benefit": BENEFIT} if rate else {}),
        "denominator": DENOMINATOR,
        "censoring_rules": _listed(
            "Rules that may put an end to the observation; assessments after it are not used.",
            words.censoring_rules.values(),
        ),
    }
    used = list(words) if options is None else named_words(words, options)
    return _schema(composition, words, [word for word in used if isinstance(word, CensoringRule | Origin)])


def _schema(composition: Mapping[str, Schema], words: Words, completed: Sequence[Word]) -> Schema:
    own: dict[str, Schema] = {**composition, **origin_options(words), **SHARED}
    properties = {**own, **_options_of(completed, own, words)}
    for key, texts in _texts_of(completed).items():
        if texts:
            properties[key] = {**properties[key], "properties": texts}
    schema = {"type": "object", "properties": properties, "required": REQUIRED_TEXTS, "additionalProperties": False}
    return with_wording(schema, WORDING, parts=PARTS)


# Words to choose from -------------------------------------------------------------------------------------------------


def _told(words: Iterable[Word]) -> str:
    return " ".join(f"`{word.id}`: {word.title}." for word in words)


def _listed(description: str, words: Iterable[Word]) -> Schema:
    """A list of words, in which the order may matter; it drives the estimand."""
    offered = list(words)
    return {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "x-estimand": True,
        "items": {"enum": [word.id for word in offered]},
        "description": f"{description} {_told(offered)}",
    }


def _chosen(description: str, words: Iterable[Word]) -> Schema:
    return choice(description, {word.id: word.title for word in words})


def origin_options(words: Words) -> dict[str, Schema]:
    """The options that name an origin and its components."""
    components = names(
        "Origins that `first_component` and `last_component` compare.",
        ["first_tace", "first_ici", "first_other"],
        choices=list(words.origins),
    )
    return {
        "origin": _chosen("Day on which the clock starts.", words.origins.values()),
        "origin_components": {**components, "minItems": 1},
    }


# Options and texts that words bring -----------------------------------------------------------------------------------


def _options_of(words: Iterable[Word], own: Mapping[str, Schema], known: Words) -> dict[str, Schema]:
    """The options of the words by key; a key means one thing, whoever reads it."""
    found: dict[str, Schema] = {}
    owner: dict[str, str] = dict.fromkeys(own, "the endpoint kind itself")
    problems: list[Problem] = []
    for word in words:
        for key, about in (word.options_schema.get("properties") or {}).items():
            other = found.get(key, own.get(key))
            if other is not None and other != about:
                problems.append(
                    Problem(
                        known.who(word),
                        f"its option {key!r} has another meaning than that of {owner[key]}",
                        "give the option another name",
                    )
                )
                continue
            if key not in own:
                found[key] = dict(about)
            owner.setdefault(key, known.who(word))
    if problems:
        raise PluginError(problems)
    return found


def _texts_of(words: Iterable[Word]) -> dict[str, dict[str, Schema]]:
    """Texts that a ruleset need not state, because the word brings them: option key → name → schema."""
    texts: dict[str, dict[str, Schema]] = {
        key: {} for key in ("event_reasons", "censoring_reasons", "censoring_dates", "start_variables")
    }
    for word in words:
        if isinstance(word, Event):
            texts["event_reasons"] |= {
                reason: _text(f"Text of the event {reason}.", default)
                for reason, default in word.reasons.items()
                if default is not None
            }
        elif isinstance(word, CensoringRule):
            texts["censoring_reasons"] |= {
                reason: _reason_to_censor(reason, default.code, default.text)
                for reason, default in word.reasons.items()
                if default is not None
            }
            if word.date_text is not None:
                about = f"Text of the date of the censoring rule {word.id}."
                texts["censoring_dates"][word.date_name or word.id] = _text(about, word.date_text)
        elif isinstance(word, CensoringDate):
            texts["censoring_dates"] |= {
                name: _text(f"Text of the censoring date {name}.", default) for name, default in word.texts.items()
            }
        elif word.variable is not None:
            texts["start_variables"][word.id] = _text(f"ADaM variable of the origin {word.id}.", word.variable)
    return texts


def _text(description: str, default: str) -> Schema:
    return {"type": "string", "default": default, "description": description}


def _reason_to_censor(reason: str, code: int, text: str) -> Schema:
    described = SHARED["censoring_reasons"]["additionalProperties"]
    defaults = {"code": code, "text": text}
    return {
        **{key: value for key, value in described.items() if key != "required"},
        "description": f"CNSR code and text of the reason {reason}.",
        "properties": {key: {**about, "default": defaults[key]} for key, about in described["properties"].items()},
    }
