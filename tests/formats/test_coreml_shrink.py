"""What the older Core ML format leaves out, because it is what a reader takes for granted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export_pipeline.formats import open_model
from export_pipeline.models.layers import InstanceNormalization
from tests.export import material
from tests.formats.test_coreml_crops import SIDE, spec_of


@pytest.mark.parametrize("epsilon", [1e-5, 1e-2])
def test_the_epsilon_of_a_norm_is_left_out_where_it_is_the_default(epsilon: float, tmp_path: Path) -> None:
    model = material.filled("small", alpha=0.1, blocks=1)
    for layer in model.layers:
        if isinstance(layer, InstanceNormalization):
            layer.epsilon = epsilon
    (record,) = material.exported(model, material.recipe(("mlmodel-int8",), SIDE), tmp_path, ())
    norms = [layer.batchnorm for layer in spec_of(tmp_path / record.file).neuralNetwork.layers]
    written = {norm.epsilon for norm in norms if norm.channels}
    assert written == ({0.0} if epsilon == 1e-5 else {float(np.float32(epsilon))})
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    wanted = model(image[None].astype(np.float32))[0].numpy()
    assert np.abs(open_model(tmp_path / record.file).stylize(image) - wanted).mean() < 4  # 8-bit weights, and bytes
