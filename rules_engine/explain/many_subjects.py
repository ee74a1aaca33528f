"""The endpoints of many subjects told at once: derived once for all of them, then told one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from rules_engine import pipeline
from rules_engine.explain.endpoint import EndpointStory
from rules_engine.explain.endpoint_of_subject import tell_subjects
from rules_engine.explain.subject import held
from rules_engine.model import Ruleset
from rules_engine.registry import Registry


def tell_endpoints_of(
    subjects: Sequence[str], tables: Mapping[str, pl.LazyFrame], timepoints: Mapping[str, pl.DataFrame],
    ruleset: Ruleset, registry: Registry, cutoff: date,
) -> dict[str, list[EndpointStory]]:  # fmt: skip
    """By subject the stories of all endpoints, in the order of the ruleset: those that `explain_subject` tells.

    `tables` are the study's canonical tables, `timepoints` what a run derived from them, by response.
    """
    wanted = pl.LazyFrame({"subject": list(subjects)}, schema={"subject": pl.String})
    of_them = {
        name: rows.join(wanted, on="subject", how="semi")
        for name, rows in pipeline.tables_as_of(tables, cutoff).items()
    }
    derived = {name: rows.join(wanted.collect(), on="subject", how="semi") for name, rows in timepoints.items()}
    streams = pipeline.assessment_streams(ruleset, of_them, derived, registry)
    gathered = {name: held(one) for name, one in pipeline.gather_records(ruleset, of_them, streams).items()}
    told: dict[str, list[EndpointStory]] = {subject: [] for subject in subjects}
    for endpoint in ruleset.endpoints.values():
        stories = tell_subjects(ruleset, registry, cutoff, endpoint, gathered[endpoint.response], subjects)
        for subject, story in stories.items():
            told[subject].append(story)
    return told
