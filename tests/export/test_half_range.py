"""Norms whose sums stay within half precision, in the files and on hardware that adds up so."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export_pipeline.export import export
from export_pipeline.export.half_range import in_half_range
from export_pipeline.formats import Conversion, format_of, open_model, static
from export_pipeline.formats.stress import Stressed
from export_pipeline.models import NETWORKS
from export_pipeline.models.layers import InstanceNormalization, Rescaling
from export_pipeline.recipe import Recipe
from export_pipeline.records.signature import image_to_image
from export_pipeline.targets import TARGETS
from tests.small_models import photographs

HEIGHT, WIDTH = 64, 80
SIGNATURE = image_to_image(HEIGHT, WIDTH, "image", "stylized")
HALVES = ("mlpackage-fp16", "mlpackage-int8", "tflite-fp16")


@cache
def network(name: str = "small", gain: float = 400.0, **arguments: Any) -> Any:
    """A network whose first convolution is loud: without a factor, the sums of its norms leave half precision."""
    import tf_keras as keras

    keras.utils.set_random_seed(3)
    made = NETWORKS[name](alpha=0.1, **arguments)
    for layer in made.layers:
        if layer.name.endswith("_conv"):
            kernel, *bias = layer.get_weights()
            layer.set_weights([kernel * gain, *bias])
    return static.at_size(made, SIGNATURE)


@cache
def picture() -> np.ndarray:
    return photographs(1)[0][:HEIGHT, :WIDTH]


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = np.mean((np.asarray(first, np.float64) - np.asarray(second, np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-20)))


def outputs(model: Any) -> np.ndarray:
    return np.asarray(model(picture()[None].astype(np.float32)))[0]


def stressed(path: Path) -> Stressed:
    found = open_model(path).stress({"image": picture()})
    assert found is not None
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("halves")
    table = {"height": HEIGHT, "width": WIDTH, "targets": HALVES}
    recipe = Recipe.parse({"name": "loud", "model": {"network": "small", "alpha": 0.1}, "export": table})
    made = export(network(), recipe, SIGNATURE, folder)
    assert all("powers of two" in model.notes[-1] for model in made)
    return {model.target: folder / model.file for model in made}


@pytest.mark.parametrize("target", HALVES)
def test_files_overflow_without_factors_and_not_with_them(target: str, files: dict[str, Path], tmp_path: Path) -> None:
    plain = tmp_path / files[target].name
    format_of(plain).write(Conversion(network(), SIGNATURE, TARGETS[target]), plain)  # type: ignore[attr-defined]
    before, after = stressed(plain), stressed(files[target])
    assert before.lost
    assert all(one.largest > 65504 for one in before.lost)
    assert not after.lost
    assert after.operations >= before.operations
    limit = TARGETS[target].tolerance.min_psnr
    assert psnr(open_model(files[target]).infer({"image": picture()})["stylized"], outputs(network())) >= limit
    if after.outputs is not None:
        assert psnr(np.clip(after.outputs["stylized"], 0, 255), outputs(network())) >= limit


def test_what_the_network_gives_stays_as_it_was() -> None:
    scaled, (note,) = in_half_range(network(), SIGNATURE)
    assert "powers of two" in note
    assert psnr(outputs(scaled), outputs(network())) >= 80
    again, _ = in_half_range(network(), SIGNATURE)
    for first, second in zip(scaled.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_factors_are_powers_of_two_so_that_no_bit_changes() -> None:
    """Epsilons of one, so that none of them meets the least that half precision holds."""
    import tf_keras as keras

    def copied(layer: Any) -> Any:
        config = layer.get_config() | ({"epsilon": 1.0} if isinstance(layer, InstanceNormalization) else {})
        return layer.__class__.from_config(config)

    exact = keras.models.clone_model(network(), clone_function=copied)
    exact.set_weights(network().get_weights())
    scaled, notes = in_half_range(exact, SIGNATURE)
    assert notes
    np.testing.assert_array_equal(outputs(scaled), outputs(exact))


@pytest.mark.parametrize("arguments", [{"blocks_kind": "separable"}, {"margin": 4}, {"rho": 0.5}, {"blocks": 0}])
def test_every_form_of_the_networks_keeps_its_picture(arguments: dict[str, Any]) -> None:
    scaled, notes = in_half_range(network(**arguments), SIGNATURE)
    assert notes
    assert psnr(outputs(scaled), outputs(network(**arguments))) >= 60


def test_a_quiet_network_and_one_without_norms_stay_what_they_are() -> None:
    for made in (network(gain=0.01), network(norm="batch")):
        assert in_half_range(made, SIGNATURE) == (made, ())


def test_what_no_factor_can_be_given_to_stays_as_it_is() -> None:
    """A hyperbolic tangent before the norm passes no factor on; an image that goes straight into a norm has none."""
    import tf_keras as keras

    image = keras.Input((HEIGHT, WIDTH, 3), batch_size=1, name="image")
    bent = keras.layers.Activation("tanh")(Rescaling(1 / 64)(image))
    for before in (image, bent):
        made = keras.Model(image, keras.layers.Activation("tanh")(InstanceNormalization()(before)))
        assert in_half_range(made, SIGNATURE) == (made, ())
