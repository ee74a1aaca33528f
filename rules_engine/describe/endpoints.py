"""Endpoints told: the rules that hold for all of them, and each one with its definition, its table and its own rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, partial

from rules_engine import guard
from rules_engine.describe.language import joined
from rules_engine.describe.statements import Statement, tell
from rules_engine.model import EndpointDefinition, Ruleset
from rules_engine.pages import Block, Bullets, Cell, Paragraph, Row, SubHeading, Table, heading, words
from rules_engine.registry import Registry
from rules_engine.vocabulary import EndpointKind, EndpointText, Situation
from rules_engine.wording import parts_of

#: Heading of options whose wording names no part.
OTHER = "Further rules"
#: Heading under which names and texts of the data sets stand; they are listed, not told.
UNTOLD = "Names, codes and texts in the data sets"
#: Rows by which a table may differ from that of another endpoint to be told by the difference.
_MOST_CHANGED = 5


@dataclass(frozen=True)
class ToldEndpoint:
    """An endpoint, what its kind says of it in words, and a statement for each of its options."""

    definition: EndpointDefinition
    kind: EndpointKind
    text: EndpointText | None
    statements: Sequence[Statement]

    @property
    def paramcd(self) -> str:
        """The endpoint's PARAMCD."""
        return self.definition.paramcd

    @cached_property
    def sentences(self) -> Mapping[str, Statement]:
        """The statements that hold and have a place in the prose, by path."""
        return {one.path: one for one in self.statements if one.in_effect and one.part != UNTOLD}


@dataclass(frozen=True)
class Rule:
    """A sentence of a part, and the endpoints for which it holds."""

    part: str
    path: str
    sentence: str
    holds_for: tuple[str, ...]


class ToldEndpoints:
    """All endpoints of a ruleset, told together: what most of them share is said once."""

    def __init__(self, endpoints: Sequence[ToldEndpoint]) -> None:
        self.endpoints = endpoints
        self.names = tuple(one.paramcd for one in endpoints)
        self.parts = list(dict.fromkeys(part for one in endpoints for part in parts_of(one.kind.options_schema)))
        self.common = tuple(_common(endpoints))
        self._told_by = _told_by(endpoints)
        self._shared = {(rule.path, name): rule.sentence for rule in self.common for name in rule.holds_for}

    @classmethod
    def of(cls, ruleset: Ruleset, registry: Registry) -> ToldEndpoints:
        """The endpoints of a ruleset or, where it has none, its definitions."""
        told = []
        for definition in (ruleset.endpoints or ruleset.definitions).values():
            kind = registry.endpoint_kinds.require(definition.kind)
            who = guard.who_is(registry, "endpoint kind", kind.id, kind.version)
            text = guard.call(who, partial(kind.describe, definition)) if kind.describe is not None else None
            told.append(ToldEndpoint(definition, kind, text, tell(definition.options, kind.options_schema)))
        return cls(told)

    # What all share

    def overview(self) -> Table:
        """One row per endpoint: where it starts, what it counts, what it reads."""
        rows = []
        for one in self.endpoints:
            clock = one.text.clock if one.text else ""
            counts = one.text.counts if one.text else one.kind.title
            tag = Cell(one.definition.label, numeric=False, tag=one.paramcd)
            rows.append(
                Row(tag, [words(_capital(clock)), words(_capital(counts)), words(one.definition.response or "–")])
            )
        return Table("Overview", ["Endpoint", "From", "Counts", "Responses"], rows)

    def common_rules(self) -> list[Block]:
        """The rules that hold unless an endpoint states another, part by part."""
        blocks: list[Block] = []
        said = [rule for rule in self.common if rule.sentence]
        for part in self._ordered({rule.part: None for rule in said}):
            told = [self._with_concerned(rule) for rule in said if rule.part == part]
            blocks += [SubHeading(part), Bullets(told)]
        return blocks

    def _ordered(self, parts: Iterable[str]) -> list[str]:
        """Parts in the order of the text; those of which nothing is known come last, as they came."""
        known = {part: place for place, part in enumerate(self.parts)}
        return sorted(parts, key=lambda part: known.get(part, len(known)))

    def _with_concerned(self, rule: Rule) -> str:
        """The sentence and, where it does not concern every endpoint, which ones it does."""
        concerned = self.concerned_by(rule.path)
        if len(concerned) == len(self.names):
            return rule.sentence
        return f"{rule.sentence} [{self.called(rule.holds_for)}]"

    def concerned_by(self, path: str) -> tuple[str, ...]:
        """The endpoints in which an option changes something."""
        return tuple(one.paramcd for one in self.endpoints if path in one.sentences or path in _worked(one))

    def called(self, names: Sequence[str]) -> str:
        """A set of endpoints as briefly as it can be named."""
        others = [name for name in self.names if name not in names]
        if not others:
            return "all endpoints"
        ways = [", ".join(names)]
        for title, group in self._groups():
            missing = [name for name in group if name not in names]
            if set(names) <= set(group):
                ways.append(title if not missing else f"{title} but {joined(missing)}")
        return min(ways, key=lambda told: (told.count(",") + told.count(" and "), len(told)))

    def _groups(self) -> Iterator[tuple[str, Sequence[str]]]:
        """Groups of endpoints that have a name."""
        yield "all", self.names
        for shape, title in (("time_to_event", "times to an event"), ("response", "responses")):
            of_shape = [one.paramcd for one in self.endpoints if one.kind.shape == shape]
            if len(of_shape) > 1:
                yield title, of_shape

    # One endpoint

    def blocks(self, one: ToldEndpoint) -> list[Block]:
        """An endpoint: definition, table of events and censoring, and the rules in which it differs."""
        blocks: list[Block] = [Paragraph(" ".join(self._definition(one)), lead="Definition.")]
        table = self._table(one)
        if table is not None:
            blocks.append(table)
        own = self.own_rules(one)
        if own:
            lead = "Rules of this endpoint"
            beside = ", in place of or beside the rules for all endpoints:" if len(self.names) > 1 else ":"
            blocks += [Paragraph("", lead=lead + beside), Bullets(own)]
        return blocks

    def _definition(self, one: ToldEndpoint) -> Iterator[str]:
        if one.text is not None:
            yield from one.text.definition
        else:
            yield f"{one.kind.title.rstrip('.')}."
        if one.definition.response is not None:
            yield f"Its tumour assessments are the responses “{one.definition.response}”."

    def _table(self, one: ToldEndpoint) -> Block | None:
        if one.text is None or not one.text.situations:
            return None
        what = "Events and censoring" if one.kind.shape == "time_to_event" else "Responses"
        other = self._told_by[one.paramcd]
        if other is None:
            return situations_table(
                f"{one.paramcd}: {what.lower()}", one.text.situations, one.text.notes, one.kind.shape
            )
        rows = _rows_that_differ(one.text.situations, other.text.situations if other.text else ())
        if not rows:
            return Paragraph(f"As for {other.paramcd}.", lead=f"{what}.")
        caption = f"{one.paramcd}: {what.lower()} as for {other.paramcd}, except"
        return situations_table(caption, rows, (), one.kind.shape)

    def own_rules(self, one: ToldEndpoint) -> list[str]:
        """Sentences of the options in force that the general rules do not say."""
        own = [
            statement.sentence
            for path, statement in one.sentences.items()
            if statement.sentence and self._shared.get((path, one.paramcd)) != statement.sentence
        ]
        own += [told for path, told in _worked(one).items() if told and self._shared.get((path, one.paramcd)) != told]
        return own


