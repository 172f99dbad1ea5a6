"""A sweep as one HTML page with its sheet and plots inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export_pipeline.report import html as web
from export_pipeline.sweep.model import Sweep
from export_pipeline.sweep.render import about, files_table, networks_table, picks_table, wrong_lines

_COLUMNS = (
    ("PSNR dB, SSIM", "a file against the float network as trained, before it was compressed"),
    ("export dB", "against the compressed network, which is the parity check"),
    ("x float FPS", "frames per second as a multiple of the float network's, on one thread"),
)


def page(sweep: Sweep, folder: Path, pictures: Sequence[str]) -> str:
    """The page: it needs no other file; *pictures* lie in *folder*."""
    wrong, points = wrong_lines(sweep), sweep.record.points
    passed = sum(point.result.status == "passed" for point in points)
    status = "passed" if not wrong else "failed"
    entries = [(m.title, f"{m.meaning}, mean over the validation samples; {m.better} is better") for m in sweep.metrics]
    parts = [
        web.heading(f"Sweep of {sweep.record.name}", 1),
        web.verdict(status, f"{passed} of {len(points)} points passed", wrong),
        *map(web.paragraph, about(sweep)),
        web.table(picks_table(sweep)),
        web.listed(f"{pick.name}: {pick.rule}" for pick in sweep.benchmark.picks),
        *(web.picture(name, folder / name) for name in pictures),
        web.table(files_table(sweep)),
        web.folded(networks_table(sweep)),
        web.legend([*web.STATUSES, *_COLUMNS, *entries]),
    ]
    return web.document(f"Sweep of {sweep.record.name}", parts)
