"""Which end of a job's process is a result, and which is a fault."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from export_pipeline.errors import CheckFailed, OutputError, PipelineError, RecipeError, StoreError, UsageError
from export_pipeline.sweep import __main__ as child
from export_pipeline.sweep.jobs import CHECK_FAILED, STORE_LOST, Job
from export_pipeline.sweep.processes import Failure, run_jobs


class NewerJob(Job):
    """A job as another version would write it, with a key that this one does not know."""

    colour: str = "red"


def failure_of(job: Job) -> Failure:
    (failure,) = run_jobs([job], 1, lambda line: None).values()
    return failure


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(kind="train", label="it", recipe={}, relative_to=tmp_path, folder=tmp_path / "job")


def ended_with(code: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an interpreter that ends every job with *code*."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\necho the last line\nexit {code}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_a_job_that_cannot_be_read_is_a_fault(job: Job) -> None:
    failure = failure_of(NewerJob(**dict(job)))
    assert failure.how == "broken"
    assert "colour" in failure.reason


def test_a_crash_of_the_interpreter_is_a_fault(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended_with(1, tmp_path, monkeypatch)
    assert failure_of(job) == Failure("the last line", "broken")


def test_a_check_that_failed_is_a_result(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended_with(CHECK_FAILED, tmp_path, monkeypatch)
    assert failure_of(job) == Failure("the last line", "failed")


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (CheckFailed("a check"), CHECK_FAILED),
        (UsageError("wrong"), PipelineError.exit_code),
        (RecipeError("wrong"), PipelineError.exit_code),
        (StoreError("away"), STORE_LOST),
        (OutputError("the disk is full"), child.UNEXPECTED),
        (ValueError("unforeseen"), child.UNEXPECTED),
    ],
)
def test_a_job_ends_by_what_went_wrong(
    error: PipelineError | ValueError, wanted: int, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Job) -> None:
        raise error

    monkeypatch.setattr(child, "run_job", fails)
    (tmp_path / "job.json").write_text(job.model_dump_json())
    assert child.main([str(tmp_path / "job.json")]) == wanted
