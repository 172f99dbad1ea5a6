"""What this machine is, and which libraries it has."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

from export_pipeline.base.cores import cores
from export_pipeline.formats.libraries import versions
from export_pipeline.report.model import Machine

# What a file and its numbers come from beside the libraries of the formats.
_MORE = ("tensorflow-model-optimization", "pillow", "scikit-image")


def libraries() -> dict[str, str]:
    """Version of each library that makes, reads, runs or judges a file; ``not installed`` where it is missing."""
    return versions(*_MORE)


def machine() -> Machine:
    """This machine."""
    return Machine(
        processor=processor(),
        cores=cores(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        libraries=libraries(),
    )


def processor() -> str:
    """The processor's name, as the system tells it."""
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        return asked.stdout.strip() or platform.processor()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
