"""Operations on runs: start, watch, stop; and the results of those that are done."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from rules_engine.service.models import DiffOut, ExplanationOut, RunIn, RunOut, TableOut
from rules_engine.service.problems import ProblemOut, responses
from rules_engine.service.rulesets import Service
from rules_engine.service.store import FINISHED, KeptRun, not_found
from rules_engine.service.tables import MEDIA_TYPES, file_of, rows_of

routes = APIRouter(tags=["runs"])
RunId = Annotated[str, Path(max_length=64)]
#: Seconds for which a request may wait for a run.
LONGEST_WAIT = 20.0
#: A page of ours shows itself, in a frame of ours at most: its style is inline, it has no scripts, and needs nothing else.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox allow-popups"
)
OF_A_DONE_RUN = responses(404, 409, 503, 504)
Paramcd = Annotated[str, Query(max_length=64)]


@routes.get("/runs", responses=responses())
def list_runs(service: Service) -> list[RunOut]:
    """List the runs that are kept, oldest first."""
    return [_told(run) for run in service.runs.all()]


@routes.post("/runs", status_code=202, responses=responses(404, 503))
def start_run(asked: RunIn, service: Service, response: Response) -> RunOut:
    """Start a run; `Location` is where to watch it."""
    study = service.studies.get(asked.study)
    run = service.start(study, asked.ruleset.model_dump(), asked.data_cutoff)
    response.headers["Location"] = f"/api/v1/runs/{run.id}"
    return _told(run)


@routes.get("/runs/{run_id}", responses=responses(404))
async def read_run(run_id: RunId, service: Service, wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0) -> RunOut:
    """Say where a run stands; with `wait`, as soon as it has ended or so many seconds have passed."""
    run = service.runs.get(run_id)
    if wait and run.state not in FINISHED and run.task is not None:
        await asyncio.wait([asyncio.wrap_future(run.task.answer)], timeout=wait)
    return _told(run)


@routes.post("/runs/{run_id}/cancel", responses=responses(404))
def cancel_run(run_id: RunId, service: Service) -> RunOut:
    """Stop a run; one that has ended stays as it is."""
    run = service.runs.get(run_id)
    if run.task is not None and run.state not in FINISHED:
        run.task.cancel()
    return _told(run)


@routes.delete("/runs/{run_id}", status_code=204, responses=responses(404))
def delete_run(run_id: RunId, service: Service) -> None:
    """Stop a run where it is going on, and delete what it came to."""
    service.runs.remove(run_id)


@routes.get(
    "/runs/{run_id}/tables/{table}",
    response_model=TableOut,
    responses={
        **OF_A_DONE_RUN,
        200: {
            "description": "Rows as JSON, or the whole table as a file",
            "content": {kind: {} for kind in MEDIA_TYPES.values()},
        },
    },
)
async def read_table(
    run_id: RunId,
    table: Annotated[str, Path(max_length=64)],
    service: Service,
    format: Literal["json", "csv", "parquet", "arrow"] = "json",  # noqa: A002  (the word of the command line)
    offset: Annotated[int, Query(ge=0, le=10**12)] = 0,
    limit: Annotated[int, Query(ge=0, le=10_000)] = 1_000,
) -> Response:
    """Give a data set of a run (adtr, adrs, adtte, candidates, adae, adlb, ard, findings, discrepancies): rows as JSON, or a file."""
    run = service.runs.get(run_id, done=True)
    tables = (run.summary or {}).get("tables", {})
    if table not in tables:
        raise not_found("table", table)
    file = FilePath(run.folder) / "results" / f"{table}.parquet"
    if format == "json":
        found = await run_in_threadpool(rows_of, file, offset, limit)
        return JSONResponse(found.model_dump())
    content = await run_in_threadpool(file_of, file, format)
    headers = {"Content-Disposition": f'attachment; filename="{table}.{format}"'}
    return Response(content, headers=headers, media_type=MEDIA_TYPES[format])


@routes.get("/runs/{run_id}/report", response_class=HTMLResponse, responses=OF_A_DONE_RUN)
def read_report(run_id: RunId, service: Service) -> HTMLResponse:
    """Give the report: one page."""
    run = service.runs.get(run_id, done=True)
    page = (run.folder / "results" / "report.html").read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})


@routes.get("/runs/{run_id}/manifest", responses=OF_A_DONE_RUN)
def read_manifest(run_id: RunId, service: Service) -> dict[str, Any]:
    """Give the manifest: what was run on what, with the hashes of what came out."""
    run = service.runs.get(run_id, done=True)
    found: dict[str, Any] = json.loads((run.folder / "results" / "manifest.json").read_text(encoding="utf-8"))
    return found


@routes.get("/runs/{run_id}/explanation", responses=OF_A_DONE_RUN)
def explain(
    run_id: RunId,
    service: Service,
    subject: Annotated[str, Query(min_length=1, max_length=200)],
    endpoint: Paramcd | None = None,
    response: Paramcd | None = None,
    visit: Annotated[str, Query(max_length=10)] | None = None,
) -> ExplanationOut:
    """Tell why the records of one subject are as they are: an endpoint, a response stream, a visit, or everything."""
    run = service.runs.get(run_id, done=True)
    asked = {"subject": subject, "endpoint": endpoint, "response": response, "visit": visit}
    return ExplanationOut(**service.ask("explain", folder=str(run.folder), **asked))


@routes.get(
    "/runs/{run_id}/timeline",
    response_class=Response,
    responses={**OF_A_DONE_RUN, 200: {"description": "The picture", "content": {"image/svg+xml": {}}}},
)
def draw_timeline(
    run_id: RunId, service: Service, subject: Annotated[str, Query(min_length=1, max_length=200)]
) -> Response:
    """Draw the course of one subject."""
    run = service.runs.get(run_id, done=True)
    svg = service.ask("timeline", folder=str(run.folder), subject=subject)
    return Response(svg, media_type="image/svg+xml", headers={"Content-Security-Policy": PAGE_POLICY})


@routes.get(
    "/runs/{run_id}/diff",
    response_model=DiffOut,
    responses={**OF_A_DONE_RUN, 200: {"description": "As data, or as a page", "content": {"text/html": {}}}},
)
def diff(
    run_id: RunId,
    service: Service,
    against: Annotated[str, Query(max_length=64)],
    endpoint: Annotated[list[Paramcd] | None, Query(max_length=50)] = None,
    format: Literal["json", "html"] = "json",  # noqa: A002  (as above)
) -> Response:
    """Say what differs between the run `against` (before) and this one (after): rules, records and why, estimates, curves."""
    after, before = service.runs.get(run_id, done=True), service.runs.get(against, done=True)
    found = service.ask(
        "diff", before=str(before.folder), after=str(after.folder), endpoints=endpoint or [], form=format
    )
    if format == "html":
        return HTMLResponse(found, headers={"Content-Security-Policy": PAGE_POLICY})
    return JSONResponse(found)


def _told(run: KeptRun) -> RunOut:
    error = run.error
    return RunOut(
        id=run.id,
        study=run.study,
        state=run.state,
        stage=run.stage,
        exit_code=None if error is None else error.exit_code,
        problems=[] if error is None else [ProblemOut(**problem) for problem in error.problems],
        summary=None if run.summary is None else dict(run.summary),
    )
