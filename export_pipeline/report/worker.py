"""The fresh process that measures: ``python -m export_pipeline.report.worker JOB`` with a job as JSON.

It writes its answer as the last line of JSON on standard output; numbers before it say how many turns are done. See
``latency.py`` and ``memory.py``, which start it through :func:`ask`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.errors import ModelError, PipelineError

if TYPE_CHECKING:
    from export_pipeline.formats import Runtime

WARM_UP = 3
# Idle threads of some libraries spin for a moment after a run; they must not slow the next file down.
PAUSE = 0.002
# Seconds. A shorter run is repeated, and the second is timed: frames of a video follow one another, and the caches full
# of the file before cost a run of 8 milliseconds a quarter of its time. They do not matter to a long one.
SHORT = 0.05
EVERY = 1.0  # seconds from one word of how much is done to the next


def ask(job: dict[str, Any], told: Callable[[int], None] = lambda done: None) -> Any:
    """Run *job* in a fresh process and give its answer; *told* gets how many turns are done, once a second.

    Raises:
        ModelError: the process died.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "export_pipeline.report.worker", json.dumps(job)]
    environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    answer = None
    with (
        tempfile.TemporaryFile("w+") as chatter,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=chatter, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            answer = json.loads(line)
            if isinstance(answer, int):
                told(answer)
        code = process.wait()
        chatter.seek(0)
        last = (chatter.read().strip().splitlines() or ["no message"])[-1]
    if code or not isinstance(answer, dict):
        raise ModelError(f"the measuring process ended with code {code} ({last}); files: {job['paths']}")
    return answer


def latency(job: dict[str, Any], tell: Callable[[int], None]) -> dict[str, Any]:
    """Times of ``runs`` runs of each of ``paths``, in seconds, taken in turns; or why a file cannot run."""
    from export_pipeline.formats import open_model

    answer: dict[str, Any] = {}
    ready = []
    for path in job["paths"]:
        try:
            runtime = open_model(path, job["threads"])
            inputs = runtime.example(job["height"], job["width"])
            lead = min(seconds(runtime, inputs) for _ in range(WARM_UP)) < SHORT
        except PipelineError as error:
            answer[path] = {"error": str(error)}
            continue
        size = image_size(runtime, job)
        answer[path] = {
            "runtime": runtime.name,
            "version": runtime.version,
            "seconds": [],
            "height": size[0],
            "width": size[1],
        }
        ready.append((path, runtime, inputs, lead))
    told = time.monotonic()
    for turn in range(job["runs"]):
        if time.monotonic() - told > EVERY:
            tell(turn)
            told = time.monotonic()
        first = turn % max(1, len(ready))
        for path, runtime, inputs, lead in ready[first:] + ready[:first]:
            time.sleep(PAUSE)
            if lead:
                runtime.run(inputs)
            answer[path]["seconds"].append(seconds(runtime, inputs))
    return answer


def seconds(runtime: Runtime, inputs: Any) -> float:
    """How long one run takes."""
    start = time.perf_counter()
    runtime.run(inputs)
    return time.perf_counter() - start


def image_size(runtime: Runtime, job: dict[str, Any]) -> tuple[int, int]:
    """Height and width of the first image that a model takes; zeros where it takes none."""
    images = (port for port in runtime.inputs if port.size is not None or port.kind == "image")
    for port in images:
        height, width = port.size or port.shape[-2:]
        return height or job["height"], width or job["width"]
    return 0, 0


def memory(job: dict[str, Any], tell: Callable[[int], None]) -> dict[str, Any]:
    """Resident peak after importing the library, and after loading and running the one path."""
    from export_pipeline.formats import format_of, open_model

    path = job["paths"][0]
    try:
        format_of(path).runtime.load_library()
        imported = resident_peak()
        runtime = open_model(path)
        runtime.run(runtime.example(job["height"], job["width"]))
    except PipelineError as error:
        return {"error": str(error)}
    return {"runtime": runtime.name, "imported": imported, "peak": resident_peak()}


def resident_peak() -> int:
    """The largest resident set that this process had so far, bytes.

    Not ``getrusage`` on Linux: that starts from the resident set of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes


def takes_tensorflow(path: str) -> bool:
    """Whether running the file at *path* takes TensorFlow; of an unknown suffix the job itself tells."""
    from export_pipeline.formats import format_of

    try:
        return format_of(path).needs_tensorflow
    except ModelError:
        return False


def without_tensorflow() -> None:
    """Have coremltools do as if TensorFlow were not installed.

    It would load TensorFlow for its converters, which running a file takes none of: seconds and half a gigabyte.
    """
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # importing it now fails as where it is missing


def main() -> None:
    """Do the job; whatever libraries print goes to standard error, the answer alone to standard output."""
    answer_to = os.dup(1)
    os.dup2(2, 1)
    job = json.loads(sys.argv[1])
    if not any(map(takes_tensorflow, job["paths"])):
        without_tensorflow()
    with os.fdopen(answer_to, "w") as stream:

        def tell(found: Any) -> None:
            print(json.dumps(found), file=stream, flush=True)

        tell({"latency": latency, "memory": memory}[job["task"]](job, tell))


if __name__ == "__main__":
    main()
