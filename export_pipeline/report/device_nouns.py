"""The nouns of what devices measured: ``devices.json`` of a bundle."""

from __future__ import annotations

from pydantic import Field

from export_pipeline.records.contents import Noun


class DeviceRow(Noun):
    """One file on one accelerator of one device: median and interquartile range over ``runs``, milliseconds.

    Programs that tell neither tell a mean, and then the FPS are those of it.
    """

    file: str
    target: str
    runtime: str
    accelerator: str = Field(description="parts of the chip that the runtime might use; empty where it does not tell")
    version: str
    threads: int = Field(ge=0, description="0 where the runtime does not tell")
    height: int = Field(description="of the image that goes in; 0 for what takes no image")
    width: int
    runs: int
    median_ms: float | None
    iqr_ms: float | None
    mean_ms: float | None = Field(None, description="over the runs, where the program that measured tells it")
    fps: float
    energy_mj: float | None = Field(None, description="of one run, millijoules, where the device reports it")


class DeviceResult(Noun):
    """All that one device measured of a bundle."""

    device: str = Field(description="as it calls itself, such as iPhone15,2")
    system: str
    cores: int = Field(description="0 where it is not told")
    libraries: dict[str, str]
    rows: tuple[DeviceRow, ...]
    skipped: dict[str, str] = Field(default_factory=dict, description="what was not measured, and why")


class Devices(Noun):
    """``devices.json``: what devices measured, of the files that lie in the bundle."""

    format: int = Field(1, ge=1, le=1)
    name: str
    devices: tuple[DeviceResult, ...]
