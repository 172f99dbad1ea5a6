"""Times that other programs than the apps have measured, imported into a bundle."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from export_pipeline.base.files import files_of, sha256
from export_pipeline.bundle import Bundle
from export_pipeline.cli import main
from export_pipeline.report import read_report
from export_pipeline.report.device_nouns import DeviceResult
from tests.builds import COMMITTED

NAME = COMMITTED.name
FILE = f"{NAME}-dynamic.tflite"
PACKAGE = f"{NAME}-int8.mlpackage"
PIXEL = ["--device", "Pixel 8", "--system", "Android 15"]
# As benchmark_model writes it, but for what is not read; times in microseconds.
LOG = """INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Num threads: [4]
INFO: Graph: [/data/local/tmp/{file}]
INFO: #threads used for CPU inference: [4]
INFO: Use {use}: [1]
INFO: Loaded model /data/local/tmp/{file}
INFO: Initialized session in 5.579ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=12 first=52000 curr=44000 min=43000 max=52000 avg=45000 std=2400 p5=43000 median=44100 p95=52000

{more}INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count={count} first=44000 curr=42000 min=41000 max=46000 avg={avg} std=2565{spread}

INFO: Inference timings in us: Init: 5579, First inference: 52000, Warmup (avg): 45000, Inference (avg): {avg}
INFO: Memory footprint delta from the start of the tool (MB): init=6.36328 overall=109.832
"""
FELL_BACK = "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
PARTLY = (
    "INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 2 "
    "delegate kernels.\n"
)


def log(**changed: Any) -> str:
    spread = " p5=41200 median=41875 p95=45000"
    about = {"file": FILE, "use": "xnnpack", "more": "", "count": 50, "avg": "42500", "spread": spread}
    return LOG.format(**{**about, **changed})


def field(number: int, value: float | bytes) -> bytes:
    """A field of a protocol buffer: a number in 4 bytes, an integer below 128, or bytes."""
    if isinstance(value, bytes):
        return bytes([number << 3 | 2, len(value)]) + value
    return (
        bytes([number << 3, value]) if isinstance(value, int) else bytes([number << 3 | 5]) + struct.pack("<f", value)
    )


def benchmark_result(runs: int = 50, median: float | None = 41.875) -> bytes:
    """A ``BenchmarkResult`` with its times in milliseconds."""
    latency = field(1, 42.5) + field(2, 41.0) + (b"" if median is None else field(5, median)) + field(8, 5.5)
    misc = field(1, 0.25) + field(2, runs) + field(3, 12)
    return field(1, b"cpu") + field(2, latency) + field(4, misc)


def metrics(*values: float, test: str = "Speed/testPackage()", unit: str = "s", **device: str) -> dict[str, Any]:
    """One test as ``xcresulttool get test-results metrics`` gives it."""
    phone = {"deviceId": "00008120", "deviceName": "Phone", "modelName": "iPhone 15 Pro", "osVersion": "18.1"}
    clock = {"displayName": "Clock Monotonic Time", "identifier": "com.apple.dt.XCTMetric_Clock.time.monotonic"}
    memory = {"displayName": "Memory Physical", "identifier": "com.apple.dt.XCTMetric_Memory.physical"}
    found = [
        {**memory, "unitOfMeasurement": "kB", "measurements": [1024.0]},
        {**clock, "unitOfMeasurement": unit, "measurements": list(values), "polarity": "prefersSmaller"},
    ]
    run = {"device": {**phone, "platform": "iOS", **device}, "metrics": found, "testPlanConfiguration": {}}
    return {"testIdentifier": test, "testRuns": [run]}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(COMMITTED, tmp_path / "bundle"))


def imported(bundle: Path, data: str | bytes, *words: str, name: str = "result.log", code: int = 0) -> None:
    path = bundle.parent / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    assert main(["device", "import", str(path), "--bundle", str(bundle), *words]) == code


def devices(bundle: Path) -> tuple[DeviceResult, ...]:
    found = read_report(bundle).devices
    assert found is not None
    Bundle.open(bundle).check_files()
    return found.devices


def test_a_log_of_benchmark_model_is_a_row(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(bundle, log(), *PIXEL, "--runtime", "LiteRT", "--runtime-version", "2.1")
    (one,) = devices(bundle)
    assert (one.device, one.system) == ("Pixel 8", "Android 15")
    (row,) = one.rows
    assert (row.file, row.target, row.height, row.width) == (FILE, "tflite-dynamic", 640, 480)
    assert (row.runtime, row.version, row.accelerator, row.threads, row.runs) == ("LiteRT", "2.1", "CPU", 4, 50)
    assert (row.median_ms, row.iqr_ms, row.mean_ms) == (41.875, None, 42.5)
    assert row.fps == pytest.approx(23.88, abs=0.01)
    for text in (capsys.readouterr().out, (bundle / "report.md").read_text(), (bundle / "report.html").read_text()):
        assert "41.875" in text
        assert "not told" in text


def test_an_older_log_has_a_mean_alone_and_says_so(bundle: Path) -> None:
    imported(bundle, log(avg="1.24027e+06", spread="").replace("INFO: ", "I tflite  : "), *PIXEL)
    ((row,),) = [one.rows for one in devices(bundle)]
    assert (row.median_ms, row.mean_ms, row.runtime) == (None, 1240.27, "TFLite benchmark_model")
    assert "mean 1240.270" in (bundle / "report.md").read_text()


def test_several_runs_in_one_log_are_several_rows(bundle: Path) -> None:
    imported(bundle, log() + log(use="gpu") + log(use="gpu", more=PARTLY, file=f"{NAME}-int8.tflite"), *PIXEL)
    ((first, second, third),) = [one.rows for one in devices(bundle)]
    assert [row.accelerator for row in (first, second, third)] == ["CPU", "GPU", "GPU and CPU"]
    assert third.target == "tflite-int8"


def test_a_delegate_that_took_nothing_is_not_what_was_measured(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imported(bundle, log(use="gpu", more=FELL_BACK), *PIXEL, code=2)
    assert "GPU was asked for and took nothing of the graph" in capsys.readouterr().err
    imported(bundle, log(use="gpu", more=FELL_BACK), *PIXEL, "--accelerator", "CPU")
    assert devices(bundle)[0].rows[0].accelerator == "CPU"


@pytest.mark.parametrize("median", [41.875, None])
def test_a_benchmark_result_is_a_row(bundle: Path, median: float | None) -> None:
    told = [*PIXEL, "--file", FILE, "--accelerator", "GPU", "--threads", "1"]
    imported(bundle, benchmark_result(median=median), *told, name="result.pb")
    ((row,),) = [one.rows for one in devices(bundle)]
    assert (row.median_ms, row.mean_ms, row.runs, row.threads, row.accelerator) == (median, 42.5, 50, 1, "GPU")


def test_a_benchmark_result_is_what_tensorflows_own_reader_takes() -> None:
    """The messages of these tests are held against protobuf's own reader, by the fields that the tool documents."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="result.proto", package="tool", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, own in (
        ("LatencyMetrics", {"avg_ms": (1, kinds.TYPE_FLOAT), "median_ms": (5, kinds.TYPE_FLOAT)}),
        ("MiscMetrics", {"num_runs": (2, kinds.TYPE_INT32)}),
        ("BenchmarkResult", {"latency_metrics": (2, ".tool.LatencyMetrics"), "misc_metrics": (4, ".tool.MiscMetrics")}),
    ):
        message = file.message_type.add(name=name)
        for key, (number, kind) in own.items():
            of = {"type_name": kind, "type": kinds.TYPE_MESSAGE} if isinstance(kind, str) else {"type": kind}
            message.field.add(name=key, number=number, label=kinds.LABEL_OPTIONAL, **of)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = message_factory.GetMessageClass(pool.FindMessageTypeByName("tool.BenchmarkResult"))()
    found.ParseFromString(benchmark_result())
    assert (found.latency_metrics.avg_ms, found.latency_metrics.median_ms) == (42.5, 41.875)
    assert found.misc_metrics.num_runs == 50


