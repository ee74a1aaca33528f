"""What a grading ruleset becomes: cut-offs by analyte and unit, units, analytes, and the dictionary of terms.

Nothing here knows a version of CTCAE; every number comes from the ruleset.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rules_engine.errors import Problem, RulesetError, closest

Direction = Literal["low", "high"]
#: What the bound of a cut-off may be a multiple of, or be added to.
References = Literal["number", "uln", "lln", "baseline", "mi_cutoff"]

#: Key of the unit under which a ratio stands that needs no unit.
ANY_UNIT: Final = "any"


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a cut-off: `multiple` × `reference` + `offset`; `inclusive` where the bound itself belongs to the
    grade.

    An absolute bound has the reference `number` and stands in `offset`, in the unit of its scale.
    """

    reference: References
    multiple: float
    offset: float
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Cutoff:
    """One way to reach one grade of one term.

    `when` is the state of baseline or treatment under which it holds; `needs` is the clinical fact that must hold
    beside the number; `not_needed` is clinical text that reaches the grade without the number and is no matter for a
    laboratory value. `and_above` is a further bound that the value must exceed. `baseline_printed_to` is the highest
    baseline that the text speaks of: the cut-off holds for higher ones too, and the grade is flagged.
    """

    row_id: str
    grade: int
    arm: str
    when: str
    lower: Bound | None
    upper: Bound | None
    and_above: Bound | None
    needs: str
    not_needed: str
    fasting: bool | None
    baseline_printed_to: Bound | None = None

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """Every bound that the cut-off has."""
        return tuple(bound for bound in (self.lower, self.upper, self.and_above) if bound is not None)

    @property
    def needs_baseline(self) -> bool:
        """The cut-off cannot be tested without a baseline value."""
        return any(bound.reference == "baseline" for bound in self.bounds)

    def refers_to(self, reference: References) -> bool:
        """A bound is a multiple of, or is added to, this limit."""
        return any(bound.reference == reference for bound in self.bounds)


@dataclass(frozen=True, slots=True)
class Scale:
    """The cut-offs of one analyte and direction on one unit: what a laboratory value is tested against.

    `unit` is None where only ratios are tested and any unit will do.
    """

    term: str
    variant: str
    analyte: str
    direction: Direction
    unit: str | None
    cutoffs: tuple[Cutoff, ...]

    def refers_to(self, reference: References) -> bool:
        """A cut-off needs this limit."""
        return any(cutoff.refers_to(reference) for cutoff in self.cutoffs)

    @property
    def all_need_baseline(self) -> bool:
        """Without a baseline value nothing can be said (weight change, eosinophilia)."""
        return all(cutoff.needs_baseline for cutoff in self.cutoffs)

    @property
    def limit(self) -> References:
        """The limit of normal on the side of the scale's direction."""
        return "uln" if self.direction == "high" else "lln"

    @property
    def mildest_number(self) -> float | None:
        """Where grade 1, which begins at the limit of normal, ends at a number: that number, in the unit of the scale."""
        for cutoff in self.cutoffs:
            ends = (cutoff.lower, cutoff.upper)
            begins = any(end is not None and end.reference == self.limit and end.multiple == 1.0 for end in ends)
            numbers = [end.offset for end in ends if end is not None and end.reference == "number"]
            if cutoff.grade == 1 and begins and numbers:
                return numbers[0]
        return None

    @property
    def has_baseline_arms(self) -> bool:
        """Some cut-off depends on the baseline."""
        return any(cutoff.needs_baseline or cutoff.when in BASELINE_STATES for cutoff in self.cutoffs)


#: Values of `when` that speak of the baseline.
BASELINE_STATES: Final = ("normal", "abnormal_high", "abnormal_low", "baseline_missing", "baseline_available")


