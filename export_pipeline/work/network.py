"""The network that ships, as the compress stage gives it and as a bundle holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from export_pipeline.bundle import PLAN, Bundle
from export_pipeline.records.compression import Compression

if TYPE_CHECKING:
    from export_pipeline.compress import Compressed
    from export_pipeline.train import Checkpoint


@dataclass(frozen=True)
class Network:
    """What compression made of a network, and what it came by.

    Attributes:
        checkpoint: without optimizer.
        sources: hashes of what was read to train and to compress it, by stage, as far as they are known.
    """

    compressed: Compressed
    checkpoint: Checkpoint
    sources: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, bundle: Bundle, checkpoint: Checkpoint, record: Compression) -> Network:
        """The network that *bundle* was made of; *checkpoint* is a copy of the one in it, and *record* of its report.

        Raises:
            CheckpointError: the weights cannot be read.
        """
        from export_pipeline.compress import BitPlan, of_record
        from export_pipeline.train import restored

        plan = bundle.path / PLAN
        bits = {layer.name: layer.bits for layer in record.layers if layer.bits is not None}
        planned = BitPlan(bits, plan.read_text(encoding="utf-8") if plan.is_file() else "") if bits else None
        recipe = bundle.manifest.recipe.model_copy(update={"model": checkpoint.info.recipe.model})
        return cls(of_record(restored(checkpoint), recipe, record, planned), checkpoint, bundle.manifest.sources)
