"""JSON schemas of the three records, kept beside this file: ``python -m export_pipeline.report.schema`` renews them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from export_pipeline.base.files import write_text
from export_pipeline.report.device_nouns import Devices
from export_pipeline.report.model import Benchmark, Record

SCHEMAS: dict[str, type[BaseModel]] = {
    "schema.json": Record,
    "benchmark_schema.json": Benchmark,
    "devices_schema.json": Devices,
}
TITLES = {
    "schema.json": "report.json",
    "benchmark_schema.json": "benchmark.json",
    "devices_schema.json": "devices.json",
}
_FOLDER = Path(__file__).parent


def rendered(name: str) -> str:
    """The text that the schema file *name* must hold."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name].model_json_schema()}
    return json.dumps({**schema, "title": TITLES[name]}, indent=1, sort_keys=True) + "\n"


def written(name: str) -> str:
    """The text that the schema file *name* holds."""
    return (_FOLDER / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    for file in SCHEMAS:
        write_text(_FOLDER / file, rendered(file))