@dataclass(frozen=True, slots=True)
class TermGrades:
    """A dictionary term: its system organ class and the grades that exist.

    `unclear` holds the grades that the sources at hand neither confirm nor exclude; they are accepted. `soc` is None
    where the class is not at hand either.
    """

    term: str
    soc: str | None
    grades: tuple[int, ...]
    unclear: tuple[int, ...] = ()

    @property
    def allowed(self) -> tuple[int, ...]:
        """Grades that a record of this term may carry."""
        return tuple(sorted({*self.grades, *self.unclear}))


@dataclass(frozen=True, slots=True)
class NotEncoded:
    """A term that a number may grade in this version, and why the ruleset does not hold the number."""

    term: str
    why: str


@dataclass(frozen=True, slots=True)
class Plausibility:
    """What a result cannot be: the analytes that are never 0, the units in which an analyte is never graded, and how far
    a limit of normal may lie from the mildest cut-off of its own scale before unit and range contradict each other.
    """

    never_zero: frozenset[str] = frozenset()
    refused_units: Mapping[str, frozenset[str]] = field(default_factory=dict)
    range_factor: float | None = None
    range_exempt: frozenset[str] = frozenset()

    def refuses(self, analyte: str | None, unit: str | None) -> bool:
        """Results of the analyte in this unit are never graded (a percentage is no count)."""
        return analyte is not None and unit is not None and unit in self.refused_units.get(analyte, frozenset())


@dataclass(frozen=True, slots=True)
class EventWords:
    """What studies write about an event, in lower case: causality, action taken, outcome; and the end of the terms that
    ask for a specification.
    """

    related: frozenset[str] = frozenset()
    not_related: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    interrupted: frozenset[str] = frozenset()
    reduced: frozenset[str] = frozenset()
    fatal: frozenset[str] = frozenset()
    other_specify: str = ""


@dataclass(frozen=True)
class GradingRules:
    """A grading ruleset, read.

    `scales` holds every scale by (analyte, direction), the first one being that to which other units are converted;
    `clinical_only` and `not_encoded` hold the terms of further ones, which no number of the ruleset grades.
    `conversions` says, by analyte, how much of each unit makes one of the first.
    """

    version: str
    tolerance: float
    prolonged_hours: float
    scales: Mapping[tuple[str, Direction], Sequence[Scale]]
    clinical_only: Mapping[tuple[str, Direction], str]
    not_encoded: Mapping[tuple[str, Direction], NotEncoded]
    units: Mapping[str, tuple[str, ...]]
    conversions: Mapping[str, Mapping[str, float]]
    analytes: Mapping[str, str]
    value_words: Mapping[str, Mapping[str, float]]
    calcium: Mapping[str, Any]
    terms: Mapping[str, TermGrades]
    aliases: Mapping[str, str]
    spelling: Sequence[tuple[str, str]]
    successors: Mapping[str, tuple[str, ...]]
    death_terms: tuple[str, ...]
    cutoffs: tuple[Cutoff, ...] = field(default=())
    plausibility: Plausibility = field(default_factory=lambda: Plausibility())
    event_words: EventWords = field(default_factory=lambda: EventWords())
    preferred_terms: Mapping[str, str] = field(default_factory=dict)
    ucum: Mapping[str, str] = field(default_factory=dict)
    analyte_names: Mapping[str, str] = field(default_factory=dict)

    def factor(self, analyte: str, unit: str, target: str) -> float | None:
        """By what a value in `unit` is multiplied to stand in `target`; None where no exact factor is known."""
        if unit == target:
            return 1.0
        amounts = self.conversions.get(analyte, {})
        if unit not in amounts or target not in amounts:
            return None
        return amounts[target] / amounts[unit]

    def unit_of(self, analyte: str | None, text: str | None) -> str | None:
        """The unit that a text means for an analyte; None where it is missing or unknown.

        Without regard to case one text may mean two units: `G/L` is giga per litre of a blood count, gram per litre
        of albumin.
        """
        candidates = self.units.get(unit_key(text), ()) if text else ()
        if analyte is None or len(candidates) < 2:
            return candidates[0] if candidates else None
        spoken = set(self.conversions.get(analyte, {}))
        spoken |= {scale.unit for scales in self.scales_of(analyte) for scale in scales if scale.unit is not None}
        return next((unit for unit in candidates if unit in spoken), candidates[0])

    def scales_of(self, analyte: str) -> list[Sequence[Scale]]:
        """The scales of both directions of an analyte."""
        return [scales for (key, _direction), scales in self.scales.items() if key == analyte]

    def term_of(self, analyte: str, direction: Direction) -> str | None:
        """The term that a value of this analyte may be graded under, in this direction."""
        scales = self.scales.get((analyte, direction))
        if scales:
            return scales[0].term
        missing = self.not_encoded.get((analyte, direction))
        return missing.term if missing is not None else None


