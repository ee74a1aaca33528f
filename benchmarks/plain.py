"""The same derivations as a user would write them without the engine: in pandas, and in Python subject by subject.

RECIST 1.1 (Eisenhauer 2009): sums of target diameters against the baseline and the smallest sum so far, non-targets, new lesions;
best overall response without confirmation, stable disease from day 42 on; progression or death, else the last assessment;
death, else the last contact. Each is written as well as we could for exactly this and nothing more: no findings, no
reasons, no other data sets. They stay here.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

SD_MIN_DAYS = 42
_DAY_ZERO = date(1970, 1, 1)


# pandas ---------------------------------------------------------------------------------------------------------------


def with_pandas(folder: Path) -> Any:
    """One row per subject: BOR, and date and event (1) or censoring (0) of PFS and OS."""
    import numpy as np
    import pandas as pd

    lesions = pd.read_parquet(
        folder / "lesion_assessments.parquet",
        columns=["subject", "visit_date", "is_baseline", "role", "mm", "state", "status"],
    )
    subjects = pd.read_parquet(folder / "subjects.parquet")
    keys = ["subject", "visit_date"]
    role, status = lesions["role"], lesions["status"]
    is_target, is_other = role.eq("target"), role.eq("non-target")
    lesions["diameter"] = lesions["mm"].where(is_target).fillna(0)
    lesions["left"] = is_target & lesions["state"].ne("absent")
    lesions["other"] = is_other
    lesions["other_left"] = is_other & status.ne("absent")
    lesions["other_grew"] = is_other & status.eq("unequivocal")
    lesions["new"] = role.eq("new")
    visits = lesions.groupby(keys, sort=True).agg(
        is_baseline=("is_baseline", "first"), total=("diameter", "sum"), left=("left", "any"), other=("other", "any"),
        other_left=("other_left", "any"), other_grew=("other_grew", "any"), new=("new", "any"),
    ).reset_index()  # fmt: skip
    of_subject = visits.groupby("subject")["total"]
    nadir = of_subject.cummin().groupby(visits["subject"]).shift()
    baseline = of_subject.transform("first")
    total = visits["total"]
    target_pd = ((total - nadir) * 100 >= nadir * 20) & (total - nadir >= 5)
    target_cr = ~visits["left"]
    target_pr = (baseline - total) * 100 >= baseline * 30
    is_pd = target_pd | visits["other_grew"] | visits["new"]
    is_cr = target_cr & ~visits["other_left"]
    visits["code"] = np.select([is_pd, is_cr, target_cr | target_pr], ["PD", "CR", "PR"], "SD")
    visits = visits[~visits["is_baseline"]].merge(subjects[["subject", "randomisation_date"]], on="subject")
    visits["is_pd"] = visits["code"].eq("PD")
    until_pd = visits[visits.groupby("subject")["is_pd"].cumsum().groupby(visits["subject"]).shift(fill_value=0).eq(0)]
    day = (pd.to_datetime(until_pd["visit_date"]) - pd.to_datetime(until_pd["randomisation_date"])).dt.days
    early = until_pd["code"].eq("SD") & (day < SD_MIN_DAYS)
    code = until_pd["code"].mask(early, "NE")
    rank = code.map({"CR": 0, "PR": 1, "SD": 2, "PD": 3, "NE": 4})
    best = rank.groupby(until_pd["subject"]).min().map(dict(enumerate(["CR", "PR", "SD", "PD", "NE"]))).rename("BOR")
    progressed = until_pd[until_pd["is_pd"]].set_index("subject")["visit_date"].rename("pd_date")
    last = until_pd.groupby("subject")["visit_date"].max().rename("last")
    out = subjects.set_index("subject").join([best, progressed, last])
    death = pd.to_datetime(out["death_date"])
    event = pd.to_datetime(out["pd_date"]).fillna(death)
    result = pd.DataFrame({
        "BOR": out["BOR"],
        "PFS": event.fillna(pd.to_datetime(out["last"])).dt.date, "PFS_event": event.notna().astype(int),
        "OS": death.fillna(pd.to_datetime(out["last_contact_date"])).dt.date, "OS_event": death.notna().astype(int),
    })  # fmt: skip
    return result.reset_index()


# Subject by subject ---------------------------------------------------------------------------------------------------

Row = dict[str, Any]


def with_python(folder: Path) -> Any:
    """The same in loops: the rows lie in the file subject by subject, and are read in batches."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    people = {row["subject"]: row for row in pq.read_table(folder / "subjects.parquet").to_pylist()}
    found = []
    for subject, rows in itertools.groupby(
        _rows(folder / "lesion_assessments.parquet"), key=lambda row: row["subject"]
    ):
        found.append({"subject": subject, **_of_subject(people[subject], list(rows))})
    return pa.Table.from_pylist(found)


def _rows(file: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq

    columns = ["subject", "visit_date", "is_baseline", "role", "mm", "state", "status"]
    for batch in pq.ParquetFile(file).iter_batches(columns=columns):
        yield from batch.to_pylist()


def _of_subject(person: Row, rows: list[Row]) -> Row:
    rows.sort(key=lambda row: row["visit_date"])
    baseline = nadir = None
    best, progressed, last = "NE", None, None
    order = ["CR", "PR", "SD", "PD", "NE"]
    for day, visit in itertools.groupby(rows, key=lambda row: row["visit_date"]):
        at_visit = list(visit)
        targets = [row for row in at_visit if row["role"] == "target"]
        others = [row["status"] for row in at_visit if row["role"] == "non-target"]
        total = sum(row["mm"] or 0 for row in targets)
        if at_visit[0]["is_baseline"]:
            baseline = nadir = total
            continue
        code = _code(total, baseline, nadir, targets, others, new=any(row["role"] == "new" for row in at_visit))
        nadir = min(nadir, total)
        last = day
        if code == "SD" and (day - person["randomisation_date"]).days < SD_MIN_DAYS:
            code = "NE"
        best = min(best, code, key=order.index)
        if code == "PD":
            progressed = day
            break
    death = None if person["death_date"] is None else date.fromisoformat(person["death_date"])
    event = progressed or death
    return {
        "BOR": best, "PFS": event or last, "PFS_event": int(event is not None),
        "OS": death or person["last_contact_date"], "OS_event": int(death is not None),
    }  # fmt: skip


def _code(total: int, baseline: Any, nadir: Any, targets: list[Row], others: list[str], *, new: bool) -> str:
    if new or "unequivocal" in others or ((total - nadir) * 100 >= nadir * 20 and total - nadir >= 5):
        return "PD"
    if all(row["state"] == "absent" for row in targets):
        return "CR" if all(status == "absent" for status in others) else "PR"
    return "PR" if (baseline - total) * 100 >= baseline * 30 else "SD"


def main(words: list[str]) -> int:
    """`pandas|python FOLDER OUT`: derive the study in FOLDER and write the rows to the Parquet file OUT."""
    way, folder, out = words
    if way == "pandas":
        with_pandas(Path(folder)).to_parquet(out)
    else:
        import pyarrow.parquet as pq

        pq.write_table(with_python(Path(folder)), out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
