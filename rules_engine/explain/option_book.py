"""The options of one endpoint as rules of a story: value, words and place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.explain.rulebook import Rule
from rules_engine.explain.sentences import Sentence, SourceRecord
from rules_engine.model import EndpointDefinition, Ruleset
from rules_engine.vocabulary import EndpointKind, Told, Word


@dataclass(frozen=True)
class OptionBook:
    """Looks up options of an endpoint by their path (`missed_visits.method`), and words that they name."""

    ruleset: Ruleset
    endpoint: EndpointDefinition
    schema: Mapping[str, Any]

    @classmethod
    def of(cls, ruleset: Ruleset, endpoint: EndpointDefinition, kind: EndpointKind) -> OptionBook:
        """The options of an endpoint with the words of its kind's schema."""
        return cls(ruleset, endpoint, kind.schema_of(endpoint.options))

    def option(self, path: str) -> Rule:
        """The option in force, with what its value means."""
        value: Any = self.endpoint.options
        schema: Mapping[str, Any] = self.schema
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
            schema = _below(schema, key)
        shown = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else value
        return Rule(path, text=_meaning(schema, value), value=shown, position=self._place(path))

    def listed(self, path: str, word: Word) -> Rule:
        """A word that an option names, alone or in a list, with what it says."""
        stated = self.endpoint.options.get(path)
        place = f"{path}[{stated.index(word.id)}]" if isinstance(stated, list) and word.id in stated else path
        return Rule(
            path, text=_sentence(word.title), reference=word.reference, value=word.id, position=self._place(place)
        )

    def text(self, path: str, name: str) -> Rule:
        """A text that the ruleset gives to a reason or a date (`censoring_reasons`, `NEW_THERAPY`)."""
        return Rule(f"{path}.{name}", position=self._place(f"{path}.{name}"))

    def _place(self, path: str) -> Any:
        return self.ruleset.positions.get(f"endpoints.{self.endpoint.paramcd}.options.{path}")


def sentence_of(told: Told, book: OptionBook, own: Rule | None = None) -> Sentence:
    """What a word or a kind told, with the options that it named (or `own`, where it names none)."""
    sources = () if told.source is None else (SourceRecord(told.source[0] or "", *told.source[1:]),)
    otherwise = () if own is None else (own,)
    return Sentence(told.text, tuple(book.option(path) for path in told.options) or otherwise, sources, told.day)


def _below(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The schema of a key: of the object itself, or of the branch that has it."""
    for branch in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found = (branch.get("properties") or {}).get(key) if isinstance(branch, Mapping) else None
        if isinstance(found, Mapping):
            return found
    return {}


def _meaning(schema: Mapping[str, Any], value: Any) -> str:
    """What a value means: the part of the description that is about it, else the whole description."""
    description = str(schema.get("description", ""))
    _before, found, about = description.partition(f"`{value}`: ")
    if "enum" not in schema or not found:
        # Of a list of names the sentence before they are explained one by one.
        return re.split(r" `[^`]+`: ", description)[0] if schema.get("type") == "array" else description
    # The part ends where the next value is explained.
    return _sentence(re.split(r"\.? `[^`]+`: ", about)[0])


def _sentence(words: str) -> str:
    words = words.strip()
    return f"{words[:1].upper()}{words[1:].rstrip('.')}." if words else ""
