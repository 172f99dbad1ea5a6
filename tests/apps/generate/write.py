"""Put all vectors into one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.apps.generate import buffers, choice, geometry, manifests, pictures, statistics, values

VECTORS = Path(__file__).parent.parent / "vectors"
KEPT = {"README.md"}


def write_all(folder: Path) -> int:
    """Write every vector into *folder*, take away what is no longer one, and return how many files there are."""
    made: set[Path] = set()

    def save(name: str, content: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.add(path)

    for part in (geometry, pictures, buffers, values, choice, statistics, manifests):
        name = part.__name__.rsplit(".", 1)[1]
        save(f"{name}.json", rendered({"format": 1, **part.cases(save)}))
    for path in folder.rglob("*"):
        if path.is_file() and path not in made and path.relative_to(folder).as_posix() not in KEPT:
            path.unlink()
    return len(made)


def rendered(document: dict[str, Any]) -> bytes:
    """*document* as it is written: a case to a line, so that a diff shows which one changed."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines = ",\n".join(f"  {json.dumps(case)}" for case in value)
            parts.append(f" {json.dumps(key)}: [\n{lines}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()
