"""Names, shapes, layout, colour order and value range of what a model takes and gives: written once."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export_pipeline.errors import ModelError

METADATA_KEY = "signature"


class ImageSignature(BaseModel):
    """An image in, an image of the same size out; RGB with values 0..255.

    Core ML files take and give images (NCHW inside), TFLite and ONNX files arrays in NHWC.
    ``height`` and ``width`` are pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: int = Field(ge=16, le=4096)
    width: int = Field(ge=16, le=4096)
    input_name: str = "image"
    output_name: str = "stylized"
    color: Literal["RGB"] = "RGB"
    low: float = 0.0
    high: float = 255.0

    def shape(self, layout: Literal["NHWC", "NCHW"]) -> tuple[int, int, int, int]:
        """Shape of a batch of one image in *layout*."""
        return (1, self.height, self.width, 3) if layout == "NHWC" else (1, 3, self.height, self.width)

    def metadata(self) -> dict[str, str]:
        """What is written into a model file so that the file alone tells how to call it."""
        return {METADATA_KEY: json.dumps(self.model_dump(), separators=(",", ":"))}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str]) -> ImageSignature | None:
        """The signature that a file's metadata hold, or ``None`` for a file that is not ours.

        Raises:
            ModelError: the entry is there and damaged.
        """
        if METADATA_KEY not in metadata:
            return None
        try:
            return cls.model_validate_json(metadata[METADATA_KEY])
        except ValidationError as error:
            raise ModelError(
                f"the model's metadata entry {METADATA_KEY!r} is damaged: {error.errors()[0]['msg']}"
            ) from error
