"""What each scan shows: the table `lesion_assessments`, one row per subject, visit, lesion and fragment.

Diameters follow one curve per subject and lesion. Viable tumour shrinks towards the subject's depth of response, while
the whole lesion hardly does (necrosis); from the day of true progression on, targets grow, non-targets progress or new
lesions appear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rules_engine.simulator._cohort import NEVER, Cohort
from rules_engine.simulator._draw import (
    Bools,
    Floats,
    Ints,
    Streams,
    Texts,
    between,
    choose,
    days_between,
    lognormal,
    only_where,
)
from rules_engine.simulator._imaging import NO_VISIT, Visits

#: Places for lesions per subject: targets first, then non-targets, then new ones.
LIVER_TARGETS = (0, 1)
NODE_TARGETS = (2, 3)
ORGAN_TARGET = 4
TARGETS = (*LIVER_TARGETS, *NODE_TARGETS, ORGAN_TARGET)
LIVER_NON_TARGETS = (5, 6, 7, 8, 9)
PVT, INFILTRATIVE, OTHER_NON_TARGET = 10, 11, 12
NON_TARGETS = (*LIVER_NON_TARGETS, PVT, INFILTRATIVE, OTHER_NON_TARGET)
NEW = (13, 14, 15)  # the last is for transient, benign and never-proven findings
PLACES = 16
#: No diameter is larger than this, whatever grows or coalesces.
LARGEST_MM = 300.0
NAMES = (
    *(f"T{number}" for number in range(1, 6)),
    *(f"NT{number}" for number in range(1, 9)),
    *(f"N{number}" for number in range(1, 4)),
)


@dataclass(slots=True)
class Lesions:
    """Arrays of subjects × places: what each lesion is. `first` is the visit that first shows it (0 = baseline)."""

    exists: Bools
    organ: Texts
    kind: Texts
    site: Texts
    pattern: Texts
    cytology: Texts
    measured_new: Bools
    first: Ints
    gone: Ints  # visit from which a new lesion is no longer there
    whole_0: Floats
    viable_0: Floats
    per_day: Floats  # growth of a new lesion


def draw_lesions(
    streams: Streams, plan: dict[str, Any], cohort: Cohort, visits: Visits, conversion: Ints
) -> pl.DataFrame:
    """All lesion rows of the cohort, in the order subject, visit, lesion, fragment.

    `conversion` is the day of resection or transplant; the lesions in the liver cannot be evaluated after it.
    """
    rng = streams("lesions")
    lesions = _draw_baseline(rng, plan, cohort)
    mechanism = _draw_mechanism(rng, plan, lesions, visits, conversion < NEVER)
    _draw_new(rng, plan, cohort, visits, lesions, mechanism["new"])
    whole, viable = _target_curves(rng, plan, cohort, visits, lesions, mechanism["targets"])
    return _rows(rng, plan, cohort, visits, lesions, mechanism, whole, viable, conversion)


def _draw_baseline(rng: np.random.Generator, plan: dict[str, Any], cohort: Cohort) -> Lesions:
    """Targets and non-targets at baseline: at most five targets, two per organ, none below its least size."""
    size = plan["lesions"]
    count = len(cohort)
    shape = (count, PLACES)
    exists = np.zeros(shape, dtype=np.bool_)
    organ = np.full(shape, "liver", dtype=object)
    kind = np.full(shape, None, dtype=object)
    site = np.full(shape, None, dtype=object)

    infiltrative = rng.random(count) < size["infiltrative"]
    no_target = rng.random(count) < size["no_target"]
    spread = cohort.extrahepatic & ~no_target
    exists[:, 0] = ~no_target
    exists[:, 1] = ~no_target & (rng.random(count) < size["second_liver_target"])
    exists[:, 2] = spread & (rng.random(count) < 0.5)
    exists[:, 3] = exists[:, 2] & (rng.random(count) < 0.4)
    exists[:, ORGAN_TARGET] = spread & (~exists[:, 2] | (rng.random(count) < 0.3))
    how_many = np.searchsorted(np.cumsum(size["liver_non_targets"])[:-1], rng.random(count), side="right")
    for number, place in enumerate(LIVER_NON_TARGETS, start=1):
        exists[:, place] = how_many >= number
    exists[:, PVT] = cohort.vascular_invasion
    exists[:, INFILTRATIVE] = infiltrative | no_target
    other = rng.random(count)
    ascites = other < size["ascites"]
    bone = ~ascites & cohort.extrahepatic & (other < size["ascites"] + size["bone"] * 3)
    node = ~ascites & ~bone & (other > 1 - size["small_node"])
    exists[:, OTHER_NON_TARGET] = ascites | bone | node

    organ[:, list(NODE_TARGETS)] = "lymph_node"
    organ[:, ORGAN_TARGET] = choose(rng, size["extrahepatic_organs"], count)
    organ[:, OTHER_NON_TARGET] = np.select([ascites, bone], ["peritoneum", "bone"], "lymph_node")
    kind[:, PVT] = "pvt"
    kind[:, INFILTRATIVE] = "infiltrative"
    kind[:, OTHER_NON_TARGET] = only_where(ascites | bone, np.where(ascites, "effusion", "bone"))
    hilar = rng.random((count, 2)) < size["porta_hepatis"]["share"]
    site[:, list(NODE_TARGETS)] = np.where(hilar, "porta_hepatis", "abdominal")

    whole = lognormal(rng, size["liver_mm"], shape)
    nodes = lognormal(rng, size["node_mm"], (count, 2))
    whole[:, list(NODE_TARGETS)] = np.where(hilar, np.maximum(nodes, size["porta_hepatis"]["least"]), nodes)
    whole[:, ORGAN_TARGET] = lognormal(rng, size["extrahepatic_mm"], count)
    whole = np.round(whole, 1)
    viable = np.round(np.maximum(whole * between(rng, size["viable_part"], shape), size["liver_mm"]["least"]), 1)
    viable = np.minimum(viable, whole)

    cytology = np.full(shape, None, dtype=object)
    cytology[:, OTHER_NON_TARGET] = only_where(ascites, choose(rng, {"negative": 0.6, "not_done": 0.4}, count))
    return Lesions(
        exists=exists,
        organ=organ,
        kind=kind,
        site=site,
        pattern=np.full(shape, None, dtype=object),
        cytology=cytology,
        measured_new=np.zeros(shape, dtype=np.bool_),
        first=np.zeros(shape, dtype=np.int64),
        gone=np.full(shape, NO_VISIT, dtype=np.int64),
        whole_0=whole,
        viable_0=viable,
        per_day=np.zeros(shape),
    )


def _draw_mechanism(
    rng: np.random.Generator, plan: dict[str, Any], lesions: Lesions, visits: Visits, converted: Bools
) -> dict[str, Bools]:
    """How each subject progresses: growth of targets, of non-targets, new lesions; at least one of them."""
    shares = plan["lesions"]["progression"]
    count = len(visits.day)
    progresses = visits.progression != NO_VISIT
    drawn = {name: progresses & (rng.random(count) < share) for name, share in shares.items()}
    drawn["targets"] &= ~converted & lesions.exists[:, list(TARGETS)].any(axis=1)
    effusion_only = (lesions.kind[:, OTHER_NON_TARGET] == "effusion") & ~lesions.exists[:, list(NON_TARGETS[:-1])].any(
        axis=1
    )
    drawn["non_targets"] &= ~converted & lesions.exists[:, list(NON_TARGETS)].any(axis=1) & ~effusion_only
    drawn["new"] |= progresses & ~drawn["targets"] & ~drawn["non_targets"]
    return drawn


def _draw_new(
    rng: np.random.Generator, plan: dict[str, Any], cohort: Cohort, visits: Visits, lesions: Lesions, appears: Bools
) -> None:
    """New lesions: at progression, sometimes one more, transient ones with pseudoprogression, harmless findings."""
    size = plan["lesions"]
    count = len(cohort)
    first, second, third = NEW
    lesions.exists[:, first] = appears
    lesions.first[:, first] = np.where(appears, visits.progression, NO_VISIT)
    again = appears & (rng.random(count) < size["further_new"])
    lesions.exists[:, second] = again
    lesions.first[:, second] = np.where(again, visits.progression + days_between(rng, [0, 2], count), NO_VISIT)
    for place in (first, second):
        _describe_new(rng, size, lesions, place, choose(rng, size["new_kinds"], count))

    transient = (visits.pseudo != NO_VISIT) & visits.pseudo_by_new_lesion
    harmless = rng.random(count)
    nodule = ~transient & (harmless < size["harmless_nodule"])
    effusion = ~transient & ~nodule & (harmless < size["harmless_nodule"] + size["harmless_effusion"])
    lesions.exists[:, third] = transient | nodule | effusion
    lesions.first[:, third] = np.where(
        transient, visits.pseudo, np.where(nodule | effusion, days_between(rng, [1, 4], count), NO_VISIT)
    )
    _describe_new(
        rng, size, lesions, third, np.select([transient, nodule], ["typical", "atypical"], "effusion").astype(object)
    )
    lesions.per_day[:, third] = 0.0
    lesions.gone[:, third] = np.where(transient, visits.pseudo + 1, NO_VISIT)
    lesions.cytology[:, third] = only_where(effusion, choose(rng, {"negative": 0.5, "not_done": 0.5}, count))


def _describe_new(rng: np.random.Generator, size: dict[str, Any], lesions: Lesions, place: int, word: Texts) -> None:
    """Turn the drawn word (`typical`, `lung`, `pvt` …) into organ, kind, pattern and size of the new lesions."""
    count = len(word)
    in_liver = np.isin(word, ["typical", "atypical", "pvt"])
    lesions.organ[:, place] = np.where(in_liver, "liver", np.where(word == "effusion", "peritoneum", word))
    lesions.kind[:, place] = only_where(np.isin(word, ["pvt", "effusion", "bone"]), word)
    lesions.pattern[:, place] = only_where(np.isin(word, ["typical", "atypical"]), word)
    lesions.cytology[:, place] = only_where(word == "effusion", "positive")
    atypical = word == "atypical"
    whole = np.where(atypical, between(rng, size["atypical_mm"], count), between(rng, size["new_mm"], count))
    whole = np.where(word == "lymph_node", whole + 6.0, whole)
    lesions.whole_0[:, place] = np.round(whole, 1)
    lesions.per_day[:, place] = np.where(
        atypical, between(rng, size["atypical_mm_per_day"], count), between(rng, size["new_mm_per_day"], count)
    )
    lesions.measured_new[:, place] = np.isin(word, ["typical", "lung", "lymph_node", "adrenal"])


def _target_curves(
    rng: np.random.Generator, plan: dict[str, Any], cohort: Cohort, visits: Visits, lesions: Lesions, grows: Bools
) -> tuple[Floats, Floats]:
    """Whole and viable diameters of the targets: two arrays of subjects × targets × visits, to 0.1 mm."""
    size = plan["lesions"]
    count, targets = len(cohort), len(TARGETS)
    since = np.maximum(visits.day - cohort.start[:, None], 0).astype(np.float64)[:, None, :]
    late = np.maximum(visits.day - cohort.progression[:, None], 0).astype(np.float64)[:, None, :]
    complete = (cohort.depth >= 1.0)[:, None, None]
    depth = np.clip(cohort.depth[:, None] * between(rng, [0.9, 1.1], (count, targets)), -0.1, 0.95)[:, :, None]
    depth = np.where(complete, 1.0, depth)
    shrinking = 1 - np.exp(-since / size["shrink_days"])
    viable = 1 - depth * shrinking
    viable = np.where(complete & (viable < 0.25), 0.0, viable)
    whole = 1 - np.maximum(depth, 0.0) * between(rng, size["whole_shrinks"], (count, targets))[:, :, None] * shrinking

    at_once = 1 + between(rng, size["growth_at_once"], count)[:, None, None]
    growth = at_once + between(rng, size["growth_per_day"], count)[:, None, None] * late
    numbers = np.arange(visits.day.shape[1])
    progressed = (grows[:, None] & (numbers >= visits.progression[:, None]))[:, None, :]
    viable = np.where(progressed, np.minimum(np.maximum(viable, 0.15) * growth, 2.2), viable)
    whole = np.where(progressed, np.minimum(whole * (1 + (growth - 1) * 0.75), 2.2), whole)

    rise = between(rng, plan["pseudoprogression"]["rise"], count)[:, None, None]
    rising = ((numbers == visits.pseudo[:, None]) & ~visits.pseudo_by_new_lesion[:, None])[:, None, :]
    viable = np.where(rising, rise, viable)
    whole = np.where(rising, rise, whole)

    shape = (count, targets, visits.day.shape[1])
    noise = np.exp(rng.normal(0.0, plan["imaging"]["noise"], shape))
    noise[:, :, 0] = 1.0
    # Nodes and lesions outside the liver are read by their whole (nodes: short-axis) diameter, which responds.
    outside = np.isin(np.arange(targets), [*NODE_TARGETS, ORGAN_TARGET])[None, :, None]
    whole = np.where(outside, viable, whole)
    whole_mm = np.round(lesions.whole_0[:, : len(TARGETS), None] * whole * noise, 1)
    viable_mm = np.minimum(lesions.viable_0[:, : len(TARGETS), None] * viable * noise, whole_mm)
    viable_mm = np.round(viable_mm, 1).astype(np.float64)
    # A node that responds completely becomes a normal node; it is not measured as gone.
    is_node = np.isin(np.arange(targets), NODE_TARGETS)[None, :, None]
    whole_mm = np.where(
        is_node & (whole_mm < 4.0), np.round(between(rng, [4.0, 8.0], (count, targets))[:, :, None], 1), whole_mm
    )
    return whole_mm, viable_mm


def _rows(
    rng: np.random.Generator,
    plan: dict[str, Any],
    cohort: Cohort,
    visits: Visits,
    lesions: Lesions,
    mechanism: dict[str, Bools],
    whole: Floats,
    viable: Floats,
    conversion: Ints,
) -> pl.DataFrame:
    """Write out one row per subject, visit and lesion, then the rare splits, mergers and gaps."""
    imaging = plan["imaging"]
    numbers = np.arange(visits.day.shape[1])
    into, split = _coalesce_and_split(rng, imaging, visits, lesions, whole, viable)

    present = (
        lesions.exists[:, None, :] & visits.done[:, :, None] & (numbers[None, :, None] >= lesions.first[:, None, :])
    )
    subject, visit, place = np.nonzero(present)  # in the order subject, visit, lesion
    size = len(subject)
    baseline = visit == 0
    kept = baseline | (rng.random(size) >= imaging["row_missing"])
    is_target = place < len(TARGETS)
    is_new = place >= NEW[0]
    target_place = np.minimum(place, len(TARGETS) - 1)
    in_liver = np.isin(place, LIVER_TARGETS)

    day = visits.day[subject, visit]
    first_visit = np.minimum(lesions.first, numbers[-1])
    shown_since = day - visits.day[subject, first_visit[subject, place]]
    new_mm = np.round(
        np.minimum(lesions.whole_0[subject, place] + lesions.per_day[subject, place] * shown_since, 90.0), 1
    )
    gone = visit >= lesions.gone[subject, place]
    measured_new = is_new & lesions.measured_new[subject, place]
    nodule = is_new & (lesions.pattern[subject, place] != None)  # noqa: E711  (element by element)

    mm = np.where(is_target, whole[subject, target_place, visit], np.nan)
    viable_mm = np.where(is_target & in_liver, viable[subject, target_place, visit], np.nan)
    mm = np.where((measured_new | nodule) & ~gone, new_mm, mm)
    viable_mm = np.where(nodule & measured_new & ~gone, np.round(new_mm * 0.9, 1), viable_mm)

    state = np.full(size, None, dtype=object)
    state[is_target | measured_new] = "measured"
    vanished = is_target & (mm == 0.0) | (measured_new & gone)
    state[vanished] = "absent"
    tiny = is_target & (place == ORGAN_TARGET) & (mm > 0.0) & (mm < 5.0)
    state[tiny] = "tstm"
    merged = is_target & (into[subject, target_place] <= visit)
    state[merged] = "merged"
    not_evaluable = is_target & ~baseline & ~merged & (rng.random(size) < imaging["not_evaluable"])
    operated = (day > conversion[subject]) & (lesions.organ[subject, place] == "liver") & ~is_new
    not_evaluable |= operated & is_target & ~merged
    state[not_evaluable] = "ne"
    no_number = vanished | tiny | merged | not_evaluable
    mm[no_number] = np.nan
    not_read = in_liver & ~baseline & (rng.random(size) < imaging["viable_not_read"])
    viable_mm[no_number | not_read] = np.nan

    status, vs_last = _statuses(rng, cohort, visits, lesions, mechanism, subject, visit, place)
    status[operated] = "ne"
    vs_last[operated] = "same"
    certainty = np.full(size, None, dtype=object)
    certainty[is_new] = "unequivocal"
    unproven = (
        is_new & (lesions.pattern[subject, place] == "atypical") & (new_mm - lesions.whole_0[subject, place] < 10.0)
    )
    unproven |= is_new & (lesions.kind[subject, place] == "effusion") & (lesions.cytology[subject, place] != "positive")
    certainty[unproven] = "equivocal"

    rows = pl.DataFrame(
        {
            "subject": _take(cohort.subject, subject),
            "visit_date": pl.Series(day.astype(np.int32)).cast(pl.Date),
            "is_baseline": baseline,
            "lesion_id": _take(np.array(NAMES, dtype=object), place),
            "role": _take(np.array(["target", "non-target", "new"], dtype=object), 2 * is_new + (~is_target & ~is_new)),
            "organ": _texts(lesions.organ[subject, place]),
            "node": lesions.organ[subject, place] == "lymph_node",
            "kind": _texts(lesions.kind[subject, place]),
            "site": _texts(lesions.site[subject, place]),
            "nl": _texts(np.where(measured_new, "target", only_where(is_new, "non-target"))),
            "mm": mm,
            "viable_mm": viable_mm,
            "state": _texts(state),
            "into": _texts(only_where(merged, NAMES[0])),
            "fragment_id": pl.Series([None] * size, dtype=pl.String),
            "status": _texts(only_where(~is_target & ~measured_new, status)),
            "vs_last": _texts(only_where(~is_target & ~measured_new, vs_last)),
            "certainty": _texts(certainty),
            "pattern": _texts(lesions.pattern[subject, place]),
            "cytology": _texts(only_where(~baseline & is_new, lesions.cytology[subject, place])),
            "reason": _texts(visits.reason[subject, visit]),
            "suspected_pseudoprogression": visits.flagged[subject, visit],
            "assessor": pl.repeat("investigator", size, eager=True),
            "_kept": kept,
            "_fragments": (split[subject, target_place] <= visit) & is_target & (state == "measured"),
            "_order": np.arange(size),
        }
    ).with_columns(pl.col("mm", "viable_mm").fill_nan(None))
    return _fragments(rows.filter("_kept").drop("_kept"))


def _coalesce_and_split(
    rng: np.random.Generator, imaging: dict[str, Any], visits: Visits, lesions: Lesions, whole: Floats, viable: Floats
) -> tuple[Ints, Ints]:
    """Visits from which the second liver target is merged into the first, or the first is split; adapts the sizes."""
    count = len(visits.day)
    shape = (count, len(TARGETS))
    into = np.full(shape, NO_VISIT, dtype=np.int64)
    split = np.full(shape, NO_VISIT, dtype=np.int64)
    draw = rng.random(count)
    both = lesions.exists[:, 0] & lesions.exists[:, 1]
    merges = both & (draw < imaging["merged"])
    splits = lesions.exists[:, 0] & ~merges & (draw > 1 - imaging["split"])
    from_visit = days_between(rng, [1, 5], count)
    into[merges, 1] = from_visit[merges]
    split[splits, 0] = from_visit[splits]
    numbers = np.arange(visits.day.shape[1])
    joined = merges[:, None] & (numbers >= from_visit[:, None])
    for sizes in (whole, viable):
        sizes[:, 0, :] += np.where(joined, sizes[:, 1, :], 0.0)
        np.round(np.minimum(sizes, LARGEST_MM), 1, out=sizes)
    return into, split


def _statuses(
    rng: np.random.Generator,
    cohort: Cohort,
    visits: Visits,
    lesions: Lesions,
    mechanism: dict[str, Bools],
    subject: Ints,
    visit: Ints,
    place: Ints,
) -> tuple[Texts, Texts]:
    """Status and change since the last assessment of non-targets and unmeasured new lesions, per row."""
    size = len(subject)
    status = np.full(size, "present", dtype=object)
    vs_last = np.full(size, "same", dtype=object)
    is_new = place >= NEW[0]
    effusion = lesions.kind[subject, place] == "effusion"
    clears = (cohort.depth >= 1.0) & (rng.random(len(cohort)) < 0.75)
    status[clears[subject] & ~is_new & (visit >= 2) & ~effusion] = "absent"
    shrinks = (cohort.depth[subject] > 0.3) & ~is_new & (visit >= 1) & (visit <= 2)
    vs_last[shrinks] = "decreased"

    # Progression of non-targets shows in the first of them that is no effusion; the others stay.
    candidates = lesions.exists[:, list(NON_TARGETS)] & (lesions.kind[:, list(NON_TARGETS)] != "effusion")
    worst = np.array(NON_TARGETS)[candidates.argmax(axis=1)]
    progressed = mechanism["non_targets"][subject] & (place == worst[subject]) & (visit >= visits.progression[subject])
    status[progressed] = "unequivocal"
    vs_last[progressed] = "increased"
    unmeasured_new = is_new & (visit > lesions.first[subject, place]) & (lesions.per_day[subject, place] > 0)
    vs_last[unmeasured_new & (rng.random(size) < 0.6)] = "increased"
    status[is_new & (visit >= lesions.gone[subject, place])] = "absent"
    unseen = ~is_new & (visit > 0) & (rng.random(size) < 0.006)
    status[unseen] = "ne"
    vs_last[(status == "ne") | (visit == 0)] = "same"
    return status, vs_last


def _fragments(rows: pl.DataFrame) -> pl.DataFrame:
    """Give a split lesion two rows whose diameters add up to that of the lesion."""
    broken = pl.col("_fragments")
    larger = {name: (pl.col(name) * 0.6).round(1) for name in ("mm", "viable_mm")}
    first = rows.with_columns(
        fragment_id=pl.when(broken).then(pl.lit("a")),
        **{name: pl.when(broken).then(part).otherwise(name) for name, part in larger.items()},
    )
    second = rows.filter("_fragments").with_columns(
        fragment_id=pl.lit("b"), **{name: (pl.col(name) - part).round(1) for name, part in larger.items()}
    )
    return pl.concat([first, second]).sort("_order", "fragment_id", nulls_last=False).drop("_fragments", "_order")


def _take(words: Texts, index: Ints) -> pl.Series:
    """The words at `index`, without building a Python text per row."""
    return pl.Series(words.tolist(), dtype=pl.String).gather(pl.Series(index.astype(np.uint32)))


def _texts(words: Texts) -> pl.Series:
    """An array of texts and None as a column."""
    return pl.Series(words.tolist(), dtype=pl.String)
