from __future__ import annotations

import pytest

from export_pipeline.formats.coreai import library
from tests.formats.coreai import cross, cross_table
from tests.formats.coreai.cross_table import FLOAT32, FORMS, WEIGHTS

# Of what an output spans. Half precision has 11 bits, and a network adds up roundings; steps of 8 bits are coarser.
MOST = {"fp16": 0.01, "int8": 0.05, "palettized": 0.02, "sparse": 0.02, FLOAT32: 0.0005}
# Beyond that, no more than so many times what rounding the weights alone does to the float network.
TIMES = {"fp16": 2.0, "int8": 6.0, "palettized": 2.0, "sparse": 2.0, FLOAT32: 1.0}


def test_every_network_is_in_the_table_and_no_difference_is_more_than_its_rounding() -> None:
    rows = cross_table.read()["networks"]
    assert list(rows) == list(cross.NETWORKS)
    assert {arguments["network"] for arguments in cross.NETWORKS.values()} == {*_networks(), cross.ENCODER}
    for name, row in rows.items():
        wrong = {c: row[c] for c in (FLOAT32, *FORMS) if row[c] > max(MOST[c], TIMES[c] * row[WEIGHTS])}
        assert not wrong, name


def _networks() -> tuple[str, ...]:
    from export_pipeline.models import NETWORKS

    return tuple(NETWORKS)


@pytest.mark.skipif(bool(library.missing()), reason=library.missing() or "it is there")
@pytest.mark.parametrize(
    ("name", "forms"), [("small, separable, batch norm", FORMS), ("unet, instance norm, separable", ("fp16",))]
)
def test_core_ml_by_the_emulator_and_core_ai_by_apple_differ_as_the_table_says(
    name: str, forms: tuple[str, ...]
) -> None:
    """Another processor adds up in another order, of which the last network makes much."""
    found, row = cross.differences(name, forms), cross_table.read()["networks"][name]
    assert set(found) == {WEIGHTS, FLOAT32, *forms}
    for column, share in found.items():
        assert share <= max(1.5 * row[column], 0.0005), column


@pytest.mark.skipif(bool(library.missing()), reason=library.missing() or "it is there")
def test_colors_in_float32_are_those_of_the_network() -> None:
    assert cross.beside_the_network("adain_subpixel") < 0.00005
