"""A representative part of Apple's own operation tests, and that SUPPORT.md says what the full run found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.conformance import __main__ as conformance
from tests.conformance import plugin, record, stand_ins, suites, support
from tests.conformance.__main__ import main, run
from tests.conformance.causes import CAUSES, NOT_EXPLAINED, cause_of, cause_of_message, kind_of
from tests.conformance.record import RESULTS
from tests.conformance.summary import missed

# One case or a few of every operation: what the tests call a smoke test.
PART = [
    "iOS14",
    "iOS15",
    "iOS16",
    "iOS17/test_scatter_gather.py",
    "iOS17/test_image_resizing.py",
    "iOS18/test_states.py",
]
CHOICE = (
    "smoke and not epsilon and not TestScatter"
    # Of two operations that take every type together with every other one, one type with all others.
    " and not (iOS17 and TestGather and not TestGatherNd and not float32)"
    " and not (TestReshapeLike and not int32)"
)
_ROW = {"backend": "mlprogram", "outcome": "passed", "compared": True, "reason": "", "used": []}


@pytest.fixture(scope="module")
def part() -> dict[str, Any]:
    return run([*PART, "-k", CHOICE])


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself is there")
@pytest.mark.parametrize(("backend", "least"), [("mlprogram", 150), ("neuralnetwork", 100)])
def test_smoke_tests_pass_or_are_listed(part: dict[str, Any], backend: str, least: int) -> None:
    assert part["backends"][backend]["compared"] >= least
    assert {failure["test"] for failure in part["failures"]} <= set(CAUSES)


def test_full_run_reaches_its_targets_and_every_failure_has_its_cause() -> None:
    assert not missed(RESULTS)


def _results(**changes: dict[str, int]) -> dict[str, Any]:
    backends = {"mlprogram": {"compared": 4000, "passed": 3920}, "neuralnetwork": {"compared": 1300, "passed": 1170}}
    return {"backends": {name: {**row, **changes.get(name, {})} for name, row in backends.items()}, "failures": []}


def test_missed_targets_are_said() -> None:
    assert not missed(_results())
    assert missed(_results(mlprogram={"passed": 3919})) == ["mlprogram: 3919 of 4000 cases pass, fewer than 98%"]
    assert missed(_results(neuralnetwork={"passed": 1169})) == [
        "neuralnetwork: 1169 of 1300 cases pass, fewer than 90%"
    ]
    fewer = {"compared": 1299, "passed": 1299}
    assert missed(_results(neuralnetwork=fewer)) == ["neuralnetwork: 1299 cases compare numbers, fewer than 1300"]
    unknown = {**_results(), "failures": [{"test": "iOS19/test_new.py::test"}]}
    assert missed(unknown) == ["iOS19/test_new.py::test fails and is not in causes.py"]


def _kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a full run keeps its record in this test."""
    monkeypatch.setattr(record, "PATH", tmp_path / "results.json")
    monkeypatch.setattr(support, "write", lambda _: None)
    return tmp_path / "results.json"


@pytest.mark.parametrize("code", [2, 3, 4, 5, -9])
def test_a_run_that_breaks_off_keeps_nothing(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = _kept(monkeypatch, tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], code))
    with pytest.raises(SystemExit, match=f"pytest ended with {code}"):
        main([])
    assert not kept.exists()


def test_a_run_that_was_interrupted_leaves_out_what_it_has_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "runs/cases.jsonl"

    def interrupted(*_: Any, env: dict[str, str], **__: Any) -> subprocess.CompletedProcess[str]:
        monkeypatch.setenv(plugin.RECORD, env[plugin.RECORD])
        items: Any = [SimpleNamespace(nodeid=name) for name in ("a.py::one", "a.py::two")]
        plugin.pytest_collection_modifyitems(SimpleNamespace(stash={}), items)  # type: ignore[arg-type]
        left.append([item.nodeid for item in items])
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**_ROW, "name": "broken.py", "outcome": "uncollected"}) + "\n")
            file.writelines(json.dumps({**_ROW, "name": item.nodeid}) + "\n" for item in items[:1])
        return subprocess.CompletedProcess([], 0 if len(items) < 2 else -15)

    left: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(SystemExit, match="pytest ended with -15"):
        run([], kept=kept)
    results = run([], kept=kept)
    assert left == [["a.py::one", "a.py::two"], ["a.py::two"]]
    assert results["backends"]["mlprogram"]["passed"] == 2
    assert results["uncollected"] == {"broken.py": ""}


