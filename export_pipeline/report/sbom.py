"""``sbom.cdx.json``: the files of a bundle and the Python packages that made them, as CycloneDX 1.6 has it.

It has no time and no random number, so that equal files made with equal packages give equal bytes.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from export_pipeline import __version__
from export_pipeline.records.exported import ExportedModel
from export_pipeline.report.model import Record

SBOM_FILE = "sbom.cdx.json"
NETWORK = "network"
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def sbom(record: Record, exported: Sequence[ExportedModel]) -> str:
    """The document of a build.

    Args:
        record: names the network and the libraries that made and read the files.
        exported: the files, with the SHA-256 of each part.
    """
    packages = dict(_with_what_they_need(record.libraries))
    files = [_file(name, digest) for model in exported for name, digest in sorted(model.sha256.items())]
    libraries = [_library(name, version) for name, version in sorted(packages.items())]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "export-pipeline", "version": __version__}]},
            "component": _network(record),
        },
        "components": [*files, *libraries],
        "dependencies": [
            {"ref": NETWORK, "dependsOn": [one["bom-ref"] for one in files]},
            *({"ref": one["bom-ref"], "dependsOn": [library["bom-ref"] for library in libraries]} for one in files),
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _network(record: Record) -> dict[str, Any]:
    about = record.recipe.about
    made: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": NETWORK, "name": record.name}
    made["version"] = about.version or record.provenance.get("checkpoint_sha256", "")[:12]
    optional = {
        "description": about.description,
        "authors": [{"name": about.author}] if about.author else None,
        "licenses": [{"license": {"name": about.license}}] if about.license else None,
    }
    properties = [{"name": f"export-pipeline:{name}", "value": value} for name, value in record.provenance.items()]
    return {**made, **{key: value for key, value in optional.items() if value}, "properties": properties}


def _file(name: str, digest: str) -> dict[str, Any]:
    hashes = [{"alg": "SHA-256", "content": digest}]
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": hashes}


def _library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{_normal(name)}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _with_what_they_need(libraries: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name and version of *libraries* that are installed, and of every installed package that they require."""
    waiting = [name for name, version in libraries.items() if version[:1].isdigit()]
    seen: set[str] = set()
    while waiting:
        name = _normal(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or Python
        yield name, found.version
        waiting += _names(found.requires or ())


def _names(requirements: Iterable[str]) -> Iterator[str]:
    """Names of what is required without extras."""
    for requirement in requirements:
        name, _, marker = requirement.partition(";")
        if "extra" not in marker and (found := _NAME.match(name.strip())):
            yield found[0]


def _normal(name: str) -> str:
    """The name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()
