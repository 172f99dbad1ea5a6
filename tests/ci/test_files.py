"""The files for GitHub, GitLab and Docker: as the public schemas have them, and as this project is."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from export_pipeline.cli import parser
from export_pipeline.verbs import all_verbs
from export_pipeline.verbs.common import recipe_path
from tests.builds import ROOT

ACTION = ROOT / ".github" / "actions" / "bundle" / "action.yml"
TEMPLATE = ROOT / ".ci" / "gitlab.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCHEMAS = [
    ("vendor.github-actions", ACTION),
    ("vendor.gitlab-ci", TEMPLATE),
    *(("vendor.github-workflows", path) for path in WORKFLOWS),
]


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def checked(schema: str, path: Path) -> subprocess.CompletedProcess[str]:
    if find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema, which carries the schemas, is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("schema", "path"), SCHEMAS, ids=lambda value: getattr(value, "name", value))
def test_a_file_follows_its_public_schema(schema: str, path: Path) -> None:
    done = checked(schema, path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check_can_fail(tmp_path: Path) -> None:
    broken = tmp_path / "action.yml"
    broken.write_text(ACTION.read_text().replace("using: composite", "using: magic"))
    assert checked("vendor.github-actions", broken).returncode == 1


def test_inputs_of_the_action_are_all_used_and_those_used_are_all_there() -> None:
    action = read(ACTION)
    used = set(re.findall(r"\binputs\.([\w-]+)", ACTION.read_text()))
    assert used == set(action["inputs"])
    for name, about in action["inputs"].items():
        assert ("default" in about) != bool(about.get("required")), name
    steps = {step["id"] for step in action["runs"]["steps"] if "id" in step}
    assert set(re.findall(r"\bsteps\.([\w-]+)", ACTION.read_text())) == steps


def test_no_input_is_put_into_a_script() -> None:
    """What a pull request can choose goes through the environment: a shell must never read it as text of its own."""
    for step in read(ACTION)["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), step["name"]
        if "run" in step:
            assert step["shell"] == "bash"


def test_the_workflow_gives_the_action_inputs_that_it_takes() -> None:
    steps = read(ROOT / ".github" / "workflows" / "bundle.yml")["jobs"]["build"]["steps"]
    (step,) = [step for step in steps if step["uses"].startswith("./")]
    assert (ROOT / step["uses"] / "action.yml").is_file()
    assert set(step["with"]) <= set(read(ACTION)["inputs"])
    assert recipe_path(step["with"]["recipe"]).is_file()


def test_paths_that_the_action_and_the_template_name_are_there() -> None:
    for path in re.findall(r"\.\./\.\./\.\./([\w./-]+)", ACTION.read_text()):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"/opt/export-pipeline/([\w./-]+)", TEMPLATE.read_text()):
        assert (ROOT / path).is_file(), path


def test_noise_is_a_warning_in_the_template() -> None:
    job = read(TEMPLATE)[".export-pipeline-bundle"]
    assert job["allow_failure"] == {"exit_codes": [3]}
    assert job["artifacts"]["when"] == "always"


def test_commands_of_the_script_are_those_of_the_command_line() -> None:
    text = (ROOT / ".ci" / "bundle").read_text().replace("\\\n", " ")
    commands = re.findall(r"^export-pipeline (.*?)(?: > .*)?$", text, re.M)
    assert len(commands) == 2
    for command in commands:
        parser(all_verbs()).parse_args(shlex.split(command))


@pytest.mark.parametrize("file", ["Makefile", ".ci/Dockerfile", ".github/actions/bundle/action.yml"])
def test_the_lock_is_installed_as_it_is(file: str) -> None:
    # Asked to resolve it, older pip refuses a package that another wants with an extra: pydantic[email].
    lines = [line for line in (ROOT / file).read_text().splitlines() if "--require-hashes" in line]
    assert lines
    assert all("--no-deps" in line for line in lines)


def test_the_image_has_the_locked_packages_and_what_it_copies_is_there() -> None:
    text = (ROOT / ".ci" / "Dockerfile").read_text()
    sources = [word for line in re.findall(r"^COPY (.*)$", text, re.M) for word in line.split()[:-1]]
    assert {"requirements.lock", "pyproject.toml", "export_pipeline", "models"} <= set(sources)
    sent = {line[1:] for line in (ROOT / ".ci" / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in sent, source
    assert "-r requirements.lock" in text
    assert text.index("requirements.lock") < text.index("COPY export_pipeline")
    (major, minor) = re.findall(r"^FROM python:(\d+)\.(\d+)-", text, re.M)[0]
    assert (3, 10) <= (int(major), int(minor)) <= (3, 13)
    assert re.search(r"^USER (?!root)", text, re.M)