def read_rules(document: Mapping[str, Any]) -> GradingRules:
    """Read a grading document (after `extends`). Raises `RulesetError` with every cut-off that cannot be understood."""
    require_understood(document)
    version = str(document.get("version", ""))
    scales: dict[tuple[str, Direction], list[Scale]] = {}
    for entry in document.get("thresholds") or ():
        key: tuple[str, Direction] = (entry["analyte"], entry["direction"])
        _add_scales(scales.setdefault(key, []), entry, version)
    known: dict[str, dict[str, None]] = {}
    for unit, words in document.get("units", {}).items():
        for word in (unit, *words, *([document["ucum"][unit]] if unit in (document.get("ucum") or {}) else [])):
            known.setdefault(unit_key(word), {})[unit] = None
    return GradingRules(
        version=version,
        tolerance=float(document["numerics"]["tolerance"]),
        prolonged_hours=float(document["numerics"]["prolonged_hours"]),
        scales=scales,
        clinical_only={
            (entry["analyte"], entry["direction"]): entry["term"] for entry in document.get("not_lab_gradable") or ()
        },
        not_encoded={
            (entry["analyte"], entry["direction"]): NotEncoded(entry["term"], entry["note"])
            for entry in document.get("not_encoded") or ()
        },
        units={key: tuple(units) for key, units in known.items()},
        conversions={
            analyte: {unit: float(amount) for unit, amount in entry["units"].items()}
            for entry in document.get("conversions") or ()
            for analyte in entry["for"]
        },
        analytes={word.upper(): key for key, words in document.get("analytes", {}).items() for word in (key, *words)},
        value_words={
            analyte: {str(word).lower(): float(value) for word, value in words.items()}
            for analyte, words in (document.get("value_words") or {}).items()
        },
        calcium=document.get("calcium") or {},
        terms=_read_terms(document.get("terms") or {}, document.get("terms_without_grades") or ()),
        aliases=document.get("aliases") or {},
        spelling=tuple((str(british), str(american)) for british, american in document.get("spelling") or ()),
        successors={old: tuple(new) for old, new in (document.get("successors") or {}).items()},
        death_terms=tuple(document.get("death_terms") or ()),
        cutoffs=tuple(cutoff for of_key in scales.values() for scale in of_key for cutoff in scale.cutoffs),
        plausibility=_read_plausibility(document.get("plausibility") or {}),
        event_words=_read_event_words(document.get("event_words") or {}),
        preferred_terms=document.get("preferred_terms") or {},
        ucum=document.get("ucum") or {},
        analyte_names=document.get("analyte_names") or {},
    )


def _read_event_words(stated: Mapping[str, Any]) -> EventWords:
    lists = {
        name: frozenset(str(word).strip().lower() for word in words)
        for name, words in stated.items()
        if name != "other_specify"
    }
    return EventWords(**lists, other_specify=str(stated.get("other_specify", "")))


def _read_plausibility(stated: Mapping[str, Any]) -> Plausibility:
    refused: dict[str, set[str]] = {}
    for entry in stated.get("refused_units") or ():
        for analyte in entry["for"]:
            refused.setdefault(analyte, set()).update(entry["units"])
    factor = stated.get("range_factor")
    return Plausibility(
        never_zero=frozenset(stated.get("never_zero") or ()),
        refused_units={analyte: frozenset(units) for analyte, units in refused.items()},
        range_factor=None if factor is None else float(factor),
        range_exempt=frozenset(stated.get("range_exempt") or ()),
    )


