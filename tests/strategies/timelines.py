"""Random subjects and options for the endpoints, valid by construction, from a seed.

Dates crowd around each other and around the limits of the rules, so that ties and boundaries are common. Nothing is dated after a
death, and every start of treatment is on or after the first origin. An assessment has at most two parts, because the engine knows the
first and the last day of an assessment only.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

START = date(2023, 1, 2)
CUT_OFF = date(2023, 12, 31)
THERAPY_KINDS = ["systemic", "radiotherapy", "ablation", "resection", "transplant"]
EVENT_KINDS = [
    "clinical_progression", "second_primary", "vascular_invasion", "child_pugh_c", "surgery_precluded", "untreatable_intrahepatic",
]  # fmt: skip


_PLAIN = {"iCR": "CR", "iPR": "PR", "iSD": "SD", "NON_iCR_NON_iUPD": "NON_CR_NON_PD", "iUPD": "PD", "iCPD": "PD"}


def iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def random_subject(
    rng: random.Random, name: str, *, codes: str = "recist", partial: bool = False, cut_off: date = CUT_OFF
) -> dict[str, Any]:
    """One subject in the form of the worked endpoint cases.

    `codes` is recist, irecist, adjuvant, or both: the plain form as the response, beside the response by iRECIST.
    """
    #: Days on which much happens: the rules for one day, and those for the last day that counts, decide there.
    crowded = [cut_off, cut_off, cut_off + timedelta(1), START + timedelta(rng.randrange(30, 420))]
    death = START + timedelta(rng.randrange(20, 460)) if rng.random() < 0.45 else None
    if death and rng.random() < 0.1:
        death = max(rng.choice(crowded), START + timedelta(20))
    last = death or START + timedelta(rng.randrange(0, 460))

    def day(low: int = 0, step: int = 1) -> date | None:
        found = START + timedelta(low + step * rng.randrange(0, 420 // step))
        if rng.random() < 0.1:
            found = max(rng.choice(crowded), START + timedelta(low))
        return found if found <= last else None

    tace1 = START + timedelta(rng.choice([0, 0, 1, 7]))
    origins: dict[str, Any] = {
        "randomisation": iso(START),
        "first_tace": iso(tace1) if rng.random() < 0.9 else None,
        "first_ici": iso(START + timedelta(rng.choice([0, 2, 30]))) if rng.random() < 0.8 else None,
        "resection": iso(START),
    }
    origins = {key: value for key, value in origins.items() if value is not None and value <= last.isoformat()}
    tace = [origins["first_tace"]] if "first_tace" in origins else []
    tace += [iso(d) for _ in range(rng.choice([0, 0, 1, 2])) if (d := day(30)) and tace]
    assessments = []
    for k in range(rng.randrange(0, 9)):
        on = day(rng.choice([0, 1, 20, 40]), step=rng.choice([1, 7, 14, 28, 56]))
        if on is None:
            continue
        assessments.append(_assessment(rng, f"A{k + 1}", on, last, codes, partial=partial))
    therapies = [
        {
            "id": f"T{k + 1}",
            "start": iso(d) if not (partial and rng.random() < 0.4) else iso(d)[:7],
            "kind": rng.choice(THERAPY_KINDS),
        }  # type: ignore[index]
        for k in range(rng.choice([0, 0, 1, 1, 2]))
        if (d := day(10, step=rng.choice([1, 7, 28])))
    ]
    if therapies and rng.random() < 0.35 and not partial:
        therapies[0]["start"] = rng.choice([*[a["date"] for a in assessments if a.get("date")], *origins.values()])
    treatment = [
        {
            "component": name_,
            "start": iso(START),
            "last": iso(d) if rng.random() < 0.95 else None,
            "ended": rng.choice([True, True, True, True, False, None]),
        }
        for name_ in ("ici", "lenvatinib")
        if rng.random() < 0.7 and (d := day(0))
    ]
    # An event of the day of an origin, a scan or the death is where the rules for one day decide.
    marked = [*origins.values(), *[a["date"] for a in assessments if len(a.get("date", "")) == 10], iso(last)]
    events = [
        {
            "id": f"X{k + 1}",
            "date": rng.choice(marked) if rng.random() < 0.3 else iso(d),
            "kind": rng.choice(EVENT_KINDS),
        }
        for k in range(rng.choice([0, 0, 0, 1, 2]))
        if (d := day(1))
    ]
    subject: dict[str, Any] = {
        "subject": name,
        "origins": origins,
        "baseline": {"date": iso(START - timedelta(7)), "adequate": rng.random() < 0.85},
        "assessments": assessments,
        "therapies": therapies,
        "tace": tace,
        "treatment": treatment,
        "other_events": events,
    }
    if death is not None:
        text = death.isoformat()
        if partial and rng.random() < 0.6:
            text = text[: rng.choice([7, 7, 4])]
        subject["death"] = {"date": text}
    for key, chance in (
        ("last_contact", 0.6),
        ("withdrawal", 0.15),
        ("lost_to_followup", 0.15),
        ("end_of_study", 0.15),
    ):
        if rng.random() < chance and (d := day(0)):
            subject[key] = iso(d)
    complete = [a["date"] for a in assessments if len(a.get("date", "")) == 10]
    if complete and "withdrawal" in subject and rng.random() < 0.3:
        subject["withdrawal"] = rng.choice(complete)
    return subject


def _assessment(rng: random.Random, name: str, on: date, last: date, codes: str, *, partial: bool) -> dict[str, Any]:
    if codes in ("irecist", "both"):
        response = rng.choice(
            ["iCR", "iPR", "iPR", "iSD", "iSD", "NON_iCR_NON_iUPD", "iUPD", "iUPD", "iUPD", "iCPD", "NE"]
        )
    elif codes == "adjuvant":
        response = rng.choice(["NED", "NED", "NED", "NE", "RECUR"])
    else:
        response = rng.choice(["CR", "PR", "PR", "SD", "SD", "SD", "NON_CR_NON_PD", "PD", "PD", "NE", "ND"])
    row: dict[str, Any] = {"id": name, "date": iso(on), "response": response}
    if codes == "both":
        row |= {"response": _PLAIN.get(response, response), "iresponse": response}
    if codes == "recist":
        if response == "PD":
            row["suspected_pseudo"] = rng.random() < 0.6
        if rng.random() < 0.3:
            row["iresponse"] = rng.choice(["iSD", "iPR", "iUPD", "iCPD", "iCR"])
    if partial and rng.random() < 0.3:
        row["date"] = iso(on)[: rng.choice([7, 7, 7, 4])]  # type: ignore[index]
    elif rng.random() < 0.2:
        days = sorted(on + timedelta(rng.choice([0, 1, 3, 5])) for _ in range(rng.choice([1, 2, 2])))
        row["parts"] = [
            {"date": iso(d), "pd": response in ("PD", "iUPD", "iCPD") and rng.random() < 0.6} for d in days if d <= last
        ]
        if not row["parts"]:
            del row["parts"]
        elif rng.random() < 0.5:
            del row["date"]
    if rng.random() < 0.2:
        row["visit_date"] = iso(min(on + timedelta(rng.choice([-2, 0, 3])), last))
    return row


def random_options(rng: random.Random, endpoint: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options to lay over the common preset, and a schedule."""
    method = rng.choice(["disabled", "disabled", "windows", "interval_sum", "fixed_days"])
    scope = rng.choice(["before_event", "before_event", "any_gap"])
    gap_days = rng.choice([60, 90, 126])
    options: dict[str, Any] = {
        "origin": rng.choice(["randomisation", "first_component", "last_component", "first_tace"]),
        "origin_components": rng.choice([["first_tace", "first_ici"], ["first_tace"]]),
        "delayed_entry": rng.choice(["none", "none", "none", "last_component"]),
        "post_baseline": rng.choice(["after_origin", "on_or_after_origin"]),
        "day_convention": rng.choice(["plus_one", "difference"]),
        "pd_rule": rng.choice(["first_pd", "first_pd", "first_pd_pseudo_confirm", "first_pd_pseudo_confirm"]),
        "pd_date": rng.choice(
            ["earliest_part", "earliest_part", "assessment", "latest_part", "visit", "next_scheduled", "midpoint"]
        ),
        "nonpd_date": rng.choice(["latest_part", "assessment", "earliest_part", "visit"]),
        "clinical_progression": rng.choice(["ignore", "event"]),
        "no_baseline": rng.choice(["use_assessments", "censor_day1"]),
        "missed_visits": {
            "method": method,
            "n": rng.choice([1, 2, 3]),
            "gap_days": gap_days if method == "fixed_days" else None,
            "reference": rng.choice(["last_evaluable", "last_any"]),
            "scope": scope,
            "applies_to": ["progression", "death"]
            if scope == "any_gap"
            else rng.choice([["progression", "death"], ["progression"], ["death"]]),
        },
        "new_therapy": rng.choice(["ignore", "censor", "censor_at_start", "event"]),
        "new_therapy_boundary": rng.choice(["inclusive", "exclusive"]),
        "curative_conversion": rng.choice(["as_new_therapy", "ignore", "censor", "censor_at_start", "event"]),
        "repeat_tace": rng.choice(["part_of_regimen", "part_of_regimen", "as_new_therapy"]),
        "death_handling": rng.choice(["censor_last_adequate", "censor_at_death", "competing"]),
        "withdrawal": rng.choice(["reason_only", "truncate"]),
        "os_censor": rng.choice(["last_known_alive", "last_contact"]),
        "post_cutoff_alive": rng.choice(["cap_at_cutoff", "ignore"]),
        "irecist": {
            "unconfirmed": rng.choice(["event", "censor"]),
            "pending_grace_days": rng.choice([None, None, 60]),
            "confirm_min_days": rng.choice([0, 28]),
            "confirmed_date": rng.choice(["first_iupd", "icpd"]),
        },
        "imputation": {
            "death_day": rng.choice(["first", "mid", "last"]),
            "assessment_day": rng.choice(["first", "mid", "last"]),
            "therapy_day": rng.choice(["first", "mid", "last"]),
            "therapy_not_before_pd": rng.choice([True, False]),
        },
        "response": {
            "confirmation": rng.choice(["none", "required"]),
            "confirm_days": 28,
            "max_ne": rng.choice([0, 1]),
            "accept_sd": rng.choice([0, 1]),
            "sd_min_days": rng.choice([42, 56]),
            "cbr_days": 168,
            "landmark": None,
        },
        "ttup_death": rng.choice(["censor", "event"]),
        "ttd_scope": rng.choice(["all", "any"]),
        "ttd_components": rng.choice([[], [], ["ici"]]),
        "pfs2_censor": rng.choice(["last_known_alive", "last_evaluable"]),
    }
    if endpoint in {"ORR", "DCR", "CRR", "BOR"} and rng.random() < 0.6:
        options["response"]["landmark"] = {
            "anchor": rng.choice(["first_tace", "most_recent_tace", "origin"]),
            "from_days": 42,
            "to_days": 56,
            "tolerance": rng.choice([0, 14]),
            "pick": rng.choice(["first", "last", "best", "worst", "closest"]),
            "missing": rng.choice(["non_responder", "exclude_not_assessed"]),
        }
    schedule = {
        "segments": rng.choice([[{"every": 56}], [{"every": 42, "until": 168}, {"every": 63}]]),
        "early": rng.choice([0, 7]),
        "late": rng.choice([0, 7]),
    }
    return options, schedule
