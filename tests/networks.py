"""Which of ``models.NETWORKS`` are for what, as the recipes of each task say."""

from __future__ import annotations

from typing import get_args

from export_pipeline.recipe import CLASSES


def networks_of(task: str) -> tuple[str, ...]:
    """The names of the networks that recipes of *task* can choose."""
    table = CLASSES[task].model_fields["model"].annotation
    assert table is not None
    return get_args(table.model_fields["network"].annotation)
