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

from export_pipeline.errors import CheckFailed, PipelineError, UsageError
from export_pipeline.sweep.door import LIKE, refusal
from export_pipeline.sweep.jobs import CHECK_FAILED, REFUSED, WITH_PARENT, Job, run_job
from export_pipeline.sweep.store import STORE, Store, run_stored

UNEXPECTED = 3


def main(arguments: list[str]) -> int:
    """Run the job in the file that is named.

    Returns:
        0 good, :data:`CHECK_FAILED` a check of its recipe failed, :data:`REFUSED` it may not run on this machine;
        anything else went wrong, as the last line says.
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
        return CHECK_FAILED if isinstance(error, CheckFailed) else error.exit_code
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
