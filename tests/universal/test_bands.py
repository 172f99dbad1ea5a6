"""Whatever its bands are, a network gives what it gives at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline import models
from export_pipeline.errors import ModelError
from export_pipeline.universal.bands import run_in_bands
from tests.models.material import photo, scrambled, styles

import tf_keras as keras  # isort: skip - after models, which chooses Keras 2

NETWORKS = {
    "small": models.small(alpha=0.125, margin=8),
    "johnson": models.johnson(alpha=0.1, blocks=2),
    "johnson_batch": models.johnson(alpha=0.1, blocks=1, norm="batch", blocks_kind="separable"),
    "subpixel": models.subpixel(alpha=0.2, norm="batch", margin=8),
    "subpixel_instance": models.subpixel(alpha=0.2),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Any:
    return scrambled(NETWORKS[request.param])


@pytest.mark.parametrize("size", [(64, 48), (61, 35)])
@pytest.mark.parametrize("rows", [3, 16, 1000])
def test_bands_leave_no_seam(network: Any, size: tuple[int, int], rows: int) -> None:
    image = photo(*size)
    found = run_in_bands(network, {"image": image[0]}, rows)
    np.testing.assert_allclose(found, network(image, training=False)[0], atol=5e-3)


def test_a_network_of_any_style_does_so_too() -> None:
    model = models.adain_subpixel(alpha=0.25, margin=8)
    inputs = {"image": photo(50, 70)[0], "style": styles(1)[0], "strength": np.full((1, 1, 1), 0.6, np.float32)}
    expected = model([value[None] for value in inputs.values()]).numpy()[0]
    seen: list[tuple[int, int, str]] = []
    found = run_in_bands(model, inputs, 5, lambda *told: seen.append(told))
    np.testing.assert_allclose(found, expected, atol=5e-3)
    count = len(model.layers)
    assert [told[:2] for told in seen] == [(number, count) for number in range(1, count + 1)]


def test_what_goes_in_stays_as_it_was() -> None:
    image = keras.Input((None, None, 3), name="image")
    model = keras.Model(image, keras.layers.ReLU(name="cut")(image))
    given = photo(9, 7)[0] - 100
    kept = given.copy()
    assert run_in_bands(model, {"image": given}, 4).min() == 0
    np.testing.assert_array_equal(given, kept)


def test_a_layer_without_a_rule_is_refused_by_name() -> None:
    image = keras.Input((None, None, 3), name="image")
    model = keras.Model(image, keras.layers.Softmax(name="odd")(image))
    with pytest.raises(ModelError, match="cannot run Softmax in bands"):
        run_in_bands(model, {"image": photo(8, 8)[0]})


def test_rows_are_one_or_more(network: Any) -> None:
    with pytest.raises(ValueError, match="rows is 0"):
        run_in_bands(network, {"image": photo(8, 8)[0]}, 0)
