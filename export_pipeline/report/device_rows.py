"""The table of what devices measured."""

from __future__ import annotations

from export_pipeline.report.device_nouns import Devices
from export_pipeline.report.tables import TextTable


def devices_table(devices: Devices | None) -> TextTable:
    """One row for each file and accelerator of each device."""
    header = (
        *("device", "system", "target", "accelerator", "runtime", "threads"),
        *("median ms", "IQR ms", "FPS", "mJ a run", "runs"),
    )
    rows = tuple(
        (
            one.device,
            one.system,
            row.target,
            row.accelerator or "not told",
            f"{row.runtime} {row.version}".rstrip(),
            str(row.threads or "not told"),
            f"mean {row.mean_ms:.3f}" if row.median_ms is None else f"{row.median_ms:.3f}",
            "not told" if row.iqr_ms is None else f"{row.iqr_ms:.3f}",
            f"{row.fps:.1f}",
            "not told" if row.energy_mj is None else f"{row.energy_mj:.1f}",
            str(row.runs),
        )
        for one in (devices.devices if devices else ())
        for row in one.rows
    )
    return TextTable("Devices", header, rows)
