"""What every format offers: a new one is tested by being listed in ``PACKAGES`` and having a target."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.utils import canonicalize_name

from export_pipeline.emulator.coremltools_quietly import quiet
from export_pipeline.errors import ExportError, ModelError, UsageError
from export_pipeline.export import export
from export_pipeline.formats import (
    PACKAGES,
    SUFFIXES,
    WrittenFormat,
    contents_of,
    format_of,
    interface_of,
    open_model,
    resize_to,
)
from export_pipeline.formats.libraries import libraries, versions
from export_pipeline.records.signature import METADATA_KEY, Signature, image_to_image, picture, tensor
from export_pipeline.targets import TARGETS
from tests.builds import ROOT
from tests.emulator.mil import ct, mb
from tests.imports import modules, third_party
from tests.small_models import HEIGHT, RECIPE, WIDTH, exported, photographs

HEAVY = {"tensorflow", "tf_keras", "coremltools", "onnx", "onnxruntime", "ai_edge_litert", "coreai"}


def photo() -> np.ndarray:
    return resize_to(photographs(1)[0], image_to_image(HEIGHT, WIDTH, "image", "stylized"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_the_libraries_that_it_imports(package: str) -> None:
    own = [name for name in modules() if name.startswith(f"export_pipeline.formats.{package}")]
    provided = packages_distributions()
    names = {name for module in own for name in third_party(module)}
    if missing := format_of(f"any{PACKAGES[package][0]}").missing():
        pytest.skip(missing)
    imported = {canonicalize_name(provided[name][0]) for name in names}
    listed = format_of(f"any{PACKAGES[package][0]}").libraries
    assert imported <= {canonicalize_name(name) for name in listed}
    assert set(listed) <= set(libraries())


def test_a_library_that_is_missing_is_said_to_be() -> None:
    found = versions("no-such-library")
    assert list(found) == [*libraries(), "no-such-library"]
    assert found["no-such-library"] == "not installed"
    assert found["onnx"][0].isdigit()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_offers_the_suffixes_of_its_row(package: str) -> None:
    for suffix in PACKAGES[package]:
        found = format_of(f"model{suffix}")
        assert type(found).__module__ == f"export_pipeline.formats.{package}"
        assert found.suffixes == PACKAGES[package]
        assert set(found.folders) <= set(found.suffixes)
        assert not type(found).__abstractmethods__
        if isinstance(found, WrittenFormat):
            assert [target for target in TARGETS.values() if f".{target.format}" == suffix]


def test_meeting_every_format_loads_no_library() -> None:
    program = (
        "import json, sys; from export_pipeline.formats import SUFFIXES, format_of; "
        "found = [format_of(f'a{suffix}').runtime for suffix in SUFFIXES]; "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not HEAVY & set(json.loads(done.stdout))


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_keeps_the_contract_of_its_format(target: str) -> None:
    made, row = exported(), TARGETS[target]
    path, kind = made.path(target), format_of(made.path(target))
    assert isinstance(kind, WrittenFormat)
    (record,) = (model for model in made.models if model.target == target)
    interface, runtime = interface_of(path), open_model(path, threads=1)
    assert (interface.inputs, interface.outputs) == (runtime.inputs, runtime.outputs)
    assert (interface.inputs, interface.outputs) == (record.signature.inputs, record.signature.outputs)
    assert (
        interface.signature
        == record.signature
        == kind.signature(image_to_image(HEIGHT, WIDTH, "image", "stylized"), row)
    )
    assert Signature.from_metadata(interface.metadata) == record.signature
    assert record.signature.size == (HEIGHT, WIDTH)
    found, weights = kind.kernels(path), contents_of(path).weights
    assert sum(kernel.size for kernel in found) == sum(weight.parameters for weight in weights if weight.convolution)
    assert {kernel.storage for kernel in found} <= {row.weights, *(("fp16", "palettized", "sparse") * row.exact)}


@pytest.mark.parametrize("target", TARGETS)
def test_infer_takes_and_gives_what_the_network_does(target: str) -> None:
    runtime, image = open_model(exported().path(target), threads=1), photo()
    (output,) = runtime.infer({"image": image}).values()
    wanted = np.asarray(exported().network(image[None].astype(np.float32), training=False))[0]
    assert (output.shape, output.dtype) == (wanted.shape, np.float32)
    assert np.sqrt(np.mean((output - wanted) ** 2)) < 8
    assert np.array_equal(output, runtime.stylize(image))
    for same in (image.astype(np.float32), image[None], image.astype(np.float64)[None]):
        (again,) = runtime.infer({"image": same}).values()
        assert np.array_equal(again, output)


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if not format_of(f"a{suffix}").options])
def test_an_option_of_another_format_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.mkdir() if suffix in format_of(path).folders else path.write_bytes(b"")
    with pytest.raises(UsageError, match=r"compute is for \.mlmodel, \.mlpackage files; leave it out for "):
        open_model(path, compute="float32")


def test_nothing_is_exported_to_a_format_that_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(format_of("a.keras"), WrittenFormat)
    row = TARGETS["onnx-fp32"]
    monkeypatch.setitem(TARGETS, "keras-fp32", type(row)("keras-fp32", *list(vars(row).values())[1:]))
    recipe = RECIPE.model_copy(update={"export": RECIPE.export.model_copy(update={"targets": ("keras-fp32",)})})
    with pytest.raises(ExportError, match=r"nothing is exported to \.keras files"):
        export(exported().network, recipe, image_to_image(HEIGHT, WIDTH, "image", "stylized"), tmp_path)


def onnx_file(path: Path, metadata: dict[str, str]) -> Path:
    """A file from an array ``(1, 5, 3, 7)`` to the same, with *metadata*."""
    import onnx

    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 5, 3, 7)) for name in "xy"]
    node = onnx.helper.make_node("Neg", ["x"], ["y"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", values[:1], values[1:]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
    return path


def test_a_file_with_a_damaged_signature_runs_and_says_so_when_asked(tmp_path: Path) -> None:
    runtime = open_model(onnx_file(tmp_path / "a.onnx", {METADATA_KEY: "{"}))
    (output,) = runtime.infer({"x": np.ones((5, 3, 7))}).values()
    assert (output == -1).all()
    with pytest.raises(ModelError, match="'signature' is damaged"):
        _ = runtime.signature


def test_a_tensor_keeps_its_axes_whatever_their_sizes(tmp_path: Path) -> None:
    """A side of three is no channel axis where the file says that the port holds no picture."""
    shape = (1, 3, 4, 5)
    signature = Signature(inputs=(tensor("x", shape),), outputs=(tensor("y", shape),))
    path = onnx_file(tmp_path / "a.onnx", signature.metadata())
    assert [port.layout for port in open_model(path).inputs] == [None]
    assert open_model(path).signature == signature


def test_a_network_signature_is_that_of_a_float_array_file() -> None:
    network = image_to_image(HEIGHT, WIDTH, "image", "stylized")
    assert network == Signature(
        inputs=(picture("image", HEIGHT, WIDTH),), outputs=(picture("stylized", HEIGHT, WIDTH),)
    )
    assert interface_of(exported().path("onnx-fp32")).signature == network


@pytest.mark.parametrize("color", ["RGB", "BGR", "GRAYSCALE"])
def test_infer_gives_colours_in_the_order_of_the_network(color: str, tmp_path: Path) -> None:
    """The file turns its image by one channel, so that a swapped order shows."""
    channels = 1 if color == "GRAYSCALE" else 3
    offset = np.array([10, 0, 0][:channels], np.float32).reshape(1, channels, 1, 1)
    kind = ct.ImageType("x", shape=(1, channels, 6, 8), color_layout=getattr(ct.colorlayout, color))
    with quiet():
        program = mb.program(input_specs=[mb.TensorSpec((1, channels, 6, 8))], opset_version=ct.target.iOS16)(
            lambda x: mb.add(x=x, y=offset, name="y")
        )
        model = ct.convert(program, minimum_deployment_target=ct.target.iOS16, inputs=[kind])
        spec = model.get_spec()
        spec.description.output[0].type.imageType.CopyFrom(spec.description.input[0].type.imageType)
        ct.models.MLModel(spec, weights_dir=model.weights_dir).save(str(tmp_path / "a.mlpackage"))
    image = np.random.default_rng(0).integers(0, 240, (6, 8, channels), dtype=np.uint8)
    (output,) = open_model(tmp_path / "a.mlpackage").infer({"x": image}).values()
    wanted = image.astype(np.float32)
    wanted[..., {"RGB": 0, "BGR": 2, "GRAYSCALE": 0}[color]] += 10
    assert np.array_equal(output, wanted)
