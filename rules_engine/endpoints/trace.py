"""What an endpoint is decided from, step by step, for explanations: the same steps as the derivation, with nothing left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from rules_engine.endpoints.best_response import derive_confirmed, derive_window
from rules_engine.endpoints.evidence_of_life import derive_evidence
from rules_engine.endpoints.observation import observe
from rules_engine.endpoints.origin import derive_components, derive_time_origin
from rules_engine.endpoints.progression import derive_scanned
from rules_engine.endpoints.sharing import numbered
from rules_engine.endpoints.time_to_event import consider
from rules_engine.endpoints.words import WordsInUse, words_in_use
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import Observation, SubjectRecords, Words


@dataclass(frozen=True, slots=True)
class Trace:
    """One endpoint and everything that its records are made of.

    `observation` is the one after the last step; `used` are its words. `origin` (subject, t0) also has origins after the
    cut-off; `components` are the days that a compound origin compares; `evidence` is every dated fact of life. Of a time
    to event, `reasons` are all rules that hold, with the censoring date of each. Of a response, `window` are the
    assessments with what each shows, `confirmed` the CR and PR that count.
    """

    observation: Observation
    used: WordsInUse
    origin: pl.LazyFrame
    components: dict[str, pl.LazyFrame]
    evidence: pl.LazyFrame
    reasons: pl.LazyFrame | None = None
    window: pl.LazyFrame | None = None
    confirmed: pl.LazyFrame | None = None


def trace_time_to_event(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words) -> Trace:
    """The trace of a time to an event; subjects are numbered."""
    considered = consider(records, endpoint, cutoff, words)
    return replace(_trace(considered.observation, considered.used), reasons=considered.reasons)


def trace_response(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words) -> Trace:
    """The trace of a response endpoint; subjects are numbered."""
    used = words_in_use(words, endpoint.options)
    observation = observe(numbered(records), endpoint, cutoff, used)
    whole = endpoint.options["response"]["landmark"] is not None
    window = derive_window(derive_scanned(observation), observation.progression, endpoint.options, whole=whole)
    confirmed = derive_confirmed(window, endpoint.options)
    return replace(_trace(observation, used), window=window, confirmed=confirmed)


def _trace(observation: Observation, used: WordsInUse) -> Trace:
    """What every trace has."""
    records, options = observation.records, observation.options
    return Trace(
        observation,
        used,
        derive_time_origin(records, options, used.words),
        derive_components(records, options, used.words),
        derive_evidence(records),
    )
