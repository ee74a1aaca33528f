"""What the study must bring for an endpoint to make sense."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rules_engine.endpoints.words import words_in_use
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import KINDS_OF_WORDS, Need, Origin, Word, Words


def needs_of_words(endpoint: EndpointDefinition, *, words: Words) -> Sequence[Need]:
    """The tables and columns that the words of an endpoint read, each with what for."""
    return [*_needs_of_words(endpoint.options, words), *_needs_of_landmark(endpoint.options)]


def needs_of_origins(names: Iterable[str], options: Mapping[str, Any], words: Words) -> list[Need]:
    """What origins read, and those that they are made of."""
    return [need for word in _parts_of(names, options, words) for need in _of(word)]


def _needs_of_words(options: Mapping[str, Any], words: Words) -> Iterator[Need]:
    for word in words_in_use(words, options).all:
        if not isinstance(word, Origin):
            yield from _of(word)
    components = options["origin_components"] if options["delayed_entry"] == "last_component" else ()
    yield from needs_of_origins([options["origin"], *components], options, words)


def _of(word: Word) -> Iterator[Need]:
    for need in word.needs:
        yield Need(need.table, need.column, need.why or f"{KINDS_OF_WORDS[type(word)]} {word.id}")


def _parts_of(names: Iterable[str], options: Mapping[str, Any], words: Words) -> Iterator[Origin]:
    """The origins that these are made of, and themselves; check() refuses those that are made of themselves."""
    for name in dict.fromkeys(names):
        word = words.origins[name]
        yield word
        if word.parts is not None:
            yield from _parts_of(word.parts(options), options, words)


def _needs_of_landmark(options: Mapping[str, Any]) -> Iterator[Need]:
    landmark = (options.get("response") or {}).get("landmark") or {}
    anchor = landmark.get("anchor")
    if anchor in ("first_tace", "most_recent_tace"):
        yield Need("treatments", "", f"landmark {anchor}")


def reads_responses(endpoint: EndpointDefinition, *, words: Words) -> bool:
    """True where an endpoint without a stream of responses would silently find nothing."""
    options = endpoint.options
    if options["start"] == "response" or options["population"] == "responders":
        return True
    return any(event.reads_responses for event in words_in_use(words, options).events)