def gaps(rules: GradingRules) -> list[str]:
    """What a ruleset does not hold of its version, one sentence each: numbers of terms, classes and grades of terms."""
    found = []
    if rules.not_encoded:
        terms = ", ".join(dict.fromkeys(missing.term for missing in rules.not_encoded.values()))
        found.append(
            f"version {rules.version}: no numbers are held for {terms}; their results get no grade (NOT_ENCODED)"
        )
    if unknown := sum(grades.soc is None for grades in rules.terms.values()):
        found.append(
            f"version {rules.version}: class and grades of {unknown} terms are not held; any grade is accepted"
        )
    return found


#: What may stand in a cut-off, and what its words may be.
_KEYS: Final = (
    "grade", "arm", "when", "from", "above", "to", "below", "change_from", "percent_change_from", "and_above", "and", "or",
    "baseline_printed_to", "sources", "agreement", "note", "source_note",
)  # fmt: skip
#: What a bound may be a multiple of, and the states of baseline or treatment under which a cut-off may hold.
REFERENCES: Final = ("uln", "lln", "baseline", "mi_cutoff")
WHEN: Final = ("any", *BASELINE_STATES, "on_anticoagulation", "not_on_anticoagulation")
#: Clinical facts that a cut-off may need beside its number.
NEEDS: Final = (
    "symptomatic", "asymptomatic", "with physiologic consequences", "without physiologic consequences",
    "no intervention initiated", "symptomatic or intervention indicated",
    "asymptomatic and no intervention indicated", "duration>24h", "duration<=24h",
)  # fmt: skip


