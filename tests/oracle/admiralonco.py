"""A slow, obvious derivation of what admiralonco gives for one subject, written from a description of its behaviour alone.

It shares no code with the engine. A subject is a mapping: reference, therapy, death, alive (days or None) and rows (list of
day or partial date, number, visit, code). A configuration is a `Configuration`. Answers are plain tuples.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

RECIST_WORST_FIRST = ["PD", "NON-CR/NON-PD", "SD", "PR", "CR", "NE"]
IRECIST_WORST_FIRST = ["iCPD", "iUPD", "NON-iCR/NON-iUPD", "iSD", "iPR", "iCR", "NE"]
RECIST_NUMBERS = {"CR": 1, "PR": 2, "SD": 3, "NON-CR/NON-PD": 4, "PD": 5, "NE": 6, "MISSING": 7}
IRECIST_NUMBERS = {
    "iCPD": 1, "iUPD": 2, "NON-iCR/NON-iUPD": 3, "iSD": 4, "iPR": 5, "iCR": 6, "MISSING": 7, "NE": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Configuration:
    """One row of the table of configurations."""

    name: str
    flow: str
    reference: str
    window: int
    confirm: int
    ne_allowed: int
    sd_between: bool
    no_data: str
    cut: bool
    dropped: bool
    therapy: str
    irecist: bool = False


CONFIGURATIONS = [
    Configuration("r1", "functions", "RANDDT", 42, 28, 1, False, "MISSING", True, False, "ignored"),
    Configuration("r2", "functions", "RANDDT", 28, 28, 0, False, "NE", True, False, "strict_before"),
    Configuration("r3", "functions", "RANDDT", 56, 21, 2, True, "MISSING", True, True, "ignored"),
    Configuration("r4", "functions", "TRTSDT", 42, 56, 1, True, "NE", False, False, "end_dates"),
    Configuration("r5", "events", "RANDDT", 42, 28, 1, False, "MISSING", True, False, "ignored"),
    Configuration("r6", "events", "RANDDT", 56, 21, 2, True, "MISSING", True, True, "strict_before"),
    Configuration("i1", "events", "RANDDT", 42, 28, 1, False, "MISSING", True, False, "ignored", irecist=True),
    Configuration("i2", "events", "RANDDT", 28, 14, 0, False, "NE", True, False, "strict_before", irecist=True),
    Configuration("i3", "events", "RANDDT", 56, 28, 2, True, "MISSING", True, True, "ignored", irecist=True),
    Configuration("i4", "events", "TRTSDT", 42, 28, 1, False, "MISSING", False, False, "end_dates", irecist=True),
]


@dataclass(frozen=True)
class Row:
    """One collected response with its day."""

    day: date | None
    number: int
    visit: str | None
    code: str


#: Answer of a parameter of ADRS: AVALC, AVAL, ADT, RSSEQ, VISIT.
Answer = tuple[str | None, float | None, date | None, int | None, str | None]


def whole_day(text: str | None) -> date | None:
    """A month stands for its last day; a year alone for no day."""
    if text is None or len(text) == 4:
        return None
    if len(text) == 7:
        year, month = int(text[:4]), int(text[5:])
        return date(year, month, calendar.monthrange(year, month)[1])
    return date.fromisoformat(text)


def by_day_and_number(row: Row) -> tuple[date, int]:
    return (row.day or date.max, row.number)


class Subject:
    """Everything that is derived for one subject under one configuration."""

    def __init__(self, history: dict[str, Any], how: Configuration) -> None:
        self.how = how
        self.reference: date | None = history["randomised" if how.reference == "RANDDT" else "treated"]
        self.therapy: date | None = history["therapy"]
        self.death: date | None = history["death"]
        self.alive: date | None = history["alive"]
        self.rows = [Row(whole_day(day), number, visit, code) for day, number, visit, code in history["rows"]]
        i = "i" if how.irecist else ""
        self.CR, self.PR, self.SD = i + "CR", i + "PR", i + "SD"
        self.NON = "NON-iCR/NON-iUPD" if how.irecist else "NON-CR/NON-PD"
        self.flagged = self.flag()
        self.counted = self.cut() if how.cut else self.flagged

    # Preparation and cut

    def is_usable(self, row: Row) -> bool:
        worst_first = IRECIST_WORST_FIRST if self.how.irecist else RECIST_WORST_FIRST
        if row.code not in worst_first or row.day is None or self.reference is None or row.day < self.reference:
            return False
        return not (self.how.dropped and self.therapy is not None and row.day >= self.therapy)

    def flag(self) -> list[Row]:
        worst_first = IRECIST_WORST_FIRST if self.how.irecist else RECIST_WORST_FIRST
        best: dict[date, Row] = {}
        for row in sorted(filter(self.is_usable, self.rows), key=by_day_and_number):
            assert row.day is not None
            there = best.get(row.day)
            if there is None or worst_first.index(row.code) < worst_first.index(there.code):
                best[row.day] = row
            elif row.code == there.code and not self.how.irecist:
                best[row.day] = row  # RECIST keeps the highest number, iRECIST the lowest
        return [best[day] for day in sorted(best)]

    def cut(self) -> list[Row]:
        if self.how.flow == "functions":
            days = [row.day for row in self.flagged if row.code == "PD"]
            return [row for row in self.flagged if not days or row.day <= days[0]]
        end = "iCPD" if self.how.irecist else "PD"
        kept = []
        for row in sorted(self.rows, key=by_day_and_number):
            kept.append(row)
            if row.code == end:
                break
        return [row for row in self.flagged if row in kept]

    # Confirmation

    def is_confirmed(self, index: int) -> bool:
        row = self.counted[index]
        confirming = {self.CR: [self.CR], self.PR: [self.CR, self.PR]}.get(row.code)
        if confirming is None:
            return False
        for later in range(index + 1, len(self.counted)):
            found = self.counted[later]
            if found.code in confirming and found.day >= row.day + timedelta(days=self.how.confirm):
                return self.bears_out(row, self.counted[index + 1 : later], found)
        return False

    def bears_out(self, row: Row, between: list[Row], found: Row) -> bool:
        codes = [one.code for one in between]
        allowed = [self.CR, "NE"] if row.code == self.CR else [self.CR, self.PR, "NE"]
        if row.code == self.PR and self.how.sd_between:
            allowed.append(self.SD)
        if any(code not in allowed for code in codes):
            return False
        if codes.count("NE") > self.how.ne_allowed or codes.count(self.SD) > 1:
            return False
        if row.code == self.PR:
            seen_cr = False
            for code in [*codes, found.code]:
                if code == self.PR and seen_cr:
                    return False
                seen_cr = seen_cr or code == self.CR
        return True

    # Parameters of ADRS

    def responses(self, confirmed: bool) -> list[Row]:
        return [
            row
            for index, row in enumerate(self.counted)
            if row.code in (self.CR, self.PR) and (not confirmed or self.is_confirmed(index))
        ]

    def is_late(self, row: Row) -> bool:
        return row.day >= self.reference + timedelta(days=self.how.window)

    def yes_or_no(self, rows: list[Row]) -> Answer:
        first = min(rows, key=lambda row: row.day, default=None)
        return ("N", 0, None, None, None) if first is None else ("Y", 1, first.day, first.number, first.visit)

    def clinical_benefit(self, confirmed: bool) -> Answer:
        late = [row for row in self.counted if row.code in (self.CR, self.PR, self.SD, self.NON) and self.is_late(row)]
        return self.yes_or_no(self.responses(confirmed) + late)

    def confirmed_progression(self) -> list[Row]:
        """iUPD after which only iUPD and NE come before an iCPD."""
        found = []
        for index, row in enumerate(self.counted):
            following = [one.code for one in self.counted[index + 1 :]]
            until = following[: following.index("iCPD")] if "iCPD" in following else ["no iCPD"]
            if row.code == "iUPD" and all(code in ("iUPD", "NE") for code in until):
                found.append(row)
        return found

    def progression(self) -> Answer:
        if self.how.irecist:
            return self.yes_or_no(self.confirmed_progression())
        return self.yes_or_no([row for row in self.flagged if row.code == "PD"])

    def unconfirmed_progression(self) -> Answer:
        last = max((index for index, row in enumerate(self.counted) if row.code == "iUPD"), default=None)
        if last is None or any(row.code != "NE" for row in self.counted[last + 1 :]):
            return self.yes_or_no([])
        return self.yes_or_no([self.counted[last]])

    def best(self, confirmed: bool) -> Answer:
        responses = self.responses(confirmed)
        ranked: list[tuple[str, list[Row]]] = [
            (self.CR, [row for row in responses if row.code == self.CR]),
            (self.PR, [row for row in responses if row.code == self.PR]),
            (self.SD, [row for row in self.counted if row.code in (self.CR, self.PR, self.SD) and self.is_late(row)]),
            (self.NON, [row for row in self.counted if row.code == self.NON and self.is_late(row)]),
        ]
        if self.how.irecist:
            ranked.append(("iCPD", self.confirmed_progression()))
            ranked.append(("iUPD", [row for row in self.counted if row.code == "iUPD"]))
        else:
            ranked.append(("PD", [row for row in self.counted if row.code == "PD"]))
        ranked.append(("NE", [row for row in self.counted if self.stands_for_ne(row, confirmed)]))
        numbers = IRECIST_NUMBERS if self.how.irecist else RECIST_NUMBERS
        for value, rows in ranked:
            if rows:
                first = rows[0]
                return (value, numbers[value], first.day, first.number, first.visit)
        return (self.how.no_data, numbers[self.how.no_data], None, None, None)

    def stands_for_ne(self, row: Row, confirmed: bool) -> bool:
        if row.code == "NE":
            return True
        if self.how.flow == "events":
            return row.code in (self.CR, self.PR, self.SD, self.NON)
        early = [self.SD, self.NON] + ([self.CR, self.PR] if confirmed else [])
        return row.code in early and not self.is_late(row)

    def died(self) -> Answer:
        return ("N", 0, None, None, None) if self.death is None else ("Y", 1, self.death, None, None)

    def last_assessment(self) -> Answer:
        if not self.flagged:
            return (None, None, None, None, None)
        last = self.flagged[-1]
        numbers = IRECIST_NUMBERS if self.how.irecist else RECIST_NUMBERS
        return (last.code, numbers[last.code], last.day, last.number, last.visit)

    def adrs(self) -> dict[str, Answer]:
        i = "I" if self.how.irecist else ""
        found = {
            f"{i}RSP": self.yes_or_no(self.responses(confirmed=False)),
            f"{i}CRSP": self.yes_or_no(self.responses(confirmed=True)),
            f"{i}CB": self.clinical_benefit(confirmed=False),
            f"{i}CCB": self.clinical_benefit(confirmed=True),
            f"{i}BOR": self.best(confirmed=False),
            f"{i}CBOR": self.best(confirmed=True),
            "DEATH": self.died(),
            "LSTA": self.last_assessment(),
        }
        if self.how.irecist:
            return {**found, "ICPD": self.progression(), "IUPD": self.unconfirmed_progression()}
        return {**found, "PD": self.progression()}

    # Parameters of ADTTE: STARTDT, ADT, AVAL, CNSR, EVNTDESC, CNSDTDSC, SRCDOM, SRCVAR; None where there is no row

    def adtte(self) -> dict[str, tuple[Any, ...] | None]:
        i = "I" if self.how.irecist else ""
        return {
            f"{i}OS": self.overall_survival(),
            f"{i}PFS": self.until_progression(self.reference, with_start=True),
            f"{i}RSD": self.duration(confirmed=False),
            f"{i}CRSD": self.duration(confirmed=True),
        }

    def record(self, start: date | None, day: date, code: int, words: tuple[Any, ...]) -> tuple[Any, ...]:
        if start is None:
            return (None, day, None, code, *words)
        lifted = max(day, start)
        return (start, lifted, (lifted - start).days + 1, code, *words)

    def at_reference(self) -> tuple[str, ...]:
        text = "Randomization" if self.how.reference == "RANDDT" else "Treatment Start"
        return (text, text, "ADSL", self.how.reference)

    def overall_survival(self) -> tuple[Any, ...] | None:
        if self.death is not None:
            return self.record(self.reference, self.death, 0, ("Death", None, "ADRS", "ADT"))
        known = [
            (self.alive, ("Alive", "Alive During Study", "ADSL", "LSTALVDT")),
            (self.reference, self.at_reference()),
        ]
        return self.censored(self.reference, known, code=1)

    def censored(
        self, start: date | None, known: list[tuple[date | None, tuple[str, ...]]], code: int
    ) -> tuple[Any, ...] | None:
        chosen = None
        for day, words in known:
            if day is not None and (chosen is None or day >= chosen[0]):
                chosen = (day, words)
        if chosen is None:
            return None
        day, words = chosen
        return self.record(start, day, code, ("New Anti-Cancer Therapy", *words[1:]) if code == 2 else words)

    def duration(self, confirmed: bool) -> tuple[Any, ...] | None:
        responses = self.responses(confirmed)
        return self.until_progression(responses[0].day, with_start=False) if responses else None

    def until_progression(self, start: date | None, with_start: bool) -> tuple[Any, ...] | None:
        def counts(day: date | None) -> bool:
            if day is None:
                return False
            if self.how.therapy == "ignored" or self.therapy is None:
                return True
            return day < self.therapy if self.how.therapy == "strict_before" else day <= self.therapy

        events = [
            (self.progression()[2], ("Disease Progression", None, "ADRS", "ADT")),
            (self.death, ("Death", None, "ADRS", "ADT")),
        ]
        happened = [event for event in events if counts(event[0])]
        if happened:
            day, words = min(happened, key=lambda event: event[0])
            return self.record(start, day, 0, words)
        looks = [row.day for row in self.flagged]
        if self.how.therapy == "strict_before":
            looks = [day for day in looks if counts(day)]
        look = max(looks, default=None)
        if self.how.therapy == "end_dates" and not counts(look):
            look = None
        reference = self.reference
        if self.how.therapy == "end_dates" and not counts(reference):
            reference = None
        known = [(look, ("Last Tumor Assessment", "Last Tumor Assessment", "ADRS", "ADT"))]
        if with_start:
            known.append((reference, self.at_reference()))
        ended = self.how.therapy == "end_dates" and self.therapy is not None
        return self.censored(start, known, code=2 if ended else 1)
