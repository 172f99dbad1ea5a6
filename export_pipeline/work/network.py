"""The network that ships, as the compress stage gives it and as a bundle holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from export_pipeline.bundle import PLAN, Bundle
from export_pipeline.errors import BundleError
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
    def of(cls, bundle: Bundle, checkpoint: Checkpoint) -> Network:
        """The network that *bundle* was made of; *checkpoint* is a copy of the one in it.

        Raises:
            CheckpointError: the weights cannot be read.
            BundleError: the bundle does not tell how it was compressed.
        """
        from export_pipeline.compress import BitPlan, of_record
        from export_pipeline.train import restored

        record, plan = compression_of(bundle), bundle.path / PLAN
        bits = {layer.name: layer.bits for layer in record.layers if layer.bits is not None}
        planned = BitPlan(bits, plan.read_text(encoding="utf-8") if plan.is_file() else "") if bits else None
        recipe = bundle.manifest.recipe.model_copy(update={"model": checkpoint.info.recipe.model})
        return cls(of_record(restored(checkpoint), recipe, record, planned), checkpoint, bundle.manifest.sources)


def compression_of(bundle: Bundle) -> Compression:
    """What was done to the network of *bundle*.

    Raises:
        BundleError: the report of the bundle is of a version that did not tell.
    """
    from export_pipeline.report import RECORD_FILE

    report = json.loads((bundle.path / RECORD_FILE).read_bytes())
    try:
        return Compression.model_validate_json(json.dumps(report.get("compression")))
    except ValidationError as error:
        raise BundleError(f"{RECORD_FILE} is of a version that did not tell how the network was compressed") from error
