"""Reproducible random numbers: each table of each chunk of subjects has its own stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

#: Days are counted from this one, as Polars and NumPy do.
EPOCH = date(1970, 1, 1)

#: Streams by name; the place in this list is part of the seed, so new names go to the end.
STREAMS = (
    "cohort",
    "imaging",
    "lesions",
    "treatments",
    "subjects",
    "clinical_events",
    "adverse_events",
    "labs",
    "defects",
    "responses",
    "immune",
)


@dataclass(frozen=True, slots=True)
class Streams:
    """The random generators of one chunk of subjects."""

    seed: int
    chunk: int

    def __call__(self, name: str) -> np.random.Generator:
        """A fresh generator for the stream called `name`; asked twice, it starts again."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(self.chunk, STREAMS.index(name)))
        return np.random.Generator(np.random.PCG64(sequence))


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def choose(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> Texts:
    """`count` words drawn with the given shares."""
    return choose_of(rng, list(shares), list(shares.values()), count)


def choose_of(rng: np.random.Generator, words: Sequence[str], shares: Sequence[float], count: int) -> Texts:
    """`count` of `words` drawn with `shares`, which add up to one."""
    edges = np.cumsum(shares)[:-1]
    return np.array(words, dtype=object)[np.searchsorted(edges, rng.random(count), side="right")]


def between(rng: np.random.Generator, span: Sequence[float], shape: Any) -> Floats:
    """Numbers drawn evenly from `span` = [least, most]."""
    drawn: Floats = rng.uniform(span[0], span[1], shape)
    return drawn


def days_between(rng: np.random.Generator, span: Sequence[int], shape: Any) -> Ints:
    """Whole days drawn evenly from `span`, both ends possible."""
    drawn: Ints = rng.integers(span[0], span[1] + 1, shape)
    return drawn


def lognormal(rng: np.random.Generator, size: Mapping[str, float], shape: Any) -> Floats:
    """Sizes drawn from a log-normal distribution and held between `least` and `most`."""
    drawn = size["median"] * np.exp(rng.normal(0.0, size["sigma"], shape))
    held: Floats = np.clip(drawn, size["least"], size["most"])
    return held


def only_where(condition: Any, words: Any) -> Texts:
    """`words` (one, or an array) where `condition` holds, None elsewhere."""
    return np.where(condition, words, np.array(None, dtype=object))