def test_slow_cases_come_last_in_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cases").touch()
    monkeypatch.setenv(plugin.RECORD, str(tmp_path / "cases"))
    monkeypatch.setenv(plugin.SECONDS, "60")
    made = [(f"a.py::{number}", number % 3 == 0) for number in range(12)]
    items: Any = [
        SimpleNamespace(nodeid=name, get_closest_marker=lambda _, late=late: late or None) for name, late in made
    ]
    plugin.pytest_collection_modifyitems(SimpleNamespace(stash={}), items)  # type: ignore[arg-type]
    slow = dict(made)
    assert [slow[item.nodeid] for item in items] == [False] * 8 + [True] * 4
    assert [item.nodeid for item in items[:8]] != [name for name, late in made if not late]


@pytest.mark.parametrize(
    ("name", "arguments", "paths"),
    [
        ("mil", [], [""]),
        ("mil", ["-k", "smoke"], [""]),
        ("mil", ["iOS15", "-k", "smoke"], ["iOS15"]),
        ("mil", ["iOS14/test_conv.py::TestConv"], ["iOS14/test_conv.py::TestConv"]),
        ("optimize", [], ["api", "coreml", "torch", "test_utils.py"]),
        ("optimize", ["coreml"], ["coreml"]),
    ],
)
def test_what_is_run_lies_in_the_suite(
    name: str, arguments: list[str], paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def told(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        (tmp_path / "cases.total").write_text("0", encoding="utf-8")
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(subprocess, "run", told)
    run(arguments, name, kept=tmp_path / "cases")
    base = conformance.suite(name)
    assert [part for part in commands[0] if part.startswith(str(base))] == [str(base / path) for path in paths]


def test_what_asks_python_for_the_system_hears_macos() -> None:
    asking, other = SimpleNamespace(sys=sys), SimpleNamespace(sys=sys)
    plugin.say_macos({plugin.ASKS_PYTHON: asking, "other": other})
    assert asking.sys.platform == "darwin"
    assert other.sys is sys


def test_a_class_is_set_up_as_nose_had_it() -> None:
    class Old:
        def setup(self) -> None:
            self.made = 1

    class New(Old):
        def setup_method(self) -> None:
            self.made = 2

        def setup(self) -> None:
            self.made = 3

    made: list[Any] = [Old(), New()]
    for one in made:
        plugin.pytest_pycollect_makeitem(type(one))
        one.setup_method()
    assert [one.made for one in made] == [1, 2]
    assert not hasattr(Old, "teardown_method")


def test_what_takes_the_place_of_the_houses_has_their_shape_and_is_always_the_same() -> None:
    houses = stand_ins.houses()
    assert houses["data"].shape == (506, 13)
    assert houses["target"].shape == (506,)
    assert set(houses["data"][:, 3]) == {0, 1}
    assert len(set(houses["data"][:, 8])) == 9
    assert ((houses["target"] >= 5) & (houses["target"] <= 50)).all()
    assert houses["target"].std() > 3
    assert [type(name) for name in houses["feature_names"]] == [str] * 13
    assert np.array_equal(houses["data"], stand_ins.houses()["data"])


@pytest.mark.parametrize(("passed", "code"), [(4000, 0), (3000, 1)])
def test_a_full_run_ends_as_its_targets_say(
    passed: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = _kept(monkeypatch, tmp_path)
    results = _results(mlprogram={"passed": passed})
    monkeypatch.setattr(conformance, "run", lambda *_: results)
    assert main([]) == code
    assert json.loads(kept.read_text("utf-8")) == results


def test_every_failure_is_counted() -> None:
    failed = sum(counts["failed"] for counts in RESULTS["backends"].values())
    assert sum(failure["cases"] for failure in RESULTS["failures"]) == failed


def test_every_skip_has_its_cause() -> None:
    assert not [reason for reason in RESULTS["skipped"] if kind_of(reason) == NOT_EXPLAINED]


def test_the_further_suites_were_run_and_every_failure_has_its_cause() -> None:
    found = suites.read()
    assert set(found) == set(conformance.SUITES) - {conformance.OPERATIONS}
    for row in found.values():
        assert row["counts"]["passed"] >= 40
        assert row["counts"]["collected"] <= row["there"]
        failures = row["failures"]
        assert not [each for each in failures if cause_of_message(each["test"], each["message"]) == NOT_EXPLAINED]
        assert sum(each["cases"] for each in failures) == row["counts"]["failed"]


def test_what_nobody_explained_is_called_so() -> None:
    assert cause_of("iOS19/test_new.py::Test::test") == NOT_EXPLAINED
    assert kind_of("no reason") == NOT_EXPLAINED


def test_support_says_what_the_code_and_the_full_run_say() -> None:
    assert support.PATH.read_text("utf-8") == support.text(RESULTS)
