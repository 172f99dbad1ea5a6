"""Full-integer files without multiplications that change no stored number."""

from __future__ import annotations

from typing import Any

import numpy as np

from export_pipeline.formats.tflite import flatbuffer

# Operations that move the values of their first input and keep its scale.
MOVES = ("DEPTH_TO_SPACE", "RESHAPE", "TRANSPOSE", "SLICE", "STRIDED_SLICE")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# Relative difference of scales, which are float32, that mean one scale.
TOLERANCE = 1e-5


def fold(model: Any) -> int:
    """Let the convolution before a multiplication by a positive constant give the product by itself.

    Where the product's scale is the constant times the factor's, and the zero points are one, the stored integers of
    both are the same, and the multiplication is a pass over a whole image for nothing. The scales of the convolution's
    kernel, bias and output take the constant instead. Its fused activation goes where 8 bits end at the same values.

    Returns:
        How many multiplications went.
    """
    (graph,) = model.subgraphs
    products = [operator for operator in graph.operators if flatbuffer.name(model, operator) == "MUL"]
    return sum(_fold(model, graph, product) for product in products)


def _fold(model: Any, graph: Any, product: Any) -> bool:
    constant, factor = _constant(model, graph, product.inputs[1]), product.inputs[0]
    if constant is None or constant <= 0 or not _same_numbers(graph, factor, product.outputs[0], constant):
        return False
    chain = _made_by(model, graph, factor)
    if not chain or not _ends_with_its_bits(graph, chain[-1]):
        return False
    for operator in chain:
        graph.tensors[operator.outputs[0]].quantization = graph.tensors[product.outputs[0]].quantization
    for index in chain[-1].inputs[1:]:
        stored = graph.tensors[index].quantization
        stored.scale = (np.asarray(stored.scale, np.float64) * constant).astype(np.float32)
    chain[-1].builtinOptions.fusedActivationFunction = flatbuffer.schema().ActivationFunctionType.NONE
    chain[0].outputs = product.outputs
    graph.operators = [operator for operator in graph.operators if operator is not product]
    return True


def _constant(model: Any, graph: Any, index: int) -> float | None:
    """The one number of an 8-bit constant; ``None`` for anything else."""
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    if tensor.type != flatbuffer.schema().TensorType.INT8 or data is None or len(data) != 1:
        return None
    (stored,) = np.frombuffer(bytes(data), np.int8)
    return float(tensor.quantization.scale[0]) * (int(stored) - int(tensor.quantization.zeroPoint[0]))


def _same_numbers(graph: Any, factor: int, product: int, constant: float) -> bool:
    one, other = graph.tensors[factor].quantization, graph.tensors[product].quantization
    same = np.isclose(float(one.scale[0]) * constant, float(other.scale[0]), rtol=TOLERANCE, atol=0)
    return bool(same) and int(one.zeroPoint[0]) == int(other.zeroPoint[0])


def _made_by(model: Any, graph: Any, index: int) -> list[Any]:
    """The operations from the one that gives tensor *index* back to a convolution, if nothing else uses what they do.

    Empty where that is not so.
    """
    chain: list[Any] = []
    while not chain or flatbuffer.name(model, chain[-1]) in MOVES:
        sources = [operator for operator in graph.operators if index in operator.outputs]
        users = [operator for operator in graph.operators if index in operator.inputs]
        if len(sources) != 1 or len(users) != 1 or index in graph.outputs:
            return []
        chain += sources
        index = chain[-1].inputs[0]
    own = set(chain[-1].inputs[1:])
    shared = [operator for operator in graph.operators if operator is not chain[-1] and own & set(operator.inputs)]
    return chain if flatbuffer.name(model, chain[-1]) in CONVOLUTIONS and not shared else []


def _ends_with_its_bits(graph: Any, convolution: Any) -> bool:
    """Whether the fused activation allows every number that the 8 bits of the output can tell."""
    kinds = flatbuffer.schema().ActivationFunctionType
    limits = {kinds.NONE: (-np.inf, np.inf), kinds.RELU: (0.0, np.inf), kinds.RELU6: (0.0, 6.0)}
    stored = graph.tensors[convolution.outputs[0]].quantization
    scale, zero = float(stored.scale[0]), int(stored.zeroPoint[0])
    low, high = limits.get(convolution.builtinOptions.fusedActivationFunction, (np.inf, -np.inf))
    slack = TOLERANCE * 255 * scale
    return low <= (-128 - zero) * scale + slack and (127 - zero) * scale <= high + slack