def test_times_of_tests_that_xcode_ran_are_rows(bundle: Path) -> None:
    times = [0.080 + 0.001 * index for index in range(41)]
    told = ["--file", PACKAGE, "--accelerator", "Neural Engine, GPU and CPU", "--predictions", "10"]
    document = [metrics(*times), {"testIdentifier": "Other/testX()", "testRuns": [{"device": {}, "metrics": []}]}]
    imported(bundle, json.dumps(document), *told, name="metrics.json")
    (one,) = devices(bundle)
    assert (one.device, one.system) == ("iPhone 15 Pro", "iOS 18.1")
    (row,) = one.rows
    assert (row.target, row.runtime, row.runs) == ("mlpackage-int8", "Core ML", 41)
    assert (row.median_ms, row.iqr_ms) == (pytest.approx(10.0), pytest.approx(2.0))


def test_one_of_several_tests_is_chosen(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.dumps([metrics(*[0.01] * 30), metrics(*[20.0] * 30, test="Speed/testOther()", unit="ms")])
    told = ["--file", PACKAGE, "--accelerator", "CPU"]
    imported(bundle, document, *told, name="metrics.json", code=2)
    assert "has times of Speed/testPackage(), Speed/testOther(); choose one with --test." in capsys.readouterr().err
    imported(bundle, document, *told, "--test", "Speed/testOther()", name="metrics.json")
    assert devices(bundle)[0].rows[0].median_ms == 20.0


CSV = "node type, start, first, avg_ms, %, cdf%, mem KB, times called, name\nCONV_2D,0,1.0,1.0,50%,50%,0,1,a\n"
TESTS = json.dumps([metrics(*[0.01] * 30)])
BAD: list[tuple[str | bytes, list[str], str, str]] = [
    (log(), ["--device", "Pixel 8"], "a.log", "does not tell; give --system."),
    (log().replace("Use xnnpack: [1]", ""), PIXEL, "a.log", "does not tell; give --accelerator."),
    (log(file="other.tflite"), PIXEL, "a.log", "a time of other.tflite, which the bundle does not hold; give --file: "),
    (log(count=5), PIXEL, "a.log", "has 5 runs of starry_night_small-dynamic.tflite; at least 30 are needed."),
    (log(use="gpu"), [*PIXEL, "--accelerator", "CPU"], "a.log", "says 'GPU', and --accelerator 'CPU'. Leave that out."),
    (log().split("INFO: count=50")[0] + "INFO: Inference timings in us: ", PIXEL, "a.log", "has 12 runs of"),
    ("INFO: Inference timings in us: Init: 1", PIXEL, "a.log", "is cut off, or of an old benchmark_model"),
    (CSV, PIXEL, "a.csv", "is a profile of operations, whose times do not add up"),
    ("nothing of the kind", PIXEL, "a.log", "is none of the results that are read. Give a benchmark.json"),
    (benchmark_result()[:-1], PIXEL, "a.pb", "is none of the results that are read."),
    (benchmark_result(), PIXEL, "a.pb", "does not tell; give --file."),
    (benchmark_result(9), [*PIXEL, "--file", FILE, "--accelerator", "CPU"], "a.pb", "has 9 runs of"),
    (TESTS, ["--file", PACKAGE], "a.json", "does not tell; give --accelerator."),
    ("[1]", ["--file", PACKAGE], "a.json", "is no result of tests: it must be a valid dictionary"),
    ("[]", ["--file", PACKAGE], "a.json", "has times of none; choose one with --test."),
    (TESTS.replace('"s"', '"h"'), ["--file", PACKAGE], "a.json", "is in 'h'; read are s, ms"),
    (log(), [*PIXEL, "--threads", "0"], "a.log", "--threads is 0; it must be 1 or more"),
]


@pytest.mark.parametrize(("data", "words", "name", "message"), BAD, ids=[bad[-1][:50] for bad in BAD])
def test_what_does_not_tell_enough_is_refused_and_changes_nothing(
    data: str | bytes, words: list[str], name: str, message: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: sha256(file) for file in files_of(bundle)}
    imported(bundle, data, *words, name=name, code=2)
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert {file: sha256(file) for file in files_of(bundle)} == before


def test_options_are_not_for_what_an_app_tells_itself_and_want_the_bundle(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imported(bundle, "{}", *PIXEL, name="a.json", code=2)
    assert "is of an app and tells all of it itself. Leave out --device, --system." in capsys.readouterr().err
    (bundle.parent / "a.log").write_text(log())
    assert main(["device", "import", str(bundle.parent / "a.log"), *PIXEL]) == 2
    assert "such results do not name their bundle; give --bundle." in capsys.readouterr().err
