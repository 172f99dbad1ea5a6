"""Several devices, and the network that a recipe names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from export_pipeline.recipe import Recipe
from export_pipeline.train import Checkpoint, network, restored
from export_pipeline.train.fit import default_strategy
from tests.train import test_fit
from tests.train.processes import python, toml
from tests.train.test_fit import PHOTO, Done, Make

done = test_fit.done

ON_TWO_DEVICES = """
import json, sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import export_pipeline.train
from export_pipeline.recipe import Recipe
from export_pipeline.tasks import open_task
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
export_pipeline.train.default_strategy = lambda batch_size: strategy
recipe, folder, totals = Recipe.load(sys.argv[1]), Path(sys.argv[2]), []
listener = export_pipeline.train.Listener(lambda told: totals.append(told.losses["total"]))
found = export_pipeline.train.train(open_task(recipe), folder.parent, listener)
assert not [v for v in found.model.weights if "Mirrored" in type(v).__name__]  # the stages to come take no such
print(json.dumps(totals))
"""


def test_two_devices_train_as_one_does(done: Done, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(toml(recipe))
    with python(ON_TWO_DEVICES, tmp_path / "r.toml", tmp_path / "train") as process:
        printed, complaints = process.communicate()
    assert process.returncode == 0, complaints
    totals = json.loads(printed)
    assert totals == pytest.approx([progress.losses["total"] for progress in done.steps], rel=0.02)
    # What several devices made, one goes on with.
    mirrored = restored(Checkpoint.open(tmp_path / "train/step-00000012.safetensors"))
    assert np.abs(mirrored(PHOTO) - done.model(PHOTO)).mean() < 5


@pytest.mark.parametrize(
    ("batch_size", "gpus", "used"), [(8, 2, 2), (2, 4, 2), (3, 2, 2), (1, 4, 0), (4, 1, 0), (4, 0, 0)]
)
def test_no_device_is_left_without_an_image(
    batch_size: int, gpus: int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:{i}" for i in range(gpus)])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", list)
    found = default_strategy(batch_size)
    assert found == [f"GPU:{index}" for index in range(used)] if used else found is tf.distribute.get_strategy()


def test_the_network_of_a_recipe_is_built_with_all_its_arguments(make_recipe: Make) -> None:
    recipe = make_recipe(model={"network": "johnson", "alpha": 0.1, "rho": 0.5, "blocks": 2, "norm": "batch"})
    model = network(recipe, height=32, width=48)
    assert model.name == "johnson"
    assert model.output_shape == (None, 32, 48, 3)
    assert [layer.name for layer in model.layers if layer.name.endswith("_add")] == ["block0_add", "block1_add"]
    assert model.get_layer("rescale").output_shape == (None, 16, 24, 3)
