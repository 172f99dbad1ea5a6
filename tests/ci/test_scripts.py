"""The scripts that CI runs, with stand-ins for what they call."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builds import ROOT
from tests.ci.test_files import ACTION

MARK = "<!-- export-pipeline diff of mosaic -->"


def stand_in(folder: Path, name: str, text: str) -> None:
    """A command of this *name* that does *text*."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def bash(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    found = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", **environment}
    return subprocess.run(["bash", *arguments], cwd=folder, env=found, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("build", "diff", "code"),
    [(0, 0, 0), (0, 1, 1), (0, 3, 3), (1, 0, 1), (3, 0, 3), (3, 1, 1), (1, 3, 1), (1, 2, 2), (2, 0, 2), (130, 0, 130)],
)
def test_a_bundle_is_built_and_compared_and_the_worst_counts(tmp_path: Path, build: int, diff: int, code: int) -> None:
    stand_in(tmp_path, "export-pipeline", f'echo "$@" >> log\nif [ "$1" = build ]; then exit {build}; fi\nexit {diff}')
    new = "artifacts/mosaic" if build == 0 else "artifacts/.mosaic.work/export"
    (tmp_path / new).mkdir(parents=True)
    (tmp_path / new / "report.json").write_text("{}")
    done = bash(tmp_path, str(ROOT / ".ci" / "bundle"), RECIPE="mosaic.toml", BUNDLE="artifacts/mosaic", RELEASE="old")
    assert done.returncode == code, done.stderr
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0].startswith("build mosaic.toml -o artifacts/mosaic --json --junit bundle-results/build.xml")
    if build == 2:
        assert len(lines) == 1  # there is nothing to compare
        return
    assert lines[1].startswith(f"diff old {new} ")


def test_a_build_that_came_to_no_report_is_not_compared(tmp_path: Path) -> None:
    stand_in(tmp_path, "export-pipeline", 'echo "$@" >> log\nexit 1')
    done = bash(tmp_path, str(ROOT / ".ci" / "bundle"), RECIPE="a", BUNDLE="b", RELEASE="old")
    assert done.returncode == 1
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_without_a_release_nothing_is_compared(tmp_path: Path) -> None:
    stand_in(tmp_path, "export-pipeline", 'echo "$@" >> log')
    assert bash(tmp_path, str(ROOT / ".ci" / "bundle"), RECIPE="a", BUNDLE="b", RESULTS="results").returncode == 0
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert (tmp_path / "results" / "report.json").is_file()


def test_a_recipe_must_be_named(tmp_path: Path) -> None:
    done = bash(tmp_path, str(ROOT / ".ci" / "bundle"), BUNDLE="b", RECIPE="")
    assert done.returncode
    assert "names the recipe" in done.stderr


def step(name: str) -> str:
    """The script of a step of the action."""
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    (found,) = [one["run"] for one in steps if one["name"] == name]
    return str(found)


@pytest.mark.parametrize(
    ("code", "noisy", "ends"),
    [("0", "warn", 0), ("1", "warn", 1), ("3", "warn", 0), ("3", "fail", 3), ("2", "fail", 2)],
)
def test_the_verdict_of_the_action(tmp_path: Path, code: str, noisy: str, ends: int) -> None:
    done = bash(tmp_path, "-e", "-c", step("Verdict"), CODE=code, NOISY=noisy)
    assert done.returncode == ends
    assert ("::warning::" in done.stdout) == (code == "3" and noisy == "warn")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq, which GitHub's runners have, is not installed")
@pytest.mark.parametrize(("earlier", "method"), [(f"{MARK}\nold", "PATCH"), ("another's comment", "POST")])
def test_a_comment_on_github_replaces_the_earlier_one(tmp_path: Path, earlier: str, method: str) -> None:
    (tmp_path / "bundle-results").mkdir()
    (tmp_path / "bundle-results" / "diff.md").write_text(f"{MARK}\n\nnew\n")
    (tmp_path / "comments.json").write_text(json.dumps([{"id": 7, "body": earlier}]))
    stand_in(tmp_path, "gh", 'echo "$@" >> log\nif [ "$2" = --paginate ]; then cat comments.json; fi')
    about = {"GITHUB_REPOSITORY": "team/app", "NUMBER": "5", "RESULTS": "bundle-results"}
    done = bash(tmp_path, "-e", "-o", "pipefail", "-c", step("Comment"), **about)
    assert done.returncode == 0, done.stderr
    wrote = (tmp_path / "log").read_text().splitlines()[1]
    place = "repos/team/app/issues/comments/7" if method == "PATCH" else "repos/team/app/issues/5/comments"
    assert wrote == f"api --method {method} {place} --field body=@bundle-results/diff.md"


@contextmanager
def gitlab(notes: list[dict[str, Any]]) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """A server on this machine that has *notes*; its address, and what it was asked beside reading."""
    asked: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(notes if self.path.endswith("page=1") else [])

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append((self.command, self.path, json.loads(self.rfile.read(length))))
            self._answer({})

        do_PUT = do_POST  # noqa: N815

        def _answer(self, data: Any) -> None:
            assert self.headers["PRIVATE-TOKEN"] == "secret"
            body = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v4", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("body", "method", "end"), [(f"{MARK} old", "PUT", "/notes/7"), ("other", "POST", "/notes")])
def test_a_comment_on_gitlab_replaces_the_earlier_one(tmp_path: Path, body: str, method: str, end: str) -> None:
    text = tmp_path / "diff.md"
    text.write_text(f"{MARK}\n\nnew\n")
    with gitlab([{"id": 3, "body": "hello"}, {"id": 7, "body": body}]) as (url, asked):
        about = {"CI_API_V4_URL": url, "CI_PROJECT_ID": "1", "CI_MERGE_REQUEST_IID": "5"}
        environment = {**os.environ, **about, "EXPORT_PIPELINE_TOKEN": "secret"}
        command = [sys.executable, str(ROOT / ".ci" / "comment.py"), str(text)]
        subprocess.run(command, env=environment, check=True)
    assert asked == [(method, f"/api/v4/projects/1/merge_requests/5{end}", {"body": text.read_text()})]
