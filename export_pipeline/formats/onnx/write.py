"""ONNX: arrays in and out, with the signature in the file's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export_pipeline.formats.format import Conversion, Kernel
from export_pipeline.formats.protobuf import replace, short_names
from export_pipeline.records.signature import Signature

# The newest set of operations that tf2onnx is tested with and that every runtime since early 2023 takes.
OPSET = 17


def write(conversion: Conversion, path: Path) -> None:
    """Write an ONNX file in float32; its inputs and outputs are in the order of the signature.

    Height and width have these names where they are open, which they are of a flexible file.
    """
    import tensorflow as tf
    import tf2onnx

    signature = conversion.signature
    spec = [tf.TensorSpec(port.open_shape, port.dtype, name=port.name) for port in signature.inputs]
    proto, _ = tf2onnx.convert.from_keras(conversion.model, input_signature=spec, opset=OPSET, optimizers=_optimizers())
    _tidy(proto, signature, conversion.metadata)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _optimizers() -> dict[str, Any]:
    """Those of tf2onnx's optimizers that give the same graph for the same network every time.

    The one for transposes does not: it walks sets of objects. So each convolution keeps the transposes
    around it in the file; ONNX Runtime takes them out when it loads it (small network, 256x256: 45 ms against 42).
    """
    from tf2onnx.optimizer import (
        BackToBackOptimizer,
        ConstFoldOptimizer,
        IdentityOptimizer,
        MergeDuplicatedNodesOptimizer,
    )

    return {
        "fold_constants": ConstFoldOptimizer,
        "merge_duplication": MergeDuplicatedNodesOptimizer,
        "remove_identity": IdentityOptimizer,
        "remove_back_to_back": BackToBackOptimizer,
    }


def _tidy(proto: Any, signature: Signature, about: Mapping[str, str]) -> None:
    graph = proto.graph
    _put_in_order(graph)
    _rename(graph, signature)
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        if node.op_type == "Resize":
            _modern_resize(node)
    graph.name, graph.doc_string, proto.doc_string = signature.outputs[0].name, "", ""
    del graph.value_info[:]
    used = {node.domain for node in graph.node}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    replace(proto.opset_import, kept)
    for key, value in sorted({**about, **signature.metadata()}.items()):
        proto.metadata_props.add(key=key, value=value)


def _put_in_order(graph: Any) -> None:
    """Sort nodes and initializers by the way from the outputs back to the inputs.

    The converter's order comes from sets of names, which differ from run to run.
    """
    makers = {output: node for node in graph.node for output in node.output}
    stored = {initializer.name: initializer for initializer in graph.initializer}
    nodes: dict[str, Any] = {}  # by first output, in the order wanted
    pending = [output.name for output in reversed(graph.output)]
    while pending:
        node = makers[pending[-1]]
        missing = [name for name in node.input if name in makers and makers[name].output[0] not in nodes]
        if missing:
            pending.append(missing[0])
        else:
            nodes.setdefault(node.output[0], node)
            pending.pop()
    used = dict.fromkeys(name for node in nodes.values() for name in node.input if name in stored)
    replace(graph.node, list(nodes.values()))
    replace(graph.initializer, [stored[name] for name in used])


def _modern_resize(node: Any) -> None:
    """Say nearest resizing by a whole factor in the words that are not deprecated; both pick the same pixels."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    mode = attributes.get("coordinate_transformation_mode")
    if mode is not None and mode.s == b"tf_half_pixel_for_nn":
        mode.s = b"asymmetric"
        attributes["nearest_mode"].s = b"floor"


def _rename(graph: Any, signature: Signature) -> None:
    ends = {
        **{value.name: port.name for value, port in zip(graph.input, signature.inputs, strict=True)},
        **{value.name: port.name for value, port in zip(graph.output, signature.outputs, strict=True)},
    }
    names = ends | {"": ""}  # an input left out
    fresh = (name for name in short_names() if name not in ends.values())
    for initializer in graph.initializer:
        initializer.name = names.setdefault(initializer.name, next(fresh))
    for node in graph.node:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names.get(name) or names.setdefault(name, next(fresh)) for name in node.output]
    for value, port in zip((*graph.input, *graph.output), (*signature.inputs, *signature.outputs), strict=True):
        value.name = ends[value.name]
        if port.sizes:
            for axis, name in ((1, "height"), (2, "width")):
                value.type.tensor_type.shape.dim[axis].dim_param = name


def kernels(path: Path) -> tuple[Kernel, ...]:
    """Every kernel in the ONNX file at *path*; the checker of onnx accepts it, or this raises."""
    import onnx

    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    initializers = {initializer.name: initializer for initializer in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul") and node.input[1] in initializers:
            values = onnx.numpy_helper.to_array(initializers[node.input[1]])
            storage = {"float32": "fp32"}.get(values.dtype.name, values.dtype.name)
            kernel = Kernel(int(values.size), storage, values.dtype.itemsize * 8)
            found[(values.shape, values.tobytes())] = kernel
    return tuple(found.values())
