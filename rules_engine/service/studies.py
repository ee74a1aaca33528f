"""Operations on studies: those that the service was started with, and those that are uploaded."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Path, UploadFile

from rules_engine.errors import EXIT_DATA
from rules_engine.service.models import StudyFilesOut, StudyOut
from rules_engine.service.problems import RequestError, responses
from rules_engine.service.rulesets import Service
from rules_engine.service.store import FILE_NAME, KeptStudy

routes = APIRouter(tags=["studies"])
StudyId = Annotated[str, Path(max_length=64)]
MOST_FILES = 100


@routes.get("/studies", responses=responses())
def list_studies(service: Service) -> list[StudyOut]:
    """List the studies that a run may name."""
    return [_told(study) for study in service.studies.all()]


@routes.post("/studies", status_code=201, responses=responses(503, 504))
def upload_study(
    service: Service,
    files: Annotated[
        list[UploadFile], File(description="One file per table, named after it: subjects.csv, labs.parquet …")
    ],
    title: Annotated[str, Form(max_length=200)] = "uploaded",
) -> StudyOut:
    """Upload a study. Files are named after their tables, as in a folder; the last studies uploaded are kept."""
    endings = service.ask_once("suffixes")
    content: dict[str, bytes] = {}
    problems = []
    for file in files[:MOST_FILES]:
        name = file.filename or ""
        fault = _fault_of(name, endings, content)
        if fault:
            problems.append({"where": f"file {name[:80]!r}", "what": fault, "remedy": "name each file after its table"})
        else:
            content[name] = file.file.read()
    if len(files) > MOST_FILES:
        problems.append(
            {"where": "files", "what": f"there are more than {MOST_FILES}", "remedy": "send the tables alone"}
        )
    if problems:
        raise RequestError(422, "The files cannot be a study", problems, EXIT_DATA)
    return _told(service.studies.add(title or "uploaded", content))


def _fault_of(name: str, endings: list[str], there: dict[str, bytes]) -> str:
    if not FILE_NAME.fullmatch(name):
        return "its name is not that of a table with an ending, in letters, digits, - and _"
    if not any(name.lower().endswith(ending) for ending in endings):
        return f"no reader reads files of this kind (known: {', '.join(endings)})"
    if name.lower() in {other.lower() for other in there}:
        return "it is there twice"
    return ""


@routes.get("/studies/{study_id}", responses=responses(404, 503, 504))
def read_study(study_id: StudyId, service: Service) -> StudyFilesOut:
    """Give a study and its files."""
    study = service.prepared(service.studies.get(study_id))
    files = service.ask("study", study={"folder": str(study.folder), "name": study.id})
    return StudyFilesOut(**_told(study).model_dump(), files=files)


@routes.delete("/studies/{study_id}", status_code=204, responses=responses(404, 409))
def delete_study(study_id: StudyId, service: Service) -> None:
    """Delete an uploaded study."""
    service.studies.remove(study_id)


def _told(study: KeptStudy) -> StudyOut:
    return StudyOut(id=study.id, title=study.title, origin=study.origin, data_cutoff=study.data_cutoff)
