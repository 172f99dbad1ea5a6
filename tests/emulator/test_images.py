"""Image inputs of programs that take half precision."""

from __future__ import annotations

import numpy as np
from PIL import Image

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import quiet
from tests.emulator.mil import ct, mb


def test_an_image_goes_into_an_input_of_half_precision() -> None:
    half = ct.converters.mil.mil.types.fp16
    program = mb.program(input_specs=[mb.TensorSpec((1, 1, 2, 3), dtype=half)], opset_version=ct.target.iOS16)(
        lambda x: mb.mul(x=x, y=np.float16(3), name="y")
    )
    layout = ct.colorlayout.GRAYSCALE_FLOAT16
    with quiet():
        converted = ct.convert(
            program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS16,
            inputs=[ct.ImageType("x", shape=(1, 1, 2, 3), color_layout=layout)],
        )  # fmt: skip
    model = CoreMLModel.from_spec(converted.get_spec(), converted.weights_dir)
    pixels = np.array([[0.1, 2.0, 3000.7], [-1.5, 0.0, 9.0]], np.float32)
    wanted = np.float16(pixels) * np.float16(3)
    for found in (model.predict({"x": Image.fromarray(pixels)}), model.run({"x": pixels[None, None]})):
        np.testing.assert_array_equal(np.float16(found["y"][0, 0]), wanted)
