"""A study parted by subject in any way, each part run alone and the parts stacked, gives what the whole study gives."""

from __future__ import annotations

import random
from collections.abc import Sequence

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rules_engine import Engine, pipeline, read_study
from rules_engine.engine import Result
from rules_engine.pipeline import Derived, OfSubjects
from rules_engine.simulator import simulate

from tests.strategies.small_studies import protocol, write_tables

CUTOFF = "2025-12-31"


@pytest.fixture(scope="module")
def whole() -> Result:
    """A made-up study with every kind of table and with odd data, run in one piece."""
    study = simulate(40, 11, defects=True)
    return Engine("tace_ici_hcc").run(study, data_cutoff=CUTOFF)


def in_parts(whole: Result, parts: Sequence[Sequence[str]]) -> Result:
    """The same run with each of these lists of subjects run alone."""
    stage = [of_subjects(whole, subjects) for subjects in parts]
    stacked = pipeline.stack(stage)
    study = whole.study
    cohort = pipeline.derive_cohort(
        whole.ruleset, stacked, study.tables, whole.registry, whole.data_cutoff, findings=study.findings
    )
    derived = Derived.of(stacked, cohort)
    return Result(whole.ruleset, study, derived, whole.data_cutoff, whole.registry)


def of_subjects(whole: Result, subjects: Sequence[str]) -> OfSubjects:
    mine = pl.col("subject").is_in(list(subjects))
    tables = {name: rows.filter(mine) for name, rows in whole.study.tables.items()}
    derived = pipeline.derive_subjects(whole.ruleset, tables, whole.registry, whole.data_cutoff)
    # As a part travels between machines: by name, and back.
    return OfSubjects.from_frames(derived.frames())


def assert_same(whole: Result, parted: Result) -> None:
    for name, frame in whole.data_sets().items():
        assert_frame_equal(parted.data_sets()[name], frame), name
    assert parted._page() == whole._page()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_parts_give_what_the_whole_gives(whole: Result, seed: int) -> None:
    rng = random.Random(seed)
    number = rng.randint(2, 4)
    subjects = whole.subjects["subject"].to_list()
    parts: list[list[str]] = [[] for _ in range(number)]
    for subject in subjects:
        parts[rng.randrange(number)].append(subject)
    assert_same(whole, in_parts(whole, parts))


LESIONS = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,viable_mm,assessor,reader
A,2024-01-08,Y,T1,target,liver,40,,X,
A,2024-03-04,N,T1,target,liver,20,,X,
A,2024-04-29,N,T1,target,liver,60,,X,
A,2024-06-24,N,T1,target,liver,30,,X,
B,2024-01-08,Y,T1,target,liver,50,,X,
B,2024-03-04,N,T1,target,liver,70,,X,
B,2024-03-04,N,T1,target,liver,70,,Y,
B,2024-04-29,N,T1,target,liver,90,,X,
C,2024-01-08,Y,T1,target,liver,50,,X,
C,2024-03-04,N,T1,target,liver,48,,X,
"""
SUBJECTS = """
subject,arm,randomisation_date,baseline_date,baseline_adequate,death_date,last_contact_date
A,X,2024-01-10,2024-01-08,Y,,2024-12-31
B,Y,2024-01-10,2024-01-08,Y,2024-05-01,2024-12-31
C,,2024-01-10,2024-01-08,Y,,2024-12-31
"""
TREATMENTS = """
subject,treatment,component,kind,start_date
A,TACE,tace,,2024-01-10
A,Drug,ici,,2024-02-20
B,TACE,tace,,2024-01-10
C,Drug,ici,,2024-01-15
C,TACE,tace,,2024-01-25
"""
#: One component is collected for A alone, another for C alone.
COLLECTED = """
subject,date,criterion,response,target,new_lesion
A,2024-03-04,RECIST 1.1,PR,SD,
A,2024-04-29,RECIST 1.1,PD,PD,
C,2024-03-04,RECIST 1.1,SD,,yes
"""
#: Two codes of one name, in different subjects; results that nobody can grade.
LABS = """
subject,date,analyte,value,unit,lln,uln
A,2024-01-09,ALT,20,U/L,,40
A,2024-03-04,GPT,200,U/L,,40
B,2024-03-04,ALT,30,U/L,,40
B,2024-03-04,XYZ,3,,,
C,2024-03-04,XYZ,3,,,
C,2024-03-05,XYZ,4,,,
"""
PARTS = [
    [["A", "B", "C"]], [["A"], ["B"], ["C"]], [["C"], ["B"], ["A"]], [["B"], ["A", "C"]], [["A", "B"], ["C"]], [[], ["B", "C", "A"]],
]  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Three subjects with everything that is judged of the subjects together."""
    folder = write_tables(
        tmp_path_factory.mktemp("small"), subjects=SUBJECTS, lesion_assessments=LESIONS, treatments=TREATMENTS,
        response_assessments=COLLECTED, labs=LABS,
    )  # fmt: skip
    first = {"origin": "first_component", "origin_components": ["first_tace", "first_ici"]}
    document = protocol(
        {"overall": {"criterion": "recist_1_1"}, "viable": {"criterion": "mrecist"}},
        endpoints={
            "PFS": {"like": "PFS", "response": "overall", "options": first},
            "TTP": {"like": "TTP", "response": "viable", "options": {**first, "pd_rule": "first_pd_pseudo_confirm"}},
            "BOR": {"like": "BOR", "response": "overall", "options": first},
        },
        labs={"grading": "ctcae_v5"},
    )
    return Engine(document).run(read_study(folder), data_cutoff="2024-12-31")


def test_the_small_study_has_what_depends_on_all_subjects(small: Result) -> None:
    rules = set(small.findings["rule_id"])
    assert {
        "lesions.column.empty", "endpoint.origin.immortal_time", "endpoint.origin.incomplete_combination", "grading.labs.not_graded",
    } <= rules  # fmt: skip
    assert set(small.discrepancies["component"]) >= {"target", "new_lesion", "overall"}
    assert set(small.adlb["PARAM"]) >= {"Alanine Aminotransferase (ALT)", "Alanine Aminotransferase (GPT)"}


@pytest.mark.parametrize("parts", PARTS)
def test_what_depends_on_all_subjects_is_the_same_from_parts(small: Result, parts: list[list[str]]) -> None:
    assert_same(small, in_parts(small, parts))
