"""Sentences of an explanation: what happened, when, by which rule, on the evidence of which record."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from rules_engine.explain.rulebook import Rule
from rules_engine.explain.words import as_data

#: Columns of a line of text.
WIDTH = 110


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record of the data: data set or table, variable, sequence number and the name of the record."""

    domain: str
    variable: str | None = None
    seq: int | None = None
    id: str | None = None

    def __str__(self) -> str:
        place = f"{self.domain}.{self.variable}" if self.variable else self.domain
        number = "" if self.seq is None else f" {self.seq}" if self.variable else f" row {self.seq}"
        name = f" ({self.id})" if self.id is not None else ""
        return f"{place}{number}{name}"

    def as_dict(self) -> dict[str, Any]:
        """The record's name as plain data."""
        return {"domain": self.domain, "variable": self.variable, "seq": self.seq, "id": self.id}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, with the day that it is about, the rules that decided and the records that it rests on.

    The first rule is the one that decided; in the text it is told in its own words, the others by name and place.
    """

    text: str
    rules: tuple[Rule, ...] = ()
    sources: tuple[SourceRecord, ...] = ()
    day: date | None = None

    def __str__(self) -> str:
        return self.told(set())

    def told(self, said: set[str]) -> str:
        """The sentence as text; a rule whose words were `said` before is cited by name and place alone."""
        parts = [self.text]
        if self.rules:
            first, *others = self.rules
            parts += [first.cited if first.stated in said else str(first), *(rule.cited for rule in others)]
            said.add(first.stated)
        if self.sources:
            parts.append(f"<{self.sources_named}>")
        return " ".join(parts)

    @property
    def sources_named(self) -> str:
        """The records by name, those of one table or variable together."""
        return "; ".join(_named(self.sources))

    def as_dict(self) -> dict[str, Any]:
        """The sentence as plain data."""
        return {
            "text": self.text,
            "day": as_data(self.day),
            "rules": [rule.as_dict() for rule in self.rules],
            "sources": [source.as_dict() for source in self.sources],
        }


def _named(sources: Iterable[SourceRecord]) -> Iterator[str]:
    """The records by name; several records of one table or variable are named together by their numbers."""
    for (domain, variable), group in groupby(sources, key=lambda one: (one.domain, one.variable)):
        records = list(group)
        numbers = [one.seq for one in records if one.seq is not None]
        if len(records) > 1 and len(numbers) == len(records):
            follow = numbers == list(range(numbers[0], numbers[-1] + 1))
            told = f"{numbers[0]}-{numbers[-1]}" if follow else ", ".join(map(str, numbers))
            yield f"{domain}.{variable} {told}" if variable else f"{domain} rows {told}"
        else:
            yield from map(str, records)


def wrapped(text: str, indent: int, hang: int = 4) -> str:
    """A text as a paragraph: indented, its further lines a little more."""
    return textwrap.fill(
        text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + hang), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
