"""What every test can use: golden files, and properties that try the same examples each time."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import export_pipeline  # noqa: F401 - chooses Keras 2 before any test loads TensorFlow
from export_pipeline.base.cores import cores
from export_pipeline.formats import SUFFIXES, format_of
from export_pipeline.targets import TARGETS
from tests import builds

pytest_plugins = ["tests.small_training", "tests.measured_here", "tests.shared"]

# Builds may choose the threads of TensorFlow's operations before it starts. Which test of a process comes first must
# not decide it for the others; processes that tests start inherit this.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(cores()))

# A test that passes passes everywhere: fixed examples, and no deadline on a busy machine.
hypothesis.settings.register_profile("project", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("project")


# Longest first: where several processes share the files, none is left with a long one at the end.
LONGEST = (
    "tests/test_pipeline.py",
    "tests/sweep/test_sweep.py",
    "tests/export/test_contract.py",
    "tests/tasks/test_parity_build.py",
    "tests/models/test_networks.py",
    "tests/conformance/test_conformance.py",
    "tests/emulator/test_operations.py",
    "tests/readme/test_bundle.py",
    "tests/tasks/test_segmentation_build.py",
    "tests/train/test_fit.py",
    "tests/export/test_forms.py",
    "tests/readme/test_results.py",
    "tests/readme/test_verbs.py",
    "tests/train/test_micro_batches.py",
    "tests/report/test_report.py",
    "tests/gatys/test_gatys.py",
    "tests/formats/coreai/test_operations.py",
    "tests/perception/test_judge.py",
)


# Whole builds, trainings, large sets of files, and commands of the README: two fifths of the time that all take.
# `make test` leaves them to `make test-slow`.
SLOW = (
    "tests/compress/test_quantize.py",
    "tests/distill/test_collaborator.py",
    "tests/distill/test_distillation.py",
    "tests/export/test_forms.py",
    "tests/export/test_half_range.py",
    "tests/formats/coreai/test_cross.py",
    "tests/formats/coreai/test_layers.py",
    "tests/formats/test_flexible.py",
    "tests/gatys/test_gatys.py",
    "tests/readme/test_bundle.py",
    "tests/readme/test_results.py",
    "tests/readme/test_verbs.py",
    "tests/sweep/test_sweep.py",
    "tests/tasks/test_parity_build.py",
    "tests/tasks/test_segmentation_build.py",
    "tests/test_flexible.py",
    "tests/test_pipeline.py",
    "tests/test_sizes.py",
    "tests/test_wheel.py",
    "tests/train/test_fit.py",
    "tests/train/test_micro_batches.py",
    "tests/work/test_taken.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(_file(item), len(LONGEST)))
    for item in items:
        if _file(item) in SLOW:
            item.add_marker(pytest.mark.slow)


def _file(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that is given a target or a suffix whose library is not here, and say why."""
    given = getattr(item, "callspec", None)
    for value in given.params.values() if given else ():
        if not isinstance(value, str) or not (value in TARGETS or value in SUFFIXES):
            continue
        if reason := format_of(TARGETS[value].file_name("a") if value in TARGETS else f"a{value}").missing():
            pytest.skip(f"{value}: {reason}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="record the golden files anew instead of comparing")


@pytest.fixture(scope="module", autouse=True)
def _little_garbage_to_look_through() -> None:
    """What lives on is no garbage: TensorFlow's objects are a million, and ``ct.convert`` collects each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)`` requires that *text* is what ``golden/<name>`` beside the test holds.

    ``make golden`` records it anew; the diff is then read before it is committed.
    """
    folder = Path(request.path).parent / "golden"

    def check(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--update-golden"):
            folder.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
        assert path.is_file(), f"no golden file {path}; `make golden` records it"
        assert text == path.read_bytes().decode()

    return check


@pytest.fixture(scope="session")
def vgg_arrays() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return builds.vgg_arrays()


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builds.vgg_weights(tmp_path_factory.mktemp("vgg") / "random.npz")


@pytest.fixture(scope="session")
def vgg_cached() -> None:
    """VGG-19's own weights, fetched once; a test that needs them is skipped where they cannot be had."""
    from export_pipeline.errors import WeightsError
    from export_pipeline.perception.vgg_weights import vgg19_weights

    try:
        vgg19_weights()
    except WeightsError as error:
        pytest.skip(f"VGG-19's weights: {error}")


@pytest.fixture(scope="session")
def data() -> Path:
    """Photographs, paintings and published models that the project is measured on but does not hold."""
    beside = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("EXPORT_PIPELINE_DATA", beside))
    if not (folder / "content").is_dir():
        pytest.skip("no measuring data: EXPORT_PIPELINE_DATA names no folder with content/ and styles/")
    return folder