def require_understood(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same document, or `RulesetError` with every key and word of its cut-offs that grading does not know."""
    problems: list[Problem] = []
    for key in ("version", "numerics"):
        if key not in document:
            problems.append(Problem("grading ruleset", f"it has no {key}", "state it, or extend ctcae_common"))
    for entry in document.get("thresholds") or ():
        for unit, rows in entry["cutoffs"].items():
            for row in rows:
                where = f"thresholds, {entry['term']}, {unit}, grade {row.get('grade')}"
                for word, known in _words(row):
                    if word not in known:
                        what = f"{word!r} is not understood"
                        remedy = f"use one of {', '.join(known)}"
                        problems.append(Problem(where, what, remedy, meant=closest(str(word), known)))
    if problems:
        raise RulesetError(problems)
    return document


def _words(row: Mapping[str, Any]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Each word of a cut-off with the words that may stand in its place."""
    for key, value in row.items():
        yield key, _KEYS
        if key in ("from", "above", "to", "below", "and_above", "baseline_printed_to") and isinstance(value, Mapping):
            yield from ((name, REFERENCES) for name in value)
        elif key in ("change_from", "percent_change_from"):
            yield value, REFERENCES
        elif key == "when":
            yield value, WHEN
        elif key == "and":
            yield value, NEEDS


def unit_key(text: str) -> str:
    """A unit as it is compared: NFKC, no spaces, `µ` and `mc` as `u`, case ignored."""
    folded = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()
    return folded.replace("µ", "u").replace("μ", "u").replace("mc", "u")


#: A term whose grades are not at hand may carry any.
_ANY_GRADE: Final = (1, 2, 3, 4, 5)


def _read_terms(terms: Mapping[str, Mapping[str, Any]], without_grades: Sequence[str]) -> dict[str, TermGrades]:
    found = {term: TermGrades(term, None, (), _ANY_GRADE) for term in without_grades}
    for soc, of_soc in terms.items():
        for term, entry in of_soc.items():
            grades = entry if isinstance(entry, str) else entry["grades"]
            unclear = "" if isinstance(entry, str) else entry["unclear"]
            found[term] = TermGrades(term, soc, tuple(map(int, grades)), tuple(map(int, unclear)))
    return found


def _add_scales(scales: list[Scale], entry: Mapping[str, Any], version: str) -> None:
    """Add the scales of one threshold entry; cut-offs under `any` belong to every unit.

    Variants of a term (fasting, non-fasting) share a scale: which of them holds is a fact about the sample.
    """
    variant = entry.get("variant", "")
    by_unit = {unit: _cutoffs(entry, unit, rows, version) for unit, rows in entry["cutoffs"].items()}
    shared = by_unit.pop(ANY_UNIT, ())
    if not any(_has_dimension(cutoff) for cutoffs in by_unit.values() for cutoff in cutoffs):
        shared += tuple(cutoff for cutoffs in by_unit.values() for cutoff in cutoffs)
        by_unit = {}
    present = {scale.unit: position for position, scale in enumerate(scales)}
    for unit, cutoffs in by_unit.items() or [(None, ())]:
        every = shared + cutoffs
        if unit in present:
            old = scales[present[unit]]
            scales[present[unit]] = Scale(old.term, old.variant, old.analyte, old.direction, unit, old.cutoffs + every)
        else:
            scales.append(Scale(entry["term"], variant, entry["analyte"], entry["direction"], unit, every))


def _has_dimension(cutoff: Cutoff) -> bool:
    """The cut-off holds a number that is in a unit, not only multiples of a limit."""
    return any(bound.reference == "number" or bound.offset != 0 for bound in cutoff.bounds)


#: Whether a variant of a term asks for a fasting sample; a non-fasting cut-off holds for any sample.
_FASTING: Final[Mapping[str, bool | None]] = {"fasting": True, "non-fasting": False}


def _cutoffs(
    entry: Mapping[str, Any], unit: str, rows: Sequence[Mapping[str, Any]], version: str
) -> tuple[Cutoff, ...]:
    variant = entry.get("variant", "")
    found = []
    for row in rows:
        arm, when = str(row.get("arm", "A")), str(row.get("when", "any"))
        letter = "L" if entry["direction"] == "low" else "H"
        slug = re.sub(r"[^a-z0-9]+", "-", entry["term"].lower()).strip("-")
        found.append(
            Cutoff(
                row_id="|".join((version, slug, variant or "-", f"{letter}{row['grade']}", unit, when, arm)),
                grade=int(row["grade"]),
                arm=arm,
                when=when,
                lower=_bound(row, "from", "above"),
                upper=_bound(row, "to", "below"),
                and_above=_plain_bound(row["and_above"], inclusive=False) if "and_above" in row else None,
                needs=str(row.get("and", "")),
                not_needed=str(row.get("or", "")),
                fasting=_FASTING.get(variant),
                baseline_printed_to=_plain_bound(row["baseline_printed_to"], inclusive=True)
                if "baseline_printed_to" in row
                else None,
            )
        )
    return tuple(found)


def _bound(row: Mapping[str, Any], inclusive: str, exclusive: str) -> Bound | None:
    """A bound of a row; a change from a limit is turned into the value that it leads to.

    Arithmetic is done on the side of the limit, so that the value is compared as it was reported.
    """
    key = inclusive if inclusive in row else exclusive
    if key not in row:
        return None
    number = row[key]
    is_inclusive = key == inclusive
    if "change_from" in row:
        return Bound(row["change_from"], 1.0, float(number), is_inclusive)
    if "percent_change_from" in row:
        return Bound(row["percent_change_from"], 1.0 + float(number) / 100.0, 0.0, is_inclusive)
    return _plain_bound(number, inclusive=is_inclusive)


def _plain_bound(number: Any, *, inclusive: bool) -> Bound:
    if isinstance(number, Mapping):
        ((reference, multiple),) = number.items()
        return Bound(reference, float(multiple), 0.0, inclusive)
    return Bound("number", 0.0, float(number), inclusive)