def _common(endpoints: Sequence[ToldEndpoint]) -> Iterator[Rule]:
    """For each option the sentence that most endpoints share; where no two share one, none (unless there is but one)."""
    paths: dict[str, str] = {}
    for one in endpoints:
        for path, statement in one.sentences.items():
            paths.setdefault(path, statement.part or OTHER)
        for path in _worked(one):
            paths.setdefault(path, path)
    for path, part in paths.items():
        by_sentence: dict[str, list[str]] = {}
        for one in endpoints:
            of_path = one.sentences.get(path)
            told = of_path.sentence if of_path is not None else _worked(one).get(path)
            if told is not None:
                by_sentence.setdefault(told, []).append(one.paramcd)
        sentence, names = max(by_sentence.items(), key=lambda item: len(item[1]))
        if len(names) > 1 or len(endpoints) == 1:
            yield Rule(part, path, sentence, tuple(names))


def _worked(one: ToldEndpoint) -> Mapping[str, str]:
    """The sentences that work out a rule in numbers, by the part to which they belong."""
    told: dict[str, str] = {}
    for part, sentence in one.text.worked if one.text is not None else ():
        told[part] = f"{told[part]} {sentence}" if part in told else sentence
    return told


def _told_by(endpoints: Sequence[ToldEndpoint]) -> dict[str, ToldEndpoint | None]:
    """For each endpoint the earlier one, told in full, whose table differs so little that the difference tells it."""
    found: dict[str, ToldEndpoint | None] = {}
    in_full: list[ToldEndpoint] = []
    for one in endpoints:
        changes = [(_changed(one, other), place) for place, other in enumerate(in_full)]
        least, place = min(changes, default=(_MOST_CHANGED + 1, 0))
        found[one.paramcd] = in_full[place] if least <= _MOST_CHANGED else None
        if found[one.paramcd] is None:
            in_full.append(one)
    return found


def _changed(one: ToldEndpoint, other: ToldEndpoint) -> int:
    """Number of rows in which two tables differ; more than any limit where one cannot be told by the other."""
    if one.text is None or other.text is None or one.kind.shape != other.kind.shape:
        return _MOST_CHANGED + 1
    if tuple(one.text.notes) != tuple(other.text.notes):
        return _MOST_CHANGED + 1
    return len(_rows_that_differ(one.text.situations, other.text.situations))


def _rows_that_differ(rows: Sequence[Situation], others: Sequence[Situation]) -> list[Situation]:
    """Rows in which a table differs from another one: what stands here, and what stands there alone."""
    found: list[Situation] = []
    for tag, begin, end, start, stop in SequenceMatcher(None, rows, others, autojunk=False).get_opcodes():
        if tag != "equal":
            found += rows[begin:end]
            # A row with the same situation or reason takes the place of the other one.
            here = {told for one in rows[begin:end] for told in (one.situation, one.reason) if told}
            found += [
                Situation(other.situation, "Does not apply")
                for other in others[start:stop]
                if not {other.situation, other.reason} & here
            ]
    return found


def situations_table(caption: str, situations: Sequence[Situation], notes: Sequence[str], shape: str) -> Table:
    """The table of events and censoring, or of responses."""
    last = "Reason (CNSR)" if shape == "time_to_event" else "Value"
    rows = [
        Row(heading(one.situation), [words(one.outcome), words(one.date or "–"), words(one.reason or "–")])
        for one in situations
    ]
    return Table(caption, ["Situation", "Outcome", "Date", last], rows, notes)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
