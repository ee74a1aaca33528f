"""The words that time-to-event endpoints are made of: events, reasons to censor, censoring dates and time origins.

A definition names them in YAML; a plugin offers them. Each word is a pure function from what is known of the subjects
to dated facts, with the JSON Schema of the options that it alone reads. The steps of the derivation (`rules_engine.endpoints`)
ask the words for their facts and know none of them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Any, Literal

import polars as pl

from rules_engine.model import EndpointDefinition, Schedule
from rules_engine.vocabulary.records import SubjectRecords

Options = Mapping[str, Any]
#: A configuration error: option path, what is wrong, remedy.
ConfigurationError = tuple[str, str, str]

#: Columns that every word gives: whose fact it is, and its day. A row without a day is no fact.
FACT_REQUIRED: dict[str, pl.DataType] = {"date": pl.Date()}
#: Columns that a word may give; where it does not, they are null, and the reason is the word's only one.
FACT_OPTIONAL: dict[str, pl.DataType] = {
    "reason": pl.String(),
    "imputation": pl.String(),  # `D` or `M` where the day was imputed
    "source_domain": pl.String(),
    "source_variable": pl.String(),
    "source_seq": pl.Int64(),
    "source_id": pl.String(),
    "detail": pl.String(),  # what a reader of the candidates should know of the fact
}


class Rank(IntEnum):
    """Order among events of one day: what is first here is the event (endpoints specification §4.9)."""

    ASSESSMENT = 0
    RECORDED = 1
    THERAPY = 2
    DISCONTINUATION = 3
    DEATH = 4


@dataclass(frozen=True, slots=True)
class Need:
    """What the study must bring for a word to make sense: a table, perhaps a column of it, and what for."""

    table: str
    column: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the words of one endpoint are derived from: the records, and what the steps so far made of them.

    In every frame `subject` is the key of a subject in this run (a number): join on it, and read nothing else into it.
    The frames of later steps are there once their step is done; asking for them before is an error. `key` tells
    endpoints apart that differ in steps 1-8, `clock_key` those that differ in steps 1-3.

    ===============  =========================  ==============================================================
    frame            one row per                columns
    ===============  =========================  ==============================================================
    clock            subject with an origin     subject, t0, last_day (of the snapshot), death_date (also after the
                                                snapshot), death_imputation, died (in the snapshot), no_baseline,
                                                withdrawal_date, lost_to_followup_date, end_of_study_date
    dated            assessment                 as below, with parts_from and parts_to, before it is told what counts
    assessments      assessment that counts,    subject, date, response, iresponse, suspected, evaluable,
                     one per subject and day    progression, source_id, seq, imputation
    therapies        therapy after the origin   subject, date, reason (CURATIVE_CONVERSION, NEW_THERAPY,
                     and in the snapshot        REPEAT_TACE), imputation and the source columns
    truncation       after step 7               subject, n_date, n_reason …: the fact that ends the observation
    usable           after step 7               the assessments up to that fact
    progression      after step 8               subject, p_date, certain_date, u_date (unconfirmed, waiting)
    subjects         after step 8               the clock with start_date, has_evaluable, u_date, n_date (end of
                                                the observation by a rule); after step 9 the event that comes
                                                first: e_date, e_reason, e_class, e_is_assessment
    ===============  =========================  ==============================================================
    """

    records: SubjectRecords
    endpoint: EndpointDefinition
    cutoff: date
    clock: pl.LazyFrame
    dated: pl.LazyFrame
    assessments: pl.LazyFrame
    therapies: pl.LazyFrame
    key: str = ""
    clock_key: str = ""
    truncation_frame: pl.LazyFrame | None = None
    usable_frame: pl.LazyFrame | None = None
    progression_frame: pl.LazyFrame | None = None
    subjects_frame: pl.LazyFrame | None = None

    @property
    def options(self) -> Options:
        """The options of the endpoint, complete."""
        return self.endpoint.options

    @property
    def schedule(self) -> Schedule | None:
        """The planned visits of the endpoint."""
        return self.endpoint.schedule

    @property
    def truncation(self) -> pl.LazyFrame:
        """The fact that ends the observation, for the subjects who have one."""
        return _there(self.truncation_frame, "the end of the observation", 7)

    @property
    def usable(self) -> pl.LazyFrame:
        """The assessments up to the end of the observation."""
        return _there(self.usable_frame, "the usable assessments", 7)

    @property
    def progression(self) -> pl.LazyFrame:
        """Progression, and unconfirmed progression that waits."""
        return _there(self.progression_frame, "progression", 8)

    @property
    def subjects(self) -> pl.LazyFrame:
        """The subjects of the endpoint."""
        return _there(self.subjects_frame, "the subjects of the endpoint", 8)

    def table(self, name: str) -> pl.LazyFrame:
        """An input table of the study, the study's own columns included."""
        return self.records.table(name)

    def step(self, key: str, build: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
        """A frame derived from the usable assessments, shared by endpoints that have the same; `key` names what else it reads."""
        return self.records.step(f"{key} of {self.key}", build)


def _there(frame: pl.LazyFrame | None, what: str, step: int) -> pl.LazyFrame:
    if frame is None:
        raise LookupError(f"{what}: known only after step {step} of the derivation")
    return frame


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence about one subject, for explanations: what a word looked at, the options that decided, the day it is about.

    `source` names the record that it rests on: domain, variable, sequence number, id.
    """

    text: str
    options: tuple[str, ...] = ()
    day: date | None = None
    source: tuple[str | None, str | None, int | None, str | None] | None = None


@dataclass(frozen=True, slots=True)
class ToldStep:
    """One step of a derivation about one subject, for explanations: its name (stable), its title, and what was decided in it."""

    name: str
    title: str
    sentences: Sequence[Told]


#: Tells what a word looked at. The observation is that of a single subject after the last step; frames may be collected.
Tell = Callable[[Observation], Sequence[Told]]


def no_errors(_endpoint: EndpointDefinition) -> Sequence[ConfigurationError]:
    """The check of a word that has nothing to check."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that may end the time: `events: [progression, death]`. The earliest that counts is the event.

    `derive(observation)` gives dated facts: `subject`, `date`, and any of `FACT_OPTIONAL`. Facts before the origin
    (unless `from_origin` is false), after the snapshot and after the end of the observation are put aside by the engine.
    `reasons` are the reasons that it may give (REASON, `event_reasons`), each with its text (EVNTDESC) or None where
    the ruleset states it. `rank` orders events of one day. `missed_visits` is as what the rule of missed visits knows
    it (None: the rule never discards it). `is_assessment`: the fact is an assessment, whose own day `pd_date` may move.
    `counts(options)` says whether an endpoint considers it (None: where `events` names it); an event that only options
    bring in is not `named`. `passed_over(observation)` tells of facts that `derive` leaves out because they are not the
    event (an overturned suspicion): facts with `outcome`, why. `title` says what it is, for the author of a ruleset.
    `tell` says for an explanation what the event looked at (None: only its facts).
    """

    id: str
    version: str
    title: str
    reference: str
    derive: Callable[[Observation], pl.LazyFrame]
    reasons: Mapping[str, str | None]
    options_schema: Mapping[str, Any] = field(default_factory=dict)
    rank: Rank = Rank.RECORDED
    missed_visits: Literal["progression", "death"] | None = None
    is_assessment: bool = False
    from_origin: bool = True
    counts: Callable[[Options], bool] | None = None
    named: bool = True
    reads_responses: bool = False
    passed_over: Callable[[Observation], pl.LazyFrame] | None = None
    tell: Tell | None = None
    needs: Sequence[Need] = ()
    check: Callable[[EndpointDefinition], Sequence[ConfigurationError]] = no_errors

    def is_considered(self, options: Options) -> bool:
        """The endpoint with these options looks for this event."""
        return self.id in (options.get("events") or ()) if self.counts is None else self.counts(options)


#: What a reason to censor does with a subject to whom it applies, given the date of its fact.
#:
#: ==============  =================================================================================================
#: effect          meaning
#: ==============  =================================================================================================
#: ends            nothing dated after the fact counts; censored where `censoring` says, up to the fact
#: ends_on_date    nothing dated after the fact counts; censored on its date
#: discards        the event of the subject does not count; censored where `censoring` says, before the fact
#: competes        the fact ends the time like an event, but is none: EVENT_TYPE 2
#: ends_time       the fact ends the time like an event, but is none: EVENT_TYPE 0
#: on_date         without an event, censored on the date of the fact
#: at_start        without an event, censored at the start
#: before_date     without an event, censored where `censoring` says, before the fact
#: as_stated       without an event, censored where `censoring` says; the fact only gives the reason
#: off             the rule does not hold
#: ==============  =================================================================================================
Effect = Literal[
    "ends", "ends_on_date", "discards", "competes", "ends_time", "on_date", "at_start", "before_date", "as_stated", "off"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Censored:
    """How a reason to censor is published: its CNSR code and its text (EVNTDESC)."""

    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CensoringRule:
    """A reason to censor: `censoring_rules: [no_baseline, missed_visits, new_therapy, …]`. The first that holds is given.

    `derive(observation)` gives dated facts as an event does, of the subjects to whom the rule applies; `effect(options)`
    says what the fact does (`Effect`). `reasons` are the reasons that it may give, each with CNSR code and text, or None
    where the ruleset states them under `censoring_reasons`. `date_name` and `date_text` name the date of the fact where
    subjects are censored on it (CNSDTDSC, `censoring_dates`). `rank` and `missed_visits` are those of an event, for
    rules that end the time like one. A rule that `holds_for_all` closes the list: where no other holds, it does. `reads`
    are the options that `derive` of a rule reads that may end the observation, so that endpoints with the same ones
    share the step (None: any of them).
    `tell` says for an explanation what the rule looked at (None: only whether it holds).
    """

    id: str
    version: str
    title: str
    reference: str
    derive: Callable[[Observation], pl.LazyFrame]
    effect: Callable[[Options], Effect]
    reasons: Mapping[str, Censored | None]
    options_schema: Mapping[str, Any] = field(default_factory=dict)
    date_name: str = ""
    date_text: str | None = None
    rank: Rank = Rank.RECORDED
    missed_visits: Literal["progression", "death"] | None = None
    holds_for_all: bool = False
    reads: Sequence[str] | None = None
    tell: Tell | None = None
    needs: Sequence[Need] = ()
    check: Callable[[EndpointDefinition], Sequence[ConfigurationError]] = no_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class CensoringDate:
    """Where a subject without an event is censored: `censoring: last_adequate`.

    `derive(observation)` gives the dated facts; the latest one counts, and where there is none the start. `goes_on`:
    what the fact shows (life) holds at every day before it, so that a rule that looks for an earlier date finds the day
    of its limit. `name(options)` is the key of its text in `censoring_dates`; `texts` gives texts that the ruleset need
    not state. `tell` says for an explanation which facts were compared.
    """

    id: str
    version: str
    title: str
    reference: str
    derive: Callable[[Observation], pl.LazyFrame]
    options_schema: Mapping[str, Any] = field(default_factory=dict)
    goes_on: bool = False
    name: Callable[[Options], str] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    tell: Tell | None = None
    needs: Sequence[Need] = ()
    check: Callable[[EndpointDefinition], Sequence[ConfigurationError]] = no_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A day on which the clock may start: `origin: randomisation`.

    `derive(records, options)` gives at most one row per subject: `subject`, `date`. An origin that is made of others
    says of which (`parts(options)`) and how (`combine` of their days by name) instead. `variable` is the ADaM variable
    of the day, where the ruleset does not state it under `start_variables`. `reads` are the options that `derive`
    reads, so that endpoints with the same ones share the step (None: any of them). `starts_early`: an origin made of
    others lies before the last of them, so that who has them all had to live until then (immortal time); a run says so.
    """

    id: str
    version: str
    title: str
    reference: str
    derive: Callable[[SubjectRecords, Options], pl.LazyFrame] | None = None
    parts: Callable[[Options], Sequence[str]] | None = None
    combine: Callable[[Mapping[str, pl.LazyFrame]], pl.LazyFrame] | None = None
    starts_early: bool = False
    options_schema: Mapping[str, Any] = field(default_factory=dict)
    variable: str | None = None
    reads: Sequence[str] | None = None
    needs: Sequence[Need] = ()
    check: Callable[[EndpointDefinition], Sequence[ConfigurationError]] = no_errors

    def __post_init__(self) -> None:
        if (self.derive is None) == (self.parts is None) or (self.parts is None) != (self.combine is None):
            raise ValueError(f"origin {self.id!r} needs either `derive`, or `parts` and `combine`")


Word = Event | CensoringRule | CensoringDate | Origin


@dataclass(frozen=True, slots=True)
class Words:
    """Every word that the installed plugins offer, by kind and id. `owners` names the plugin of each (`event: death`)."""

    events: Mapping[str, Event] = field(default_factory=dict)
    censoring_rules: Mapping[str, CensoringRule] = field(default_factory=dict)
    censoring_dates: Mapping[str, CensoringDate] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Word]:
        """Every word, kind by kind."""
        for words in (self.events, self.censoring_rules, self.censoring_dates, self.origins):
            yield from words.values()

    def who(self, word: Word) -> str:
        """The word and its plugin, for messages."""
        named = f"{KINDS_OF_WORDS[type(word)]}: {word.id}"
        plugin = self.owners.get(named)
        return f"{KINDS_OF_WORDS[type(word)]} {word.id!r} (version {word.version})" + (
            f" of plugin {plugin!r}" if plugin else ""
        )


#: What a word is called in messages and lists.
KINDS_OF_WORDS: dict[type[Any], str] = {
    Event: "event",
    CensoringRule: "censoring rule",
    CensoringDate: "censoring date",
    Origin: "origin",
}
