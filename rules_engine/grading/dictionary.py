"""Which dictionary term a reported term is: exactly, by alias, by spelling, by a study's own synonym, or not at all.

A near name is never accepted: "Neutropenia" and "Neutrophil count decreased" are different terms. The nearest names are
offered for review.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Final

import polars as pl

from rules_engine.errors import UsageError, closest
from rules_engine.grading.rules import GradingRules

EXACT, ALIAS, SPELLING, SYNONYM, NONE = "exact", "alias", "spelling", "synonym", "none"
#: The study's preferred term stands in the reader's table of preferred terms.
PREFERRED_TERM: Final = "preferred_term"
#: How many names are offered for a term that matches nothing.
NEAREST: Final = 3
#: How many names are compared closely to find them.
CANDIDATES: Final = 25

_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")
_OTHER: Final = re.compile(r"\s*-\s*[(\[]?\s*other\s*,?\s*[(\[]?\s*specify\s*[)\]]*\s*$")
#: A specification that was written behind the term: `… - Other, specify: hiccups`.
_SPECIFIED: Final = re.compile(
    r"^(.*\bother\s*,?\s*[(\[]?\s*specify\s*[)\]]*)\s*[:;=]\s*(\S.*)$", re.IGNORECASE | re.DOTALL
)


_FRAME: Final = ("term", "ctcae_term", "ctcae_soc", "term_match", "term_nearest", "term_specification")


def normalised(text: str) -> str:
    """A term as it is compared: one kind of dash and space, no trailing period, case ignored, `- other, specify` in
    one form.
    """
    folded = _DASHES.sub("-", unicodedata.normalize("NFKC", text)).replace("\u00a0", " ")
    folded = re.sub(r"\s+", " ", folded).strip()
    folded = folded.removesuffix(".").rstrip().casefold()
    return _OTHER.sub(" - other, specify", folded)


def _parts(text: str) -> set[str]:
    return {text[start : start + 3] for start in range(len(text) - 2)}


@dataclass(frozen=True)
class Match:
    """What a reported term is: the dictionary's name (None = no match), how it was found, near names where it was not,
    and what was specified behind a term `… - Other, specify`.
    """

    term: str | None
    method: str
    nearest: tuple[str, ...] = ()
    specification: str | None = None


class Dictionary:
    """The terms of a grading ruleset, ready for matching. `synonyms` is a study's own table, reported term to
    dictionary term.

    Raises `UsageError` where a synonym leads to no dictionary term.
    """

    def __init__(self, rules: GradingRules, synonyms: Mapping[str, str] | None = None) -> None:
        self.rules = rules
        self._exact = {normalised(term): term for term in rules.terms}
        self._alias = {normalised(alias): term for alias, term in rules.aliases.items() if term in rules.terms}
        self._successors = {normalised(old): new for old, new in rules.successors.items()}
        self._synonyms: dict[str, str] = {}
        for reported, term in (synonyms or {}).items():
            meant = self._exact.get(normalised(term))
            if meant is None:
                raise UsageError.at(
                    "grading options, synonyms",
                    f"{reported!r} is said to mean {term!r}, which is no term of version {rules.version}",
                    "name a dictionary term",
                    meant=closest(term, rules.terms),
                )
            self._synonyms[normalised(reported)] = meant

    @cached_property
    def _spelled(self) -> dict[str, str]:
        return {self._american(key): term for key, term in self._exact.items()}

    def _american(self, key: str) -> str:
        for british, american in self.rules.spelling:
            key = key.replace(british, american)
        return key

    def match(self, text: str | None) -> Match:
        """What one reported term is."""
        if text is None or not text.strip():
            return Match(None, NONE)
        key = normalised(text)
        for method, table in ((EXACT, self._exact), (ALIAS, self._alias), (SYNONYM, self._synonyms)):
            if key in table:
                return Match(table[key], method)
        spelled = self._american(key)
        if spelled in self._spelled:
            return Match(self._spelled[spelled], SPELLING)
        behind = _SPECIFIED.match(text.strip())
        if behind is not None:
            found = self.match(behind[1])
            if found.term is not None:
                return Match(found.term, found.method, specification=behind[2].strip())
        if key in self._successors:
            return Match(None, NONE, self._successors[key])
        near = get_close_matches(key, self._alike(key), n=NEAREST, cutoff=0.6)
        return Match(None, NONE, tuple(self._exact[name] for name in near))

    @cached_property
    def _by_part(self) -> dict[str, list[str]]:
        """Names by the runs of three letters in them."""
        found: dict[str, list[str]] = {}
        for name in self._exact:
            for part in _parts(name):
                found.setdefault(part, []).append(name)
        return found

    def _alike(self, key: str) -> list[str]:
        """The few names that share most letters with a term: comparing it closely with all of them would take too long."""
        shared = Counter(name for part in _parts(key) for name in self._by_part.get(part, ()))
        return [name for name, _count in sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:CANDIDATES]]

    def match_frame(self, texts: Iterable[str | None]) -> pl.DataFrame:
        """One row per distinct reported term: `term`, `ctcae_term`, `ctcae_soc`, `term_match`, `term_nearest`,
        `term_specification`.
        """
        distinct = sorted({text for text in texts if text is not None})
        matches = [self.match(text) for text in distinct]
        socs = [self.rules.terms[match.term].soc if match.term else None for match in matches]
        return pl.DataFrame(
            {
                "term": distinct,
                "ctcae_term": [match.term for match in matches],
                "ctcae_soc": socs,
                "term_match": [match.method for match in matches],
                "term_nearest": ["; ".join(match.nearest) or None for match in matches],
                "term_specification": [match.specification for match in matches],
            },
            schema=dict.fromkeys(_FRAME, pl.String),
        )
