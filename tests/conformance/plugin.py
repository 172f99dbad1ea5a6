"""A pytest plugin that lets Apple's own operation tests compare where Core ML is not.

The tests lie inside the installed coremltools wheel and are run from there. Away from macOS they stop before they
predict; with the two facts below changed and ``MLModel.predict`` done by the emulator they go on and compare, with
their own tolerances.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import random
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import install
from export_pipeline.emulator.coremltools_quietly import coremltools, quiet
from export_pipeline.emulator.lower_network import all_layers
from export_pipeline.emulator.program import walk_operations
from tests.conformance.stand_ins import stand_in
from tests.conformance.summary import read

MACOS = (15, 5)  # the release whose Core ML the tests in coremltools 9 are written for
NO_TORCH = "PyTorch not found."  # what the tests themselves say where they check for it
RECORD = "CONFORMANCE_RECORD"
# Seconds after which no further case is run; the cases are then run in the order of a hash, as a fair sample.
SECONDS = "CONFORMANCE_SECONDS"
# Set where the tests are not those of operations: they ask for the system in further places.
EVERYWHERE = "CONFORMANCE_EVERYWHERE"
# Compares nothing where the system is Linux, and asks Python for it.
ASKS_PYTHON = "coremltools.test.optimize.torch.conversion.conversion_utils"
_USED = pytest.StashKey[list[tuple[str, str]]]()
_PREDICTED = pytest.StashKey[bool]()
_END = pytest.StashKey[float]()


def pytest_configure() -> None:
    """Before any test module is imported: they read the platform when they are."""
    os.environ["TQDM_DISABLE"] = "1"
    utils = coremltools().models.utils
    utils._macos_version = lambda: MACOS
    with quiet():
        from coremltools.converters.mil import testing_utils
    testing_utils._IS_MACOS = True
    if os.environ.get(EVERYWHERE):
        coremltools()._deps._IS_MACOS = True
        utils._is_macos = lambda: True
        # Modules of coremltools that have taken the function by its name already.
        for name, module in list(sys.modules.items()):
            if name.startswith("coremltools") and hasattr(module, "_macos_version"):
                module._macos_version = utils._macos_version
        stand_in()
    install()
    # Some tests expect to fail with Core ML on Intel processors, which is not what runs here.
    platform.machine = lambda: "arm64"


def pytest_pycollect_makeitem(obj: object) -> None:
    """Classes that are set up by ``setup``, as nose had it, go on being so: pytest has left that."""
    for name in ("setup", "teardown"):
        if isinstance(obj, type) and name in vars(obj) and not hasattr(obj, f"{name}_method"):
            setattr(obj, f"{name}_method", vars(obj)[name])


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Count the cases, leave out those that an earlier run has recorded, and mix them if only some can be run."""
    Path(f"{os.environ[RECORD]}.total").write_text(str(len(items)), encoding="utf-8")
    done = {row["name"] for row in read(Path(os.environ[RECORD]))}
    items[:] = [item for item in items if item.nodeid not in done]
    if SECONDS in os.environ:
        # What Apple calls slow takes minutes a case: last, so that it is not begun when the time is over.
        items.sort(key=lambda item: (item.get_closest_marker("slow") is not None, zlib.crc32(item.nodeid.encode())))
        session.stash[_END] = time.monotonic() + float(os.environ[SECONDS])


def pytest_collection_finish() -> None:
    """``ct.convert`` collects garbage each time, for 40 % of the time of a run: let it see only what is new."""
    say_macos(sys.modules)
    gc.freeze()
    gc.callbacks.append(_freeze)


def say_macos(modules: Mapping[str, Any]) -> None:
    """Let what of *modules* asks Python for the system hear macOS."""
    if ASKS_PYTHON in modules:
        modules[ASKS_PYTHON].sys = SimpleNamespace(platform="darwin")


def _freeze(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Leave out what comes after the time is over."""
    return True if time.monotonic() > item.session.stash.get(_END, float("inf")) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note whether the test asks for a prediction: only then does it compare anything.

    Tests draw their inputs at random; a seed from the test's name makes them the same in every run.
    """
    seed = zlib.crc32(item.nodeid.encode())
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)
    model_class = coremltools().models.MLModel
    predict = model_class.predict

    def noted(*args: Any, **kwargs: Any) -> Any:
        item.stash[_PREDICTED] = True
        item.stash[_USED] = sorted(set(kinds(args[0]._spec)))  # get_spec would copy it, weights and all
        return predict(*args, **kwargs)

    model_class.predict = noted
    try:
        yield
    finally:
        model_class.predict = predict


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Write one line for each case."""
    report: Any = yield
    if report.when == "call" or (report.outcome != "passed" and report.when == "setup"):
        compared = item.stash.get(_PREDICTED, False)
        reason = _reason(report, call)
        outcome = "skipped" if reason == NO_TORCH else report.outcome
        _record(item.nodeid, _backend(item), outcome, compared, reason, item.stash.get(_USED, ()))
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be collected counts too, with why."""
    if report.outcome != "passed" and report.nodeid.endswith(".py"):
        reason = str(report.longrepr).strip().splitlines()[-1]
        _record(report.nodeid, "none", "uncollected", False, NO_TORCH if "'torch'" in reason else reason)


def kinds(spec: Any) -> Iterator[tuple[str, str]]:
    """The operations of a program with their opset, or the layers of a network, which has none."""
    if spec.WhichOneof("Type") == "mlProgram":
        for function in spec.mlProgram.functions.values():
            opset = f"iOS{int(function.opset.removeprefix('CoreML')) + 10}"  # CoreML5 came with iOS 15
            yield from ((operation.type, opset) for operation in walk_operations(function))
    elif spec.WhichOneof("Type").startswith("neuralNetwork"):
        layers = all_layers(getattr(spec, spec.WhichOneof("Type")))
        yield from ((str(layer.WhichOneof("layer")), "any") for layer in layers)


def _record(name: str, backend: str, outcome: str, compared: bool, reason: str, used: Any = ()) -> None:
    line: dict[str, Any] = {
        "name": name,
        "backend": backend,
        "outcome": outcome,
        "compared": compared,
        "reason": reason,
    }
    line["used"] = list(used)
    with Path(os.environ[RECORD]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _backend(item: pytest.Item) -> str:
    backend = getattr(item, "callspec", None) and item.callspec.params.get("backend")  # type: ignore[attr-defined]
    if isinstance(backend, tuple):
        return str(backend[0])
    return str(getattr(backend, "backend", "none"))  # pytest gives a mark of its own where there are no cases


def _reason(report: Any, call: pytest.CallInfo[None]) -> str:
    if report.outcome == "skipped":
        where = report.longrepr
        return str(where[-1]).removeprefix("Skipped: ") if isinstance(where, tuple) else f"xfail: {report.wasxfail}"
    if call.excinfo is None:
        return ""
    if "'torch'" in str(call.excinfo.value):
        return NO_TORCH
    lines = [line.strip() for line in str(call.excinfo.value).splitlines() if line.strip()]
    return f"{call.excinfo.typename}: {' '.join(lines[:4])[:900]}"
