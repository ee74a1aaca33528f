"""A slow, obvious derivation of every endpoint, one subject at a time, written from the endpoint specification alone.

It shares no code with the engine. A subject is the mapping of the worked cases (docs/cases.md); the answer is a mapping with the
keys that a case may assert. Steps are numbered as in the specification of the derivation.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

EVALUABLE_NOT = {"NE", "ND"}
PROGRESSION = {"PD", "iUPD", "iCPD", "RECUR"}
PLAIN = {"iCR": "CR", "iPR": "PR", "iSD": "SD", "NON_iCR_NON_iUPD": "NON_CR_NON_PD"}
DAY_RANK = {
    "NE": 0,
    "ND": 0,
    "CR": 1,
    "NED": 1,
    "PR": 2,
    "SD": 3,
    "NON_CR_NON_PD": 4,
    "iUPD": 5,
    "PD": 6,
    "iCPD": 6,
    "RECUR": 6,
}
CURATIVE = {"transplant", "resection"}
EVENT_RANK = {
    "PD": 0, "RECURRENCE": 0, "OTHER": 1, "CLINICAL_PROGRESSION": 1, "NEW_THERAPY": 2, "CURATIVE_CONVERSION": 2,
    "REPEAT_TACE": 2, "DISCONTINUATION": 3, "DEATH": 4, "RESPONSE": 0,
}  # fmt: skip
CNSR = {
    "CUTOFF": 1, "NO_BASELINE": 2, "NO_POST_BASELINE": 3, "MISSED_VISITS": 4, "NEW_THERAPY": 5, "CURATIVE_CONVERSION": 6,
    "WITHDRAWAL": 7, "LOST_TO_FOLLOWUP": 8, "END_OF_STUDY": 9, "DEATH_NOT_EVENT": 10, "REPEAT_TACE": 11, "PENDING_IUPD": 12,
}  # fmt: skip
ALIVE_ENDPOINTS = {"OS", "PFS2", "TTD", "TTF"}  # censored at last known alive
IGNORE_THERAPY = {"OS", "PFS2", "TTD"}
RATES = {"BOR", "ORR", "DCR", "CRR", "CBR"}


@dataclass
class Scan:
    """One assessment with its assigned date."""

    id: str
    date: date
    code: str
    icode: str | None = None
    flagged: bool = False
    imputed: str | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def evaluable(self) -> bool:
        return self.code not in EVALUABLE_NOT

    @property
    def progression(self) -> bool:
        return self.code in PROGRESSION


def to_date(value: Any) -> date | None:
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(value) if len(value) == 10 else None


def period(value: Any) -> tuple[date, date] | None:
    """First and last day that a (partial) date may mean."""
    if value is None:
        return None
    text = value.isoformat() if isinstance(value, date) else str(value)
    if len(text) == 10:
        return date.fromisoformat(text), date.fromisoformat(text)
    if len(text) == 7:
        year, month = int(text[:4]), int(text[5:])
        return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
    return date(int(text), 1, 1), date(int(text), 12, 31)


def flag(value: Any) -> str | None:
    text = value.isoformat() if isinstance(value, date) else str(value)
    return {10: None, 7: "D", 4: "M"}[len(text)]


def pick_day(lo: date, hi: date, how: str) -> date:
    return {"first": lo, "mid": date(lo.year, lo.month, 15), "last": hi}[how]


def clamp(day: date, low: date, high: date) -> date:
    return min(max(day, low), high)


def derive(
    subject: dict[str, Any], endpoint: str, o: dict[str, Any], cut: date, schedule: dict[str, Any] | None
) -> dict[str, Any]:
    """The record of one subject, or `{"record": False}`."""
    return _Subject(subject, endpoint, o, cut, schedule).record()


def passed_over(
    subject: dict[str, Any], endpoint: str, o: dict[str, Any], cut: date, schedule: dict[str, Any] | None
) -> list[tuple[date, str, str, str]]:
    """Day, id, outcome and its words of each assessment that reports progression and is not the progression of the subject."""
    return _Subject(subject, endpoint, o, cut, schedule).account_of_progressions()


class _Subject:
    def __init__(
        self, s: dict[str, Any], endpoint: str, o: dict[str, Any], cut: date, schedule: dict[str, Any] | None
    ) -> None:
        self.s, self.endpoint, self.o, self.cut, self.schedule = s, endpoint, o, cut, schedule
        self.rule = o["pd_rule"]
        # For the account of the assessments that are not the progression: the code that was read of each, the unconfirmed
        # progression that it belongs to, and the assessment that confirmed one.
        self.read: dict[str, str] = {}
        self.block: dict[str, Scan] = {}
        self.certain: Scan | None = None

    # 1 ---------------------------------------------------------------------------------------------------------------
    def origin(self) -> date | None:
        origins = {k: to_date(v) for k, v in (self.s.get("origins") or {}).items()}
        name = self.o["origin"]
        named = [origins.get(k) for k in self.o["origin_components"]]
        if name == "first_component":
            known = [d for d in named if d]
            return min(known) if known else None
        if name == "last_component":
            return max(named) if named and all(named) else None  # type: ignore[type-var]
        return origins.get(name)

    # 2 ---------------------------------------------------------------------------------------------------------------
    def evidence(self) -> list[tuple[date, str]]:
        s = self.s
        facts: list[tuple[Any, str]] = [(d, "ORIGIN") for d in (s.get("origins") or {}).values()]
        facts.append((s.get("last_contact"), "LAST_CONTACT"))
        if self.o["os_censor"] == "last_known_alive" or self.endpoint not in ALIVE_ENDPOINTS:
            facts.append((s.get("withdrawal"), "WITHDRAWAL"))
            for a in s.get("assessments") or []:
                facts += [(a.get("date"), a["id"]), (a.get("visit_date"), a["id"])]
                facts += [(p["date"], a["id"]) for p in a.get("parts") or []]
            facts += [(t["start"], t["id"]) for t in s.get("therapies") or []]
            facts += [(d, f"TACE{k}") for k, d in enumerate(sorted(map(to_date, s.get("tace") or [])), 1)]  # type: ignore[type-var]
            for c in s.get("treatment") or []:
                facts += [(c.get("start"), c["component"]), (c.get("last"), c["component"])]
            facts += [(e["date"], e["id"]) for e in s.get("other_events") or []]
        return [(d, who) for raw, who in facts if (d := to_date(raw))]

    # 3 ---------------------------------------------------------------------------------------------------------------
    def impute_death(self, latest_alive: date | None) -> tuple[date | None, str | None, bool]:
        """Date, flag, and whether the death lies after the cut-off."""
        raw = (self.s.get("death") or {}).get("date")
        span = period(raw)
        if span is None:
            return None, None, False
        lo, hi = span
        if lo == hi:
            return lo, None, lo > self.cut
        target = date(lo.year, 7, 1) if flag(raw) == "M" else pick_day(lo, hi, self.o["imputation"]["death_day"])
        low = lo
        if latest_alive and latest_alive >= lo:
            low = max(low, min(latest_alive + timedelta(1), hi))
        if self.t0 >= lo:
            low = max(low, self.t0)
        if low > self.cut:
            return None, flag(raw), True
        return clamp(target, low, min(hi, self.cut)), flag(raw), False

    def base_date(self, a: dict[str, Any], day: date | None) -> date | None:
        """4: one date for an assessment."""
        parts = sorted(to_date(p["date"]) for p in a.get("parts") or [])  # type: ignore[type-var]
        is_pd = a["response"] in PROGRESSION
        how = self.o["pd_date"] if is_pd else self.o["nonpd_date"]
        if is_pd and how in ("earliest_part", "next_scheduled", "midpoint"):
            showing = sorted(to_date(p["date"]) for p in a.get("parts") or [] if p.get("pd"))  # type: ignore[type-var]
            return showing[0] if showing else parts[0] if parts else day
        if how == "earliest_part":
            return parts[0] if parts else day
        if how == "latest_part":
            return parts[-1] if parts else day
        fallback = day or (parts[-1] if parts else None)
        if how == "visit":
            return to_date(a.get("visit_date")) or fallback
        return fallback

    def assign(self) -> list[Scan]:
        scans = []
        for a in self.s.get("assessments") or []:
            raw, imputed = a.get("date"), None
            day = to_date(raw)
            if raw is not None and day is None:
                span = period(raw)
                assert span is not None
                lo, hi = span
                if flag(raw) == "M" or lo > self.cut:
                    continue
                high = min(hi, self.cut)
                if self.death and self.death >= lo:
                    high = min(high, self.death)
                day = clamp(
                    pick_day(lo, hi, self.o["imputation"]["assessment_day"]), max(lo, self.t0 + timedelta(1)), high
                )
                imputed = flag(raw)
            assigned = self.base_date(a, day)
            if assigned is None:
                continue
            scans.append(
                Scan(
                    a["id"],
                    assigned,
                    a["response"],
                    a.get("iresponse"),
                    bool(a.get("suspected_pseudo")),
                    imputed if assigned == day else None,
                )
            )
        return scans

    def therapies(self, scans: list[Scan]) -> list[tuple[date, str, str]]:
        """Start, id, kind of each therapy outside the regimen."""
        found = []
        first_pd = min((x.date for x in scans if x.progression and self.t0 < x.date <= self.cut), default=None)
        for t in self.s.get("therapies") or []:
            span = period(t["start"])
            assert span is not None
            lo, hi = span
            day = lo
            if lo != hi:
                if lo > self.cut:
                    continue
                target = lo if flag(t["start"]) == "M" else pick_day(lo, hi, self.o["imputation"]["therapy_day"])
                low = max(lo, self.t0 + timedelta(1))
                if self.o["imputation"]["therapy_not_before_pd"] and first_pd and lo <= first_pd <= hi:
                    low = max(low, first_pd)
                day = clamp(target, low, min(hi, self.cut))
            found.append((day, t["id"], t["kind"]))
        return found

    # 7 ---------------------------------------------------------------------------------------------------------------
    def therapy_actions(self, therapies: list[tuple[date, str, str]]) -> list[tuple[date, str, str, str]]:
        """Start, id, reason, action of everything that a therapy rule may act on."""
        if self.endpoint in IGNORE_THERAPY:
            return []
        nat = "event" if self.endpoint == "TTF" else self.o["new_therapy"]
        curative = self.o["curative_conversion"]
        if self.endpoint == "TTF" or curative == "as_new_therapy":
            curative = nat
        rows = []
        for day, who, kind in therapies:
            reason, action = ("CURATIVE_CONVERSION", curative) if kind in CURATIVE else ("NEW_THERAPY", nat)
            rows.append((day, who, reason, action))
        if self.o["repeat_tace"] == "as_new_therapy":
            sessions = sorted(to_date(d) for d in self.s.get("tace") or [])  # type: ignore[type-var]
            for k, day in enumerate(sessions, 1):
                if k > 1 and not self.truncated(day):
                    rows.append((day, f"TACE{k}", "REPEAT_TACE", nat))
        return [r for r in rows if self.t0 < r[0] <= self.cut]

    def truncated(self, day: date) -> bool:
        w = to_date(self.s.get("withdrawal"))
        return self.o["withdrawal"] == "truncate" and w is not None and w <= self.cut and day > w

    def usable(self, day: date) -> bool:
        if self.n is None:
            return True
        return day <= self.n[0] if self.o["new_therapy_boundary"] == "inclusive" else day < self.n[0]

    # 8 ---------------------------------------------------------------------------------------------------------------
    def scan_progression(self, scans: list[Scan]) -> tuple[Scan | None, date | None, Scan | None, dict[str, str]]:
        """Progression (the record that dates it), its date, a pending unconfirmed scan, and the code that each scan ended with."""
        codes = {x.id: x.code for x in scans}
        self.certain = None
        if self.rule == "first_pd":
            for x in scans:
                if x.progression:
                    return x, x.date, None, codes
            return None, None, None, codes
        pending: Scan | None = None
        ir = self.o["irecist"]
        for x in scans:
            if self.rule == "irecist":
                code = x.icode or ("iUPD" if x.code == "PD" else x.code)
                self.read[x.id] = code
            elif pending is None:
                if x.code == "PD" and not x.flagged:
                    return x, x.date, None, codes
                code = "iUPD" if x.code == "PD" else x.code
            elif x.icode:
                code = self.read[x.id] = x.icode
            elif x.code == "PD":
                code = "iUPD" if x.flagged else "iCPD"
            else:
                code = x.code
            codes[x.id] = code
            if code == "RECUR":
                return x, x.date, None, codes
            if code == "iCPD" and pending is None:
                return x, x.date, None, codes
            if code == "iCPD" and pending is not None and (x.date - pending.date).days >= ir["confirm_min_days"]:
                self.certain, self.block[x.id] = x, pending
                if ir["confirmed_date"] == "icpd":
                    return x, x.date, None, codes
                return pending, pending.date, None, codes
            if code in ("iUPD", "iCPD"):
                codes[x.id] = "iUPD"
                pending = pending or x
                self.block[x.id] = pending
            elif code not in EVALUABLE_NOT:
                pending = None
        if pending is None:
            return None, None, None, codes
        if ir["unconfirmed"] == "censor":
            return None, None, pending, codes
        grace = ir["pending_grace_days"]
        alive = self.death is None or self.death > self.cut
        later = any(x.evaluable and x.date > pending.date for x in scans)
        if grace is not None and alive and self.n is None and not later and (self.cut - pending.date).days <= grace:
            return None, None, pending, codes
        return pending, pending.date, None, codes

    # 10 --------------------------------------------------------------------------------------------------------------
    def visits(self, until: date) -> list[date]:
        """Nominal visits v_0, v_1 … somewhat past `until`."""
        assert self.schedule is not None
        anchor = self.t0
        if self.schedule.get("anchor"):
            anchor = to_date(self.s["origins"][self.schedule["anchor"]])  # type: ignore[assignment]
        offsets = [0]
        for segment in self.schedule["segments"]:
            limit = segment.get("until")
            stop = limit if limit is not None else (until - anchor).days + 20 * segment["every"]
            while offsets[-1] + segment["every"] <= stop:
                offsets.append(offsets[-1] + segment["every"])
        return [anchor + timedelta(k) for k in offsets]

    def gap(self, last: date, event: date) -> bool:
        """Did too many visits go missing between `last` and `event`?"""
        m = self.o["missed_visits"]
        if m["method"] == "disabled":
            return False
        if m["method"] == "fixed_days":
            return (event - last).days > m["gap_days"]
        assert self.schedule is not None
        early, late = timedelta(self.schedule["early"]), timedelta(self.schedule["late"])
        v = self.visits(event)
        if m["method"] == "windows":
            return sum(1 for day in v[1:] if last < day - early and day + late < event) >= m["n"]
        j = max(k for k in range(len(v)) if k == 0 or v[k] - early <= last)
        return event - last > (v[j + m["n"]] - v[j]) + early + late

    # ------------------------------------------------------------------------------------------------------------------
    def record(self) -> dict[str, Any]:
        if not self.observe():
            return {"record": False}
        return self.rate() if self.endpoint in RATES else self.time_to_event()

    def observe(self) -> bool:
        """Steps 1-8; whether the subject has a clock."""
        t0 = self.origin()
        if t0 is None or t0 > self.cut:
            return False
        self.t0 = t0
        everything = [d for d, _ in _Subject(self.s, "PFS", self.o, self.cut, None).evidence()]
        self.death, self.death_flag, self.death_later = self.impute_death(max(everything) if everything else None)
        raw_death = self.death
        self.dated = scans = self.assign()
        therapies = self.therapies(scans)
        # 5 snapshot and withdrawal
        scans = [x for x in scans if x.date <= self.cut and not self.truncated(x.date)]
        therapies = [t for t in therapies if t[0] <= self.cut and not self.truncated(t[0])]
        if self.death and (self.death > self.cut or self.truncated(self.death)):
            self.death = None
        self.raw_death = raw_death
        self.events_in = [
            e for e in self.s.get("other_events") or []
            if to_date(e["date"]) <= self.cut and not self.truncated(to_date(e["date"]))  # type: ignore[operator,arg-type]
        ]  # fmt: skip
        # 6 post-baseline, one per day
        after = self.o["post_baseline"] == "after_origin"
        scans = [x for x in scans if (x.date > t0 if after else x.date >= t0)]
        best: dict[date, Scan] = {}
        for x in sorted(scans, key=lambda x: (-DAY_RANK[PLAIN.get(x.code, x.code)], x.flagged, x.id)):
            best.setdefault(x.date, x)
        scans = [best[d] for d in sorted(best)]
        # 7
        self.actions = self.therapy_actions(therapies)
        order = {"CURATIVE_CONVERSION": 0, "NEW_THERAPY": 1, "REPEAT_TACE": 2}
        cutting = sorted(
            (r for r in self.actions if r[3] in ("censor", "censor_at_start")), key=lambda r: (r[0], order[r[2]], r[1])
        )
        self.n = cutting[0] if cutting else None
        self.all_scans = scans
        self.no_baseline = self.o["no_baseline"] == "censor_day1" and not (self.s.get("baseline") or {}).get(
            "adequate", False
        )
        visible = [] if self.no_baseline else scans
        self.scans = [x for x in visible if self.usable(x.date)]
        self.therapies_in = [t for t in therapies if self.t0 < t[0]]
        self.p, self.p_date, self.u, self.codes = self.scan_progression(self.scans)
        return True

    # Which assessments report progression and are not it ---------------------------------------------------------------
    def account_of_progressions(self) -> list[tuple[date, str, str, str]]:
        if not self.observe() or (self.endpoint == "DOR" and self.responses() is None):
            return []
        reporting = [x for x in self.dated if x.progression or x.icode in PROGRESSION]
        return [(x.date, x.id, *self.why_not(x)) for x in reporting if x is not self.p]

    def why_not(self, x: Scan) -> tuple[str, str]:
        last_day = self.cut
        if self.truncated(self.cut + timedelta(1)):
            last_day = min(last_day, to_date(self.s["withdrawal"]))  # type: ignore[type-var]
        if x.date < self.t0 or (x.date == self.t0 and self.o["post_baseline"] == "after_origin"):
            return "before_origin", f"not after the origin, {self.t0}"
        if x.date > last_day:
            return "after_snapshot", f"after {last_day}, the last day that counts"
        if self.no_baseline:
            return "no_baseline", "without an adequate baseline assessments contribute nothing"
        if not any(x is kept for kept in self.all_scans):
            return "same_day", "another assessment of this day counts"
        if not self.usable(x.date):
            relation = "after" if self.o["new_therapy_boundary"] == "inclusive" else "not before"
            return "after_end", f"{relation} {self.n[2]} of {self.n[0]}, which ends the observation"  # type: ignore[index]
        if self.p_date and x is self.certain:
            return "confirmation", f"confirms the progression of {self.p_date}"
        if self.p_date and x.date > self.p_date:
            first = self.candidates(deaths=False)[0]
            return "later", f"after {first[3]} of {first[0]}"
        read = self.read.get(x.id, x.code)
        if read not in PROGRESSION:
            shown = read.replace("R_NON_", "R/NON_").replace("NON_", "NON-")
            return "other_code", f"{self.rule} reads {shown}, which is no progression"
        block = self.block[x.id]
        if block is self.u:
            return "pending", f"the unconfirmed progression of {block.date} waits for its answer"
        if self.certain is not None and block is self.block[self.certain.id]:
            return "confirmed", f"confirmed on {self.p_date}, to which the progression is dated"
        return "overturned", "a later assessment did not confirm it"

    # Time to event ----------------------------------------------------------------------------------------------------
    def adequate(self, x: Scan) -> bool:
        return x.evaluable and (self.endpoint in {"TTUP", *ALIVE_ENDPOINTS} or not x.progression)

    def responses(self) -> Scan | None:
        """First response before progression (first of a confirmed pair where confirmation is required)."""
        before = [x for x in self.scans if self.p_date is None or x.date < self.p_date]
        window = [x for x in self.scans if self.p_date is None or x.date <= self.p_date]
        for x in before:
            code = PLAIN.get(self.codes[x.id], self.codes[x.id])
            if code in ("CR", "PR") and (
                self.o["response"]["confirmation"] == "none" or self.confirmed(x, code, window)
            ):
                return x
        return None

    def confirmed(self, x: Scan, code: str, window: list[Scan]) -> bool:
        r = self.o["response"]
        later = [y for y in window if y.date > x.date]
        ok = {"CR": {"CR"}, "PR": {"CR", "PR"}}[code]
        for k, y in enumerate(later):
            if PLAIN.get(self.codes[y.id], self.codes[y.id]) not in ok or (y.date - x.date).days < r["confirm_days"]:
                continue
            between = [PLAIN.get(self.codes[z.id], self.codes[z.id]) for z in later[:k]]
            allowed = {"CR", "NE", "ND"} if code == "CR" else {"CR", "PR", "NE", "ND", "SD"}
            if any(c not in allowed for c in between):
                continue
            if sum(c in EVALUABLE_NOT for c in between) > r["max_ne"]:
                continue
            if code == "PR":
                if sum(c == "SD" for c in between) > r["accept_sd"]:
                    continue
                span = [*between, PLAIN.get(self.codes[y.id], self.codes[y.id])]
                if any(c == "PR" and "CR" in span[:i] for i, c in enumerate(span)):
                    continue
            return True
        return False

    def discontinuation(self) -> tuple[date, str] | None:
        wanted = self.o["ttd_components"]
        rows = [c for c in self.s.get("treatment") or [] if not wanted or c["component"] in wanted]
        stopped = [
            (to_date(c["last"]), c["component"]) for c in rows
            if c.get("ended") and c.get("last") and to_date(c["last"]) <= self.cut and not self.truncated(to_date(c["last"]))  # type: ignore[operator,arg-type]
        ]  # fmt: skip
        if not stopped:
            return None
        if self.o["ttd_scope"] == "any":
            return min(stopped)  # type: ignore[type-var,return-value]
        if len(stopped) < len(rows):
            return None
        last = max(d for d, _ in stopped)  # type: ignore[type-var]
        return last, min(c for d, c in stopped if d == last)  # type: ignore[return-value]

    def candidates(self, *, deaths: bool) -> list[tuple[date, int, str, str, str | None]]:
        """Date, rank, id, reason, imputation flag of each event candidate."""
        e, o = self.endpoint, self.o
        found: list[tuple[date, str, str, str | None]] = []
        if e in {"PFS", "TTP", "DOR", "EFS", "DFS", "RFS", "TTF"} and self.p and self.p_date:
            found.append((self.p_date, self.p.id, "RECURRENCE" if self.p.code == "RECUR" else "PD", self.p.imputed))
        if deaths and self.death:
            found.append((self.death, "DEATH", "DEATH", self.death_flag))
        kinds = {"EFS": self.o["efs_kinds"], "DFS": ["second_primary"], "TTUP": self.o["ttup_kinds"]}.get(e, [])
        for x in self.events_in:
            day = to_date(x["date"])
            assert day is not None
            if day < self.t0 or (day == self.t0 and o["post_baseline"] == "after_origin"):
                continue
            if x["kind"] in kinds:
                found.append((day, x["id"], "OTHER", None))
            elif x["kind"] == "clinical_progression" and self.o["clinical_progression"] == "event" and e in {
                "PFS", "TTP", "DOR", "EFS", "DFS", "RFS", "TTF",
            }:  # fmt: skip
                found.append((day, x["id"], "CLINICAL_PROGRESSION", None))
        found += [
            (day, who, reason, self.therapy_flag(who)) for day, who, reason, action in self.actions if action == "event"
        ]
        if e in {"TTF", "TTD"} and (stop := self.discontinuation()):
            found.append((*stop, "DISCONTINUATION", None))
        if e == "PFS2" and (starts := [t[0] for t in self.therapies_in]):
            line = min(starts)
            for x in self.all_scans:
                code = (x.icode or x.code) if self.rule == "irecist" else x.code
                if code in {"PD", "iCPD", "RECUR"} and x.date > line:
                    found.append((x.date, x.id, "PD", x.imputed))
                    break
        return sorted(
            (day, EVENT_RANK[reason], who, reason, imp) for day, who, reason, imp in found if self.usable(day)
        )

    def time_to_event(self) -> dict[str, Any]:
        e, o = self.endpoint, self.o
        start, start_scan = self.t0, None
        if e in {"DOR", "TTR"}:
            start_scan = self.responses()
            if start_scan is None:
                return {"record": False}
            if e == "TTR":
                return self.row(True, start_scan.date, "RESPONSE", start_scan.id, start=self.t0, imp=start_scan.imputed)
            start = start_scan.date
        relabel = (
            e in {"TTP", "TTUP"}
            and o["death_handling"] in ("competing", "censor_at_death")
            and not (e == "TTUP" and o["ttup_death"] == "event")
        )
        deaths = e not in {"TTP", "TTUP"} or relabel or (e == "TTUP" and o["ttup_death"] == "event")
        found = self.candidates(deaths=deaths)
        event = found[0] if found else None
        missed = None
        if event and e not in ALIVE_ENDPOINTS:
            missed = self.missed(event, start)
        elif e not in ALIVE_ENDPOINTS and o["missed_visits"]["scope"] == "any_gap":
            missed = self.missed(None, start)
        if event and missed is None:
            day, _, who, reason, imp = event
            if reason in ("PD", "RECURRENCE") and e in {"PFS", "TTP", "DOR", "EFS", "TTF"}:
                day = self.transform(day, who, start)
            if reason == "DEATH" and relabel:
                kind = 2 if o["death_handling"] == "competing" else 0
                return self.row(False, day, "DEATH_NOT_EVENT", "DEATH", start=start, event_type=kind, imp=imp)
            return self.row(True, day, reason, who, start=start, imp=imp)
        return self.censor(missed, start)

    def missed(self, event: tuple[Any, ...] | None, start: date) -> date | None:
        """The date on or before (any_gap) or before (before_event) which the censoring scan must lie; None = nothing missed."""
        m = self.o["missed_visits"]
        if m["method"] == "disabled":
            return None
        seen = [x for x in self.scans if x.date >= start and (m["reference"] == "last_any" or x.evaluable)]
        counted = event is not None and event[3] in ("PD", "RECURRENCE", "CLINICAL_PROGRESSION", "OTHER", "DEATH")
        if m["scope"] == "any_gap":
            dates = [start, *(x.date for x in seen if event is None or (x.date <= event[0] and x.id != event[2]))]
            if counted and event is not None:
                dates.append(event[0])
            for a, b in pairwise(dates):
                if self.gap(a, b):
                    return a
            return None
        if event is None or not counted:
            return None
        if ("death" if event[3] == "DEATH" else "progression") not in m["applies_to"]:
            return None
        before = [x.date for x in seen if x.date <= event[0] and x.id != event[2]]
        last = max(before, default=start)
        return event[0] - timedelta(1) if self.gap(last, event[0]) else None

    def transform(self, day: date, who: str, start: date) -> date:
        if self.o["pd_date"] == "midpoint":
            before = [x.date for x in self.scans if x.evaluable and x.date < day and x.id != who]
            last = max([*before, start] if before else [start])
            return last + timedelta((day - last).days // 2)
        if self.o["pd_date"] == "next_scheduled":
            assert self.schedule is not None
            v = self.visits(day)
            early, late = timedelta(self.schedule["early"]), timedelta(self.schedule["late"])
            if any(x - early <= day <= x + late for x in v):
                return day
            caps = [self.cut, *([self.death] if self.death else [])]
            return min(min(x for x in v if x >= day), *caps) if any(x >= day for x in v) else day
        return day

    def last_adequate(self, start: date, *, until: date | None = None) -> tuple[date, str, str | None]:
        """Date, id and imputation flag of the last adequate usable scan (not after `until`), else the start."""
        fit = [x for x in self.scans if self.adequate(x) and x.date >= start and (until is None or x.date <= until)]
        return (fit[-1].date, fit[-1].id, fit[-1].imputed) if fit else (start, "ORIGIN", None)

    def therapy_flag(self, who: str) -> str | None:
        """How the start of a therapy was imputed."""
        return next((flag(t["start"]) for t in self.s.get("therapies") or [] if t["id"] == who), None)

    def disposition(self) -> str:
        for key, reason in (
            ("withdrawal", "WITHDRAWAL"),
            ("lost_to_followup", "LOST_TO_FOLLOWUP"),
            ("end_of_study", "END_OF_STUDY"),
        ):
            day = to_date(self.s.get(key))
            if day and day <= self.cut and not self.truncated(day):
                return reason
        return "CUTOFF"

    def last_alive(self) -> tuple[date, str]:
        facts = [(d, who) for d, who in self.evidence() if not self.truncated(d)]
        after = any(d > self.cut for d, _ in facts)
        death_after = self.death_later and not (self.raw_death and self.truncated(self.raw_death))
        if self.o["withdrawal"] == "truncate" and (w := to_date(self.s.get("withdrawal"))) and w <= self.cut:
            death_after = False
        if self.o["post_cutoff_alive"] == "cap_at_cutoff" and (after or death_after):
            return self.cut, "CUTOFF"
        known = [(d, who != "LAST_CONTACT", who) for d, who in facts if d <= self.cut]
        last = max(d for d, _, _ in known)
        return last, min((not_contact, who) for d, not_contact, who in known if d == last)[1]

    def censor(self, missed: date | None, start: date) -> dict[str, Any]:
        e, o = self.endpoint, self.o
        if e in ALIVE_ENDPOINTS:
            if e == "PFS2" and o["pfs2_censor"] == "last_evaluable":
                fit = [x for x in self.all_scans if x.evaluable]
                day, who, imp = (fit[-1].date, fit[-1].id, fit[-1].imputed) if fit else (start, "ORIGIN", None)
            else:
                (day, who), imp = self.last_alive(), None
            return self.row(False, day, self.disposition(), who, start=start, imp=imp)
        if self.no_baseline:
            return self.row(False, start, "NO_BASELINE", "ORIGIN", start=start)
        if not any(x.evaluable for x in self.all_scans):
            return self.row(False, start, "NO_POST_BASELINE", "ORIGIN", start=start)
        if missed is not None:
            day, who, imp = self.last_adequate(start, until=missed)
            return self.row(False, day, "MISSED_VISITS", who, start=start, imp=imp)
        bound = None if self.u is None or e == "TTUP" else self.u.date - timedelta(1)
        if self.n is not None:
            if self.n[3] == "censor_at_start":
                return self.row(False, self.n[0], self.n[2], self.n[1], start=start, imp=self.therapy_flag(self.n[1]))
            day, who, imp = self.last_adequate(start, until=bound)
            return self.row(False, day, self.n[2], who, start=start, imp=imp)
        day, who, imp = self.last_adequate(start)
        if (
            e in {"TTP", "TTUP"}
            and self.death
            and self.usable(self.death)
            and not (e == "TTUP" and o["ttup_death"] == "event")
        ):
            return self.row(False, day, "DEATH_NOT_EVENT", who, start=start, imp=imp)
        if self.u is not None and e != "TTUP":
            day, who, imp = self.last_adequate(start, until=bound)
            return self.row(False, day, "PENDING_IUPD", who, start=start, imp=imp)
        return self.row(False, day, self.disposition(), who, start=start, imp=imp)

    def row(
        self, event: bool, day: date, reason: str, who: str, *, start: date,
        event_type: int | None = None, imp: str | None = None
    ) -> dict[str, Any]:  # fmt: skip
        day = max(day, start)
        plus = 1 if self.o["day_convention"] == "plus_one" else 0
        days = (day - start).days + plus
        entry = None
        if self.o["delayed_entry"] == "last_component":
            origins = [to_date((self.s.get("origins") or {}).get(k)) for k in self.o["origin_components"]]
            if not all(origins):
                return {"record": False}
            entry = (max(origins) - self.t0).days + plus  # type: ignore[type-var,operator]
            if entry >= days:
                return {"record": False}
        return {
            "record": True, "event": event, "cnsr": 0 if event else CNSR[reason], "date": day, "start": start, "days": days,
            "months": days / self.o["days_per_month"], "reason": reason, "source": who,
            "event_type": (1 if event else 0) if event_type is None else event_type, "adtf": imp, "entry_days": entry,
        }  # fmt: skip

    # Response ---------------------------------------------------------------------------------------------------------
    def rate(self) -> dict[str, Any]:
        at_landmark = self.o["response"]["landmark"] is not None and self.endpoint != "CBR"
        answer = self.landmark() if at_landmark else self.best()
        if answer is None:
            return {"record": False}
        value, day, who = answer
        plain = PLAIN.get(value, value)
        if self.endpoint == "CBR":
            late = self.t0 + timedelta(self.o["response"]["cbr_days"])
            held = any(
                x.evaluable and not x.progression and x.date >= late and (self.p_date is None or x.date < self.p_date)
                for x in self.scans
            )
            responder = plain in ("CR", "PR") or held
        else:
            wanted = {
                "BOR": {"CR", "PR"},
                "ORR": {"CR", "PR"},
                "DCR": {"CR", "PR", "SD", "NON_CR_NON_PD"},
                "CRR": {"CR"},
            }
            responder = plain in wanted[self.endpoint]
        return {"record": True, "value": value, "responder": responder, "date": day, "source": who}

    def best(self) -> tuple[str, date | None, str | None]:
        r = self.o["response"]
        window = [x for x in self.scans if self.p_date is None or x.date <= self.p_date]
        earliest_sd = self.t0 + timedelta(r["sd_min_days"])
        rank = ["CR", "PR", "SD", "NON_CR_NON_PD", "PD", "iCPD", "iUPD", "NED", "NE"]
        found: list[tuple[int, date, str, str]] = []

        def show(code: str) -> str:
            prefixed = {"CR": "iCR", "PR": "iPR", "SD": "iSD", "NON_CR_NON_PD": "NON_iCR_NON_iUPD"}
            return prefixed.get(code, code) if self.rule == "irecist" else code

        def offer(code: str, x: Scan, shown: str) -> None:
            found.append((rank.index(code), x.date, x.id, shown))

        for x in window:
            code = self.codes[x.id]
            plain = PLAIN.get(code, code)
            if plain in ("CR", "PR") and (r["confirmation"] == "none" or self.confirmed(x, plain, window)):
                offer(plain, x, show(plain))
            if plain in ("CR", "PR", "SD"):
                offer("SD" if x.date >= earliest_sd else "NE", x, show("SD") if x.date >= earliest_sd else "NE")
            elif plain == "NON_CR_NON_PD":
                offer(plain if x.date >= earliest_sd else "NE", x, show(plain) if x.date >= earliest_sd else "NE")
            elif plain in ("NE", "ND"):
                offer("NE", x, "NE")
            elif plain == "NED":
                offer("NED", x, "NED")
            elif plain in ("PD", "RECUR"):
                offer("PD", x, "PD")
            elif plain in ("iUPD", "iCPD"):
                offer(plain, x, plain)
        if self.rule == "first_pd_pseudo_confirm" and self.p and self.p_date:
            found.append((rank.index("PD"), self.p_date, self.p.id, "PD"))
        if (
            self.rule == "irecist"
            and self.p
            and self.codes.get(self.p.id) == "iUPD"
            and any(self.codes[x.id] == "iCPD" for x in self.scans)
        ):
            found.append((rank.index("iCPD"), self.p_date or self.p.date, self.p.id, "iCPD"))
        if not found:
            return "MISSING", None, None
        _, day, who, shown = min(found)
        return shown, day, who

    def landmark(self) -> tuple[str, date | None, str | None] | None:
        lm = self.o["response"]["landmark"]
        if lm["anchor"] == "origin":
            anchors = [self.t0]
        else:
            anchors = sorted(
                d for raw in self.s.get("tace") or [] if (d := to_date(raw)) and d <= self.cut and not self.truncated(d)
            )
        if not anchors:
            return "NE", None, None
        low, high = lm["from_days"] - lm.get("tolerance", 0), lm["to_days"] + lm.get("tolerance", 0)
        fit = []
        for x in self.scans:
            if lm["anchor"] == "most_recent_tace":
                before = [a for a in anchors if a < x.date]
                anchor = before[-1] if before else None
            else:
                anchor = anchors[0]
            if anchor and x.evaluable and low <= (x.date - anchor).days <= high:
                fit.append(x)
        middle = (lm["from_days"] + lm["to_days"]) / 2
        order = ["CR", "PR", "SD", "NON_CR_NON_PD", "PD", "iCPD", "iUPD", "NED", "NE"]
        pick = lm.get("pick", "first")

        def code_rank(x: Scan) -> int:
            code = PLAIN.get(self.codes[x.id], self.codes[x.id])
            return order.index("PD" if code == "RECUR" else code)

        key = {
            "first": lambda x: x.date,
            "last": lambda x: -x.date.toordinal(),
            "best": lambda x: (code_rank(x), x.date),
            "worst": lambda x: (-code_rank(x), x.date),
            "closest": lambda x: (abs((x.date - anchors[0]).days - middle), x.date),
        }[pick]
        picked = min(fit, key=key) if fit else None
        end = anchors[0] + timedelta(high)
        if self.p and self.p_date and self.p_date <= (picked.date if picked else end):
            return "PD", self.p_date, self.p.id
        if picked:
            code = self.codes[picked.id]
            return (code if self.rule == "irecist" else PLAIN.get(code, code)), picked.date, picked.id
        if lm.get("missing", "non_responder") == "exclude_not_assessed" and not (self.death and self.death <= end):
            return None
        return "NE", None, None
