"""Every study of compression, and the page that shows them: ``make study``.

Each study writes its record into ``artifacts/compression``; one whose record is there is not run again (delete the file
to renew it), unless it is of a sweep with points that could not be run. Each goes on where it was interrupted.
``README.md`` there is drawn from the records.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from export_pipeline.base.files import write_text
from tests.benchmarks import compression_page as texts
from tests.benchmarks.compression_page import Record, device

FOLDER = Path("artifacts/compression")
CHECKPOINT = Path("artifacts/compression/network.safetensors")
STUDIES = "tests.benchmarks"
_MISSING = "it has not been made here; `make study` does"
_BROKEN = "points of it could not be run; `make study` tries them again"


@dataclass(frozen=True)
class Study:
    """One study: its heading, its record in :data:`FOLDER`, the module and arguments that make it, and its text."""

    heading: str
    record: str
    module: str
    arguments: tuple[str, ...]
    text: Callable[[Record], Iterator[str]]
    needs_data: bool = False


ALL = (
    Study(
        "How small the committed network goes",
        "small.json", f"{STUDIES}.small_study", ("-o", str(FOLDER)), texts.small, needs_data=True,
    ),
    Study(
        "One photograph at 8 to 1 bits",
        "bits/sweep.json", "export_pipeline",
        ("sweep", "tests/benchmarks/bits.toml", "--set", "compress.bits=8,7,6,5,4,3,2,1", "-o", str(FOLDER / "bits")),
        texts.bits, needs_data=True,
    ),
    Study(
        "More and more zeros",
        "sparsity/sweep.json", "export_pipeline",
        ("sweep", "tests/benchmarks/sparsity.toml",
         "--set", "compress.final_sparsity=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8", "-o", str(FOLDER / "sparsity")),
        texts.sparse, needs_data=True,
    ),
    Study(
        "Few values and zeros in every form of a file",
        "forms.json", f"{STUDIES}.forms_study", ("-o", str(FOLDER / "forms.json")), texts.forms,
    ),
    Study(
        "VGG-19 in 1 to 8 bits, and what style transfer loses",
        "vgg.json", f"{STUDIES}.vgg_width_study", ("-o", str(FOLDER)), texts.vgg, needs_data=True,
    ),
    Study("Loading VGG-19", "load.json", f"{STUDIES}.load_speed", ("-o", str(FOLDER / "load.json")), texts.load),
    Study(
        "k-means against the optimum",
        "kmeans.json", f"{STUDIES}.kmeans_speed", ("-o", str(FOLDER / "kmeans.json")), texts.clustering,
    ),
    Study(
        "What the importance of single weights is worth",
        "sensitivity.json", f"{STUDIES}.sensitivity_study", ("-o", str(FOLDER / "sensitivity.json")), texts.sensitivity,
        needs_data=True,
    ),
    Study(
        "Fewer filters: pruned, and trained from scratch",
        "narrow.json", f"{STUDIES}.narrow_study",
        ("-o", str(FOLDER / "narrow.json"),
         "--steps", "800", "--rounds", "2", "--filters", "0.25", "--round-steps", "200"),
        texts.narrow, needs_data=True,
    ),
    Study(
        "The width multiplier",
        "widths/width_study.json", f"{STUDIES}.width_study",
        ("-o", str(FOLDER / "widths"), "--style", "$EXPORT_PIPELINE_DATA/styles/starry_night.jpg",
         "--trained", str(CHECKPOINT), "artifacts/loss_network/style_networks/starry_night_johnson.safetensors"),
        texts.linked("widths/width_study.md"), needs_data=True,
    ),
)  # fmt: skip


def made(study: Study, draw_only: bool) -> Record | str:
    """The record of *study*, made now if it does not lie there whole; or why there is none."""
    path = FOLDER / study.record
    if not _whole(path):
        if draw_only:
            return _MISSING if not path.is_file() else _BROKEN
        if study.needs_data and not os.environ.get("EXPORT_PIPELINE_DATA"):
            return "EXPORT_PIPELINE_DATA names no folder of photographs and paintings"
        print(f"{study.heading}: python -m {study.module} {' '.join(study.arguments)}", flush=True)
        code = subprocess.run([sys.executable, "-m", study.module, *study.arguments], check=False).returncode
        if code:
            sys.exit(f"{study.heading} ended with {code}; make study goes on where it was.")
    found = _read(path)
    measured = path.with_name("benchmark.json")  # of a sweep: there it names its machine
    return found | {"machine": _read(measured)["machine"]} if measured.is_file() else found


def _whole(record: Path) -> bool:
    """Whether *record* lies there, and is not of a sweep with points that could not be run."""
    if not record.is_file():
        return False
    return all(point["result"]["status"] != "broken" for point in _read(record).get("points", ()))


def _read(path: Path) -> Record:
    found: Record = json.loads(path.read_text("utf-8"))
    return found


def page(records: list[tuple[Study, Record | str]]) -> str:
    """The whole page."""
    lines = [
        "# Compression, measured",
        "",
        "By `make study`. The network is `small` at alpha 0.3, 11,868 parameters, van Gogh's *Starry Night*, trained "
        "with VGG-19 as loss network; it lies here as [network.safetensors](network.safetensors). Smaller distances "
        "are better. A star marks studies of the photographs and paintings that `EXPORT_PIPELINE_DATA` names: they are "
        "skipped where there are none.",
    ]
    for study, found in records:
        lines += ["", f"## {study.heading}{' *' if study.needs_data else ''}", ""]
        if isinstance(found, str):
            lines += [f"SKIPPED: {found}."]
            continue
        lines += [*study.text(found), "", f"*{device(found)}*"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make what is missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--draw-only", action="store_true", help="make nothing, draw the records that are there")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    records = [(study, made(study, options.draw_only)) for study in ALL]
    write_text(FOLDER / "README.md", page(records))
    print(FOLDER / "README.md")


if __name__ == "__main__":
    main()
