"""``python -m export_pipeline.sweep JOB.json`` runs one job of a sweep, here or on any machine of a cluster.

What it prints on standard output is for people, and its last line says why it failed. ``--like FILE`` names what it
was written by on the machine that wants it done: see ``door.py``. ``--store URL`` names where the folders of jobs lie,
if not where the job says: see ``store.py``.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import traceback
from pathlib import Path

from export_pipeline.errors import CheckFailed, OutputError, PipelineError, StoreError, UsageError
from export_pipeline.sweep.door import LIKE, refusal
from export_pipeline.sweep.jobs import CHECK_FAILED, REFUSED, STORE_LOST, WITH_PARENT, Job, run_job
from export_pipeline.sweep.store import STORE, Store, run_stored

UNEXPECTED = 3
# What a job's process ends with by the error that it met: the first that fits. What cannot be written is no fault of
# the recipe; all else that has an error of its own is.
CODES = {
    CheckFailed: CHECK_FAILED,
    StoreError: STORE_LOST,
    OutputError: UNEXPECTED,
    PipelineError: PipelineError.exit_code,
}


def main(arguments: list[str]) -> int:
    """Run the job in the file that is named.

    Returns:
        0 good, else as the last line says: 2 the recipe is refused, :data:`CHECK_FAILED` a check of it failed,
        :data:`REFUSED` it may not run on this machine, :data:`STORE_LOST`, or :data:`UNEXPECTED`.
    """
    if WITH_PARENT in arguments:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        path, options = Path(arguments[0]), dict(itertools.pairwise(arguments))
        store = None
        try:
            # First of all: a job of another version may be in another form.
            why = refusal(path, Path(options[LIKE])) if LIKE in options else ""
            store = Store(options[STORE]) if STORE in options else None
        except UsageError as error:
            why = str(error)
        if why:
            print(why, flush=True)
            return REFUSED
        job = Job.model_validate_json(path.read_text(encoding="utf-8"))
        # Standard error is left to what libraries print.
        with contextlib.redirect_stderr(sys.stdout):
            run_stored(job, store, path.absolute().parent) if store else run_job(job)
        return 0
    except PipelineError as error:
        print(" ".join(str(error).split()), flush=True)
        return next(code for kind, code in CODES.items() if isinstance(error, kind))
    except Exception as error:  # told in one line to the sweep, in full to the log
        traceback.print_exc()
        print(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
        return UNEXPECTED


def _end_with_parent() -> None:
    """Standard input is a pipe from the sweep. It closes when that ends, and be it by kill -9."""
    while os.read(0, 1024):
        pass
    os._exit(UNEXPECTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
