"""Random collected histories, and the engine's answers to them in the words of the reference derivation."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import polars as pl
from rules_engine import Engine, Result
from rules_engine.loading import load_ruleset
from rules_engine.model import Ruleset

from tests.oracle.admiralonco import Configuration

RANDOMISED = date(2024, 1, 10)
_RECIST = ["CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE", "ND"]
_IRECIST = ["iCR", "iPR", "iSD", "NON-iCR/NON-iUPD", "iUPD", "iCPD", "NE", "ND", "PR"]
#: Mostly responses that make long runs, so that confirmation and its limits are met often.
_RECIST_WEIGHTS = [4, 6, 5, 1, 2, 3, 1]
_IRECIST_WEIGHTS = [4, 6, 4, 1, 4, 2, 3, 1, 1]


def random_history(rng: random.Random, *, irecist: bool) -> dict[str, Any]:
    """A subject with up to nine responses, now and then two on one day, before the reference date or without a day."""
    randomised = RANDOMISED + timedelta(days=rng.randint(0, 5))
    treated = randomised + timedelta(days=rng.choice([0, 0, 1, 3, 20]))
    codes, weights = (_IRECIST, _IRECIST_WEIGHTS) if irecist else (_RECIST, _RECIST_WEIGHTS)
    day = randomised + timedelta(days=rng.choice([-30, -7, -1, 0, 10, 28, 42, 42]))
    rows: list[tuple[str, int, str | None, str]] = []
    for visit in range(rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])):
        stated = day.isoformat()
        if rng.random() < 0.05:
            stated = stated[:7] if rng.random() < 0.8 else stated[:4]
        for _reading in range(2 if rng.random() < 0.12 else 1):
            code = rng.choices(codes, weights)[0]
            rows.append((stated, 0, f"VISIT {visit}", code))
        day += timedelta(days=rng.choice([1, 7, 13, 14, 20, 21, 27, 28, 28, 29, 42, 56]))
    numbers = list(range(1, len(rows) + 1))
    rng.shuffle(numbers)  # the number of a record need not follow its day
    rows = [(stated, number, visit, code) for (stated, _, visit, code), number in zip(rows, numbers, strict=True)]
    rng.shuffle(rows)

    def perhaps(share: float, low: int, high: int) -> date | None:
        return randomised + timedelta(days=rng.randint(low, high)) if rng.random() < share else None

    around = [date.fromisoformat(stated) for stated, *_ in rows if len(stated) == 10]
    therapy = perhaps(0.4, -10, 300)
    if therapy is not None and around and rng.random() < 0.5:
        therapy = rng.choice(around)  # on the day of an assessment
    death = perhaps(0.3, -5, 400)
    if death is not None and around and rng.random() < 0.3:
        death = rng.choice(around)
    return {
        "randomised": None if rng.random() < 0.05 else randomised,
        "treated": None if rng.random() < 0.05 else treated,
        "therapy": therapy,
        "death": death,
        "alive": perhaps(0.9, -5, 400),
        "rows": rows,
    }


def as_overrides(how: Configuration) -> dict[str, Any]:
    """The options of the ruleset that express a configuration."""
    return {
        "options": {
            "origin": "randomisation" if how.reference == "RANDDT" else "first_component",
            "origin_components": ["first_other"],
            "admiralonco": {
                "flow": how.flow,
                "sd_min_days": how.window,
                "confirm_days": how.confirm,
                "max_ne": how.ne_allowed,
                "accept_sd": int(how.sd_between),
                "no_assessment": how.no_data,
                "cut_at_progression": how.cut,
                "assessments_from_new_therapy": "dropped" if how.dropped else "kept",
                "new_therapy": how.therapy,
            },
        }
    }


def tables(histories: Sequence[dict[str, Any]], *, criterion: str) -> dict[str, pl.DataFrame]:
    """The histories as the input tables of a study; subjects are named by their place."""
    subjects, responses, treatments = [], [], []
    for place, history in enumerate(histories):
        name = _name(place)
        subjects.append((name, history["randomised"], _text(history["death"]), history["alive"]))
        responses += [(name, day, number, visit, code, criterion) for day, number, visit, code in history["rows"]]
        if history["treated"] is not None:
            treatments.append((name, "regimen", "other", None, history["treated"].isoformat()))
        if history["therapy"] is not None:
            treatments.append((name, "another", None, "systemic", history["therapy"].isoformat()))
    text, day, whole = pl.String(), pl.Date(), pl.Int64()
    return {
        "subjects": pl.DataFrame(
            subjects,
            {"subject": text, "randomisation_date": day, "death_date": text, "last_contact_date": day},
            orient="row",
        ),
        "response_assessments": pl.DataFrame(
            responses,
            {"subject": text, "date": text, "seq": whole, "visit": text, "response": text, "criterion": text},
            orient="row",
        ),
        "treatments": pl.DataFrame(
            treatments,
            {"subject": text, "treatment": text, "component": text, "kind": text, "start_date": text},
            orient="row",
        ),
    }


def _name(place: int) -> str:
    return f"S{place:06d}"


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


@cache
def _ruleset(how: Configuration) -> Ruleset:
    return load_ruleset("admiralonco_irecist" if how.irecist else "admiralonco", overrides=as_overrides(how))


def derive_all(
    histories: Sequence[dict[str, Any]], how: Configuration, only: str | None = None
) -> list[dict[str, tuple[Any, ...]]]:
    """The rows of ADRS and ADTTE of every history by PARAMCD, as the reference derivation gives them; of `only` one."""
    ruleset = _ruleset(how)
    if only is not None:
        ruleset = replace(ruleset, endpoints={only: ruleset.endpoints[only]})
    study = tables(histories, criterion="iRECIST" if how.irecist else "RECIST 1.1")
    found = answers(Engine(ruleset).run(study, data_cutoff="2030-01-01"))
    return [found.get(_name(place), {}) for place in range(len(histories))]


def answers(result: Result) -> dict[str, dict[str, tuple[Any, ...]]]:
    """The rows of ADRS and ADTTE of every subject by PARAMCD, with the columns of the reference derivation."""
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    endpoints = result.adrs.filter(pl.col("PARCAT1") == "RESPONSE ENDPOINT")
    response = endpoints.select("USUBJID", "PARAMCD", "AVALC", "AVAL", "ADT", "SRCSEQ", "VISIT")
    time = result.adtte.select(
        "USUBJID", "PARAMCD", "STARTDT", "ADT", "AVAL", "CNSR", "EVNTDESC", "CNSDTDSC", "SRCDOM", "SRCVAR"
    )
    for subject, paramcd, *answer in [*response.iter_rows(), *time.iter_rows()]:
        found.setdefault(subject, {})[paramcd] = tuple(answer)
    return found
