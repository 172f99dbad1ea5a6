"""Puts a file as a comment under a merge request of GitLab, in place of an earlier one with the same first line.

The job's own variables say where: CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, EXPORT_PIPELINE_TOKEN.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(path: str) -> None:
    """Post the file at *path*, or change the earlier comment."""
    text = Path(path).read_text(encoding="utf-8")
    project, merge = os.environ["CI_PROJECT_ID"], os.environ["CI_MERGE_REQUEST_IID"]
    notes = f"{os.environ['CI_API_V4_URL']}/projects/{project}/merge_requests/{merge}/notes"
    mark = text.splitlines()[0]
    earlier = next((note["id"] for note in _pages(notes) if note["body"].startswith(mark)), None)
    _ask("POST" if earlier is None else "PUT", notes if earlier is None else f"{notes}/{earlier}", {"body": text})


def _pages(notes: str) -> Iterator[dict[str, Any]]:
    page = 1
    while found := _ask("GET", f"{notes}?per_page=100&page={page}"):
        yield from found
        page += 1


def _ask(method: str, url: str, data: dict[str, str] | None = None) -> Any:
    headers = {"PRIVATE-TOKEN": os.environ["EXPORT_PIPELINE_TOKEN"], "Content-Type": "application/json"}
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main(sys.argv[1])
