"""What a protocol may state about adverse events beside their grades: groups such as immune-related events, and
syndromes that several events make up after a procedure. The JSON Schema, and the rules as read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_DAYS: Final[dict[str, Any]] = {"type": "integer"}
_REMARKS: Final[dict[str, Any]] = {
    "label": {"type": "string", "description": "What tables call it."},
    "reference": {"type": "string", "description": "Source."},
    "interpretation": {"type": "string", "description": "The reading that was taken, and why."},
}
#: Treatments of an event that a study may record in `treated_with`.
TREATMENTS: Final = ("steroid", "high_dose_steroid", "immunosuppressant", "hormone")

GROUPS_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "default": {},
    "description": "Groups of events that tables show beside the classes, by name; `immune_related` also fills IRAEFL and IRAEDFL.",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["label"],
        "properties": {
            **_REMARKS,
            "recorded_in": {
                "enum": ["immune_related"],
                "description": "Column in which the study itself says so; where it says anything, the rule is not asked.",
            },
            "terms": {**_TEXTS, "description": "Dictionary terms of the group."},
            "specified": {
                **_TEXTS,
                "description": "Words of which one must be in the specification, for terms `… - Other, specify` of the group.",
            },
            "related_to": {
                "enum": ["tace", "ici", "other", "any"],
                "description": "Component that the event must be related to; a missing causality counts as related.",
            },
            "treated_with": {
                "type": "array",
                "items": {"enum": list(TREATMENTS)},
                "minItems": 1,
                "description": "Treatments of the event of which one must be recorded.",
            },
            "treated_within_days": {
                **_DAYS,
                "minimum": 0,
                "description": "Days from the onset within which that treatment must begin.",
            },
        },
    },
}

SYNDROMES_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "default": {},
    "description": "Syndromes that several events make up after a procedure, by name; `post_embolisation` also fills PESFL.",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["label", "after", "from_day", "to_day", "parts", "at_least"],
        "properties": {
            **_REMARKS,
            "after": {"enum": ["tace"], "description": "Component whose sessions it follows."},
            "from_day": {**_DAYS, "minimum": 0, "description": "First day of onset after a session, 0 is its day."},
            "to_day": {**_DAYS, "minimum": 0, "description": "Last day of onset after a session."},
            "parts": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": _TEXTS,
                "description": "Parts of the syndrome by name, and the terms by which each shows.",
            },
            "at_least": {"type": "integer", "minimum": 1, "description": "Number of parts that make the syndrome."},
            "also": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Terms that belong to a syndrome once it is there, and count as no part.",
            },
            "reported_as": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Words under which the syndrome itself is reported.",
            },
            "coded_as": {"type": "string", "description": "Dictionary term of a reported syndrome."},
        },
    },
}


@dataclass(frozen=True, slots=True)
class EventGroup:
    """A group of events. `recorded_in` names the column that decides where it says anything."""

    name: str
    label: str
    recorded_in: str | None
    terms: tuple[str, ...]
    specified: tuple[str, ...]
    related_to: str | None
    treated_with: tuple[str, ...]
    treated_within_days: int | None


@dataclass(frozen=True, slots=True)
class Syndrome:
    """Events after a session that are one syndrome where enough of its parts are there.

    `parts` gives the part of each term that counts, `also` the terms that belong to it and do not count.
    """

    name: str
    label: str
    from_day: int
    to_day: int
    parts: Mapping[str, str]
    at_least: int
    also: tuple[str, ...]
    reported_as: tuple[str, ...]
    coded_as: str | None

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms that may belong to the syndrome."""
        return (*self.parts, *self.also)


def read_groups(stated: Mapping[str, Mapping[str, Any]]) -> tuple[EventGroup, ...]:
    """Groups as options state them, in their order."""
    return tuple(
        EventGroup(
            name=name,
            label=str(group["label"]),
            recorded_in=group.get("recorded_in"),
            terms=tuple(group.get("terms") or ()),
            specified=tuple(group.get("specified") or ()),
            related_to=group.get("related_to"),
            treated_with=tuple(group.get("treated_with") or ()),
            treated_within_days=group.get("treated_within_days"),
        )
        for name, group in stated.items()
    )


def read_syndromes(stated: Mapping[str, Mapping[str, Any]]) -> tuple[Syndrome, ...]:
    """Syndromes as options state them, in their order."""
    return tuple(
        Syndrome(
            name=name,
            label=str(one["label"]),
            from_day=int(one["from_day"]),
            to_day=int(one["to_day"]),
            parts={term: part for part, terms in one["parts"].items() for term in terms},
            at_least=int(one["at_least"]),
            also=tuple(one.get("also") or ()),
            reported_as=tuple(one.get("reported_as") or ()),
            coded_as=one.get("coded_as"),
        )
        for name, one in stated.items()
    )


def named_terms(
    groups: Mapping[str, Mapping[str, Any]], syndromes: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Every dictionary term that the rules as stated name, after the option that names it."""
    lists: list[tuple[str, Sequence[str]]] = [
        (f"event_groups.{name}.terms", group.get("terms") or ()) for name, group in groups.items()
    ]
    for name, one in syndromes.items():
        lists += [(f"syndromes.{name}.parts.{part}", terms) for part, terms in one["parts"].items()]
        lists.append((f"syndromes.{name}.also", one.get("also") or ()))
        if one.get("coded_as") is not None:
            yield f"syndromes.{name}.coded_as", one["coded_as"]
    for place, terms in lists:
        yield from ((f"{place}.{number}", term) for number, term in enumerate(terms))
