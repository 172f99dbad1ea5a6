"""A U-Net made smaller: its skips hold channels, all others may go, and zeros and tables are made as everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.compress import compress
from export_pipeline.compress.channels import channel_groups
from export_pipeline.compress.narrow import narrowed
from export_pipeline.compress.prune import sparsity
from export_pipeline.recipe import Recipe
from export_pipeline.recipe.segmentation import SegmentationModelTable
from tests.compress.material import kernels, tools
from tests.export.material import filled

PHOTO = np.random.default_rng(0).uniform(0, 255, (2, 22, 17, 3)).astype(np.float32)


@pytest.mark.parametrize("norm", models.NORMS)
def test_channels_that_no_skip_joins_can_go_and_nothing_changes(norm: str) -> None:
    table = SegmentationModelTable(alpha=0.25, norm=norm)
    model = filled(**table.model_dump())
    groups = channel_groups(model)
    assert [group.name for group in groups] == [
        *("down0_a_conv", "down1_a_conv", "down2_a_conv", "bottom_a_conv", "bottom_b_conv"),
        *("up2_a_conv", "up2_b_conv", "up1_a_conv", "up1_b_conv", "up0_a_conv", "up0_b_conv"),
    ]
    assert all(group.makers == (group.name,) and len(group.norms) == 1 for group in groups)
    keep = {group.name: np.arange(1, group.size) for group in groups}
    for group in groups:
        for weight in model.get_layer(group.norms[0]).weights[:2]:  # gamma and beta
            values = weight.numpy()
            values[0] = 0
            weight.assign(values)
    smaller, its_table = narrowed(model, table, keep)
    assert smaller.count_params() < model.count_params()
    np.testing.assert_allclose(smaller(PHOTO, training=False), model(PHOTO, training=False), rtol=0, atol=1e-5)
    rebuilt = models.unet(**its_table.model_dump(exclude={"network"}))
    assert rebuilt.to_json() == smaller.to_json()


def test_it_is_pruned_and_clustered() -> None:
    table = {"schedule": "constant", "frequency": 1, "end_step": 1, "steps": 2, "learning_rate": 1e-4}
    table |= {"final_sparsity": 0.5, "bits": 3, "skip": ["out_conv"]}
    recipe = Recipe.parse({"task": "segmentation", "compress": table})
    model = filled("unet", alpha=0.25)
    found = compress(model, recipe, tools())
    for name, share in sparsity(found.model).items():
        assert name == "out_conv" or share >= 0.49, name
    for name, kernel in kernels(found.deployed).items():
        assert name == "out_conv" or len(np.unique(kernel)) <= 8, name
