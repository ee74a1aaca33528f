"""The lines of an overview of adverse events: which records each line counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import polars as pl

from rules_engine.grading.causality import NONE, UNSPECIFIED, has_component, is_listed
from rules_engine.grading.event_rules import EventGroup, Syndrome
from rules_engine.grading.groups import in_group
from rules_engine.grading.validity import SEVERE

#: Actions taken with a treatment, and what tables call them.
ACTIONS: Final = {"withdrawn": "discontinuation", "interrupted": "interruption or delay", "reduced": "dose reduction"}

#: What tables call a component of the regimen; the others are abbreviations.
COMPONENTS: Final = {"other": "another component"}

#: Grade of an event as it is counted.
GRADE: Final = "_grade"


@dataclass(frozen=True)
class Kind:
    """A line of the overview. `by_term`: also counted class by class and term by term; `is_syndrome`: what is counted is
    the syndrome after a session, not each of its events; `unknown` says why the study cannot tell, where it cannot;
    `has_rate` is false where the time at risk is not that of the window.
    """

    name: str
    label: str
    condition: pl.Expr
    by_term: bool = False
    is_syndrome: bool = False
    unknown: str = ""
    has_rate: bool = True


@dataclass(frozen=True)
class Recorded:
    """What a study records about its events: components named by causality and by each action, whether treatments of
    events are recorded, and the columns that hold anything.
    """

    #: What is looked at.
    COLUMNS: ClassVar = ("related_components", "immune_related", "treated_with", *ACTIONS)

    related_to: Sequence[str]
    actions: Mapping[str, Sequence[str]]
    columns: frozenset[str]

    @classmethod
    def everything(cls) -> Recorded:
        """As of a study that records all there is to record."""
        return cls((*COMPONENTS,), dict.fromkeys(ACTIONS, (*COMPONENTS,)), frozenset(cls.COLUMNS))

    @classmethod
    def of(cls, events: pl.DataFrame) -> Recorded:
        """Look at these columns of graded events."""
        columns = ("immune_related", "treated_with")
        return cls(
            related_to=_named(events["related_components"]),
            actions={action: _named(events[action]) for action in ACTIONS},
            columns=frozenset(name for name in columns if events[name].null_count() < events.height),
        )


def _named(components: pl.Series) -> list[str]:
    """Components in a column of lists such as `ici;tace`."""
    parts = {part for text in components.drop_nulls().unique() for part in text.split(";")}
    return sorted(parts - {NONE, UNSPECIFIED}, key=lambda name: (name in COMPONENTS, name))


def kinds(
    recorded: Recorded, groups: Sequence[EventGroup], syndromes: Sequence[Syndrome], within_days: Sequence[int]
) -> list[Kind]:
    """All lines, in the order of the table. A missing causality counts as related, to every component.

    A component has lines where the study names it; a group that the study records in no way says so.
    """
    known = [group for group in groups if not _why_unknown(group, recorded.columns)]
    return [
        Kind("any", "Any adverse event", pl.lit(value=True)),
        *_of_grade(),
        *_of_causality(recorded.related_to),
        *_of_seriousness(),
        *_of_actions(recorded.actions),
        *(kind for group in groups for kind in _of_group(group, recorded.columns)),
        *(_of_treatment() if "treated_with" in recorded.columns else ()),
        *(kind for syndrome in syndromes for kind in _of_syndrome(syndrome)),
        Kind("outside_tace_window", "Any but soon after TACE", ~pl.col("after_tace")),
        Kind(
            "outside_tace_window_grade_ge_3",
            "Any but soon after TACE, grade 3 or higher",
            ~pl.col("after_tace") & is_severe(),
        ),
        *(kind for days in within_days for kind in _within(days, known)),
    ]


def is_severe() -> pl.Expr:
    """Grade 3 or higher; an event without a grade is not."""
    return (pl.col(GRADE) >= SEVERE).fill_null(value=False)


def _serious() -> pl.Expr:
    return pl.col("serious").fill_null(value=False)


def _of_grade() -> Iterator[Kind]:
    yield Kind("grade_ge_3", "Grade 3 or higher", is_severe())
    yield Kind("not_graded", "Not graded", pl.col(GRADE).is_null())


def _of_causality(components: Sequence[str]) -> Iterator[Kind]:
    related = pl.col("is_related")
    yield Kind("related", "Related to treatment", related, by_term=True)
    yield Kind("related_grade_ge_3", "Related, grade 3 or higher", related & is_severe())
    to = {name: has_component("related_components", name, missing=True) for name in components}
    for name, condition in to.items():
        words = f"Related to {_called(name)}"
        yield Kind(f"related_{name}", words, condition, by_term=True)
        yield Kind(f"related_{name}_grade_ge_3", f"{words}, grade 3 or higher", condition & is_severe())
    if {"tace", "ici"} <= set(to):
        yield Kind("related_tace_and_ici", "Related to TACE and ICI", to["tace"] & to["ici"])


def _called(component: str) -> str:
    return COMPONENTS.get(component, component.upper())


def _of_seriousness() -> Iterator[Kind]:
    yield Kind("serious", "Serious", _serious(), by_term=True)
    yield Kind("related_serious", "Serious and related", _serious() & pl.col("is_related"))
    yield Kind("fatal", "Leading to death", pl.col("is_fatal"))


def _of_actions(components: Mapping[str, Sequence[str]]) -> Iterator[Kind]:
    for action, word in ACTIONS.items():
        yield Kind(
            action, f"Leading to {word} of any treatment", pl.col(action).is_not_null(), by_term=action == "withdrawn"
        )
        of = {name: has_component(action, name, missing=False) for name in components[action]}
        for name, condition in of.items():
            yield Kind(f"{action}_{name}", f"Leading to {word} of {_called(name)}", condition)
        if action == "withdrawn" and len(of) > 1:
            yield Kind("withdrawn_all", "Leading to discontinuation of all treatment", pl.all_horizontal(of.values()))


def _why_unknown(group: EventGroup, columns: frozenset[str]) -> str:
    """Why nobody can tell from the study which events are in the group; empty where one can."""
    asked = {group.recorded_in} if group.recorded_in is not None else set()
    if group.treated_with:
        asked.add("treated_with")
    return "" if not asked or asked & columns else "the study records neither the judgement nor the treatment of events"


def _of_group(group: EventGroup, columns: frozenset[str]) -> Iterator[Kind]:
    condition, unknown = in_group(group.name), _why_unknown(group, columns)
    yield Kind(group.name, group.label, condition, by_term=not unknown, unknown=unknown)
    label = f"{group.label}, grade 3 or higher"
    yield Kind(f"{group.name}_grade_ge_3", label, condition & is_severe(), unknown=unknown)
    if group.recorded_in is not None:
        for column, words in (("recorded", "as recorded"), ("derived", "by rule, where nothing is recorded")):
            named = is_listed(pl.col(f"groups_{column}"), group.name).fill_null(value=False)
            yield Kind(f"{group.name}_{column}", f"{group.label}, {words}", named, unknown=unknown)


def _of_treatment() -> Iterator[Kind]:
    given = pl.col("treated_with").str.to_lowercase().str.split(";").list.eval(pl.element().str.strip_chars())
    words = {
        "steroid": ("Treated with systemic corticosteroids", ["steroid", "high_dose_steroid"]),
        "high_dose_steroid": ("Treated with high-dose corticosteroids", ["high_dose_steroid"]),
        "immunosuppressant": ("Treated with another immunosuppressant", ["immunosuppressant"]),
    }
    for name, (label, treatments) in words.items():
        condition = given.list.set_intersection(pl.lit(treatments)).list.len() > 0
        yield Kind(f"treated_with_{name}", label, condition.fill_null(value=False))


def _of_syndrome(syndrome: Syndrome) -> Iterator[Kind]:
    condition = (pl.col("syndrome") == syndrome.name).fill_null(value=False)
    yield Kind(syndrome.name, syndrome.label, condition, is_syndrome=True)
    severe = (pl.col("syndrome_grade") >= SEVERE).fill_null(value=False)
    label = f"{syndrome.label}, grade 3 or higher"
    yield Kind(f"{syndrome.name}_grade_ge_3", label, condition & severe, is_syndrome=True)


def _within(days: int, groups: Sequence[EventGroup]) -> Iterator[Kind]:
    """Events that began up to so many days after the last treatment and before any new therapy (sensitivity)."""
    in_time = (pl.col("days_after_treatment") <= days).fill_null(value=True) & pl.col("before_new_therapy")
    end = f"within {days} days after the last treatment"
    lines = [
        ("", "Any", pl.lit(value=True)),
        ("_grade_ge_3", "Grade 3 or higher", is_severe()),
        ("_serious", "Serious", _serious()),
    ]
    lines += [(f"_{group.name}", group.label, in_group(group.name)) for group in groups]
    for name, label, condition in lines:
        yield Kind(f"within_{days}_days{name}", f"{label}, {end}", in_time & condition, has_rate=False)
