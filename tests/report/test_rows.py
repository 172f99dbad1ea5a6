"""Tables of the report: kernels by their layers, files that are larger than plainer ones, zeros apart from budgets."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from export_pipeline.base.size import Size
from export_pipeline.formats import contents_of
from export_pipeline.records.contents import Contents
from export_pipeline.report import BudgetResult
from export_pipeline.report.kernels import layer_names
from export_pipeline.report.notes import grouped, notes
from export_pipeline.report.render import markdown, page
from export_pipeline.report.rows import added_table, budgets_table, files_table
from export_pipeline.targets import TARGETS
from tests.report.test_report import reported
from tests.small_models import HEIGHT, WIDTH, exported


@cache
def network() -> Contents:
    return contents_of(exported().float_model, HEIGHT, WIDTH)


@pytest.mark.parametrize("target", TARGETS)
def test_kernels_of_every_format_have_the_names_of_layers(target: str) -> None:
    """Those of one size are told apart by their order alone: their values say whether it is the right one."""
    contents = contents_of(exported().path(target))
    names = layer_names(network(), contents)
    kernels = [weight.name for weight in contents.weights if weight.convolution]
    assert [names[name] for name in kernels] == [
        layer.name for layer in exported().network.layers if layer.name.endswith("_conv")
    ]


@pytest.mark.parametrize("target", ["tflite-fp16", "tflite-dynamic", "onnx-fp32", "mlpackage-fp16", "mlmodel-int8"])
def test_the_names_are_those_of_the_layers_with_the_same_values(target: str, tmp_path: Any) -> None:
    """Each 3x3 kernel of this network has zeros of its own number, which every format keeps."""
    import tf_keras as keras

    from export_pipeline.export import export
    from export_pipeline.recipe import Recipe
    from export_pipeline.records.signature import image_to_image

    made = keras.models.clone_model(exported().network)
    made.set_weights(exported().network.get_weights())
    zeros = {}
    for number, layer in enumerate(one for one in made.layers if one.name.endswith("_conv")):
        kernel = (
            np.ones(layer.kernel.shape, np.float32)
            + np.arange(layer.kernel.shape.num_elements()).reshape(layer.kernel.shape) / 1000
        )
        kernel.reshape(-1)[: 3 * number + 3] = 0
        layer.set_weights([kernel.astype(np.float32)])
        zeros[layer.name] = 3 * number + 3
    table = {"height": HEIGHT, "width": WIDTH, "targets": (target,)}
    recipe = Recipe.parse({"name": "named", "model": {"network": "small", "alpha": 0.1, "blocks": 0}, "export": table})
    (model,) = export(made, recipe, image_to_image(HEIGHT, WIDTH, "image", "stylized"), tmp_path)
    contents = contents_of(tmp_path / model.file)
    made.save(tmp_path / "float.keras")
    names = layer_names(contents_of(tmp_path / "float.keras", HEIGHT, WIDTH), contents)
    found = {names[w.name]: round((1 - w.nonzero_share) * w.parameters) for w in contents.weights if w.convolution}
    assert found == zeros


def test_the_table_of_kernels_names_layers() -> None:
    text = markdown(reported()[1])
    assert "| onnx-fp32 | down0_conv | 3x3x9x9 |" in text
    assert "| tflite-dynamic | out_conv |" in text


def with_target(target: str, size: int, deflated: int) -> Any:
    """A report whose first file is one of *target* and has *size* bytes, beside one of the same format of 1,000."""
    _, found = reported()
    first, second = found.record.files[:2]
    plain = first.model_copy(
        update={"target": "mlpackage-int8", "format": "mlpackage", "size": Size(bytes=1000, deflated_bytes=900)}
    )
    other = second.model_copy(
        update={"target": target, "format": "mlpackage", "size": Size(bytes=size, deflated_bytes=deflated)}
    )
    record = found.record.model_copy(update={"files": (plain, other), "parity": ()})
    return found.model_copy(update={"record": record})


def test_a_sparse_file_that_is_larger_than_a_plain_one_says_so() -> None:
    larger = with_target("mlpackage-sparse", 1200, 800)
    assert any("1,200 (larger than mlpackage-int8)" in row for row in files_table(larger).rows)
    (note,) = [line for line in notes(larger) if line.startswith("mlpackage-sparse: its")]
    assert "200 more than those of mlpackage-int8" in note
    assert "100 bytes smaller" in note
    for report in (with_target("mlpackage-sparse", 900, 800), with_target("mlpackage-fp16", 1200, 800)):
        assert not any("larger than" in cell for row in files_table(report).rows for cell in row)


def test_zeros_that_pruning_demands_are_not_called_budgets() -> None:
    _, found = reported()
    assert {row[1] for row in added_table(found.budgets).rows} == {"nonzero_share"}
    assert "nonzero_share" not in {row[1] for row in budgets_table(found.budgets).rows}
    own = BudgetResult(target="a", what="bytes", rule="most", limit=1, measured=1, status="passed")
    assert not added_table((own,)).rows
    assert "Zeros of the pruned network" in page(found)


def test_a_note_stands_once_with_all_that_it_is_of() -> None:
    refused = "GPU: refuses 2 of 40 operations: 2 MIRROR_PAD (it repeats the edge (SYMMETRIC); REFLECT is taken)"
    pairs = [("a", refused), ("b", "slow"), ("c", refused.replace("40", "44")), ("d", "slow"), ("d", "slow"), ("e", "")]
    assert grouped(pairs) == [f"a: {refused}", "b, d: slow", f"c: {refused.replace('40', '44')}", "e: "]


def test_what_two_files_share_of_their_notes_stands_once() -> None:
    _, report = reported()
    files = [
        row.model_copy(update={"notes": (f"8 bits; {speed}",)})
        for row, speed in zip(report.record.files, ("fast", "slow"), strict=True)
    ]
    shared = report.model_copy(update={"record": report.record.model_copy(update={"files": tuple(files)})})
    one, other = (row.target for row in files)
    assert {f"{one}, {other}: 8 bits", f"{one}: fast", f"{other}: slow"} <= set(notes(shared))


def test_a_measure_that_is_missing_does_not_colour_the_whole_row() -> None:
    from export_pipeline.report.html import table
    from export_pipeline.report.tables import TextTable

    header = ("target", "ms", "status")
    rows = (("a", "SKIPPED", "PASSED"), ("b", "SKIPPED", "FAILED"), ("c", "1", "NOISY"), ("photograph", "SKIPPED", ""))
    made = table(TextTable("Files", header, rows))
    assert '<tr><td data-label="target">a</td><td class="n skipped" data-label="ms">SKIPPED</td>' in made
    assert '<tr class="failed"><td data-label="target">b' in made
    assert '<tr class="noisy"><td data-label="target">c' in made
    assert '<tr><td data-label="target">photograph' in made
