"""Which operations Google's GPU delegate takes, and into how many parts those it refuses cut a graph.

The rules are those of TensorFlow's ``tensorflow/lite/tools/versioning/gpu_compatibility.cc``
(``CheckGpuDelegateCompatibility``), which the delegate asks of each operation. (``tf.lite.experimental.Analyzer`` is to
print its verdict, but in the wheel of TensorFlow 2.21 it calls every operation compatible, ``ARG_MAX`` among them.) The
number of axes is that of ``tensorflow/lite/delegates/gpu/common/model_builder_helper.cc`` (``ExtractTensorShape``,
``CheckTensorShape``): up to 4 everywhere, 5 in newer versions, more nowhere.
The parts are found as ``tensorflow/lite/graph_info.cc`` (``PartitionGraphIntoIndependentNodeSubsets``) finds them.
``tensorflow/lite/delegates/gpu/delegate_options.h`` says that by default the largest of them alone goes to the GPU
(``max_delegated_partitions = 1``). A phone's own driver may still refuse what passes here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from export_pipeline.formats.tflite.graph import Node

MOST_AXES = 4
_UNSUPPORTED = "not supported"
_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH")
# Operations with one input that is computed and nothing else that is looked at.
_UNARY = (
    "ABS",
    "CEIL",
    "COS",
    "ELU",
    "EXP",
    "FLOOR",
    "GELU",
    "LOG",
    "LOGISTIC",
    "NEG",
    "RSQRT",
    "SIGN",
    "SIN",
    "SQRT",
    "SQUARE",
    "TANH",
    "HARD_SWISH",
    "RESHAPE",
    "TILE",
    "TRANSPOSE",
    "QUANTIZE",
    "DEPTH_TO_SPACE",
    "SPACE_TO_DEPTH",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
)
_BINARY = (
    "ATAN2",
    "DIV",
    "EQUAL",
    "FLOOR_DIV",
    "FLOOR_MOD",
    "GREATER",
    "GREATER_EQUAL",
    "LOGICAL_AND",
    "LESS",
    "LESS_EQUAL",
    "MAXIMUM",
    "MINIMUM",
    "NOT_EQUAL",
    "POW",
    "SQUARED_DIFFERENCE",
    "SUB",
)
_REDUCTIONS = (
    "MEAN",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "REDUCE_PROD",
    "SUM",
)
_FREE = (
    "RELU",
    "RELU6",
    "RELU_N1_TO_1",
    "LEAKY_RELU",
    "PRELU",
    "PACK",
    "SPLIT",
    "SPLIT_V",
    "CONCATENATION",
    "BATCH_MATMUL",
    "LSTM",
    "ADD_N",
)


def refusal(node: Node) -> str:
    """Why the delegate does not take *node*; empty where it does."""
    rule = _RULES.get(node.kind)
    if rule is None:
        return _UNSUPPORTED
    return rule(node) or _axes(node)


def parts(nodes: Sequence[Node], refused: frozenset[int], ready: frozenset[int]) -> list[list[int]]:
    """The places of the operations that the delegate runs, a list for each stretch of them.

    Operations are taken as soon as what they read is there, first of one side and then of the other, in turns.

    Args:
        nodes: of the graph, in its order.
        refused: places of those that the delegate does not take.
        ready: tensors that are there before the first of them: inputs and constants.
    """
    there, left = set(ready), list(range(len(nodes)))
    found: list[list[int]] = []
    idle, on_gpu = 0, bool(left) and left[0] not in refused
    while left and idle < 2:
        stretch, again = [], True
        while again:
            again = False
            for place in list(left):
                if (place not in refused) == on_gpu and all(index in there for index in nodes[place].taken):
                    stretch.append(place)
                    left.remove(place)
                    there.update(nodes[place].given)
                    again = True
        idle = 0 if stretch else idle + 1
        if stretch and on_gpu:
            found.append(stretch)
        on_gpu = not on_gpu
    return found


def _axes(node: Node) -> str:
    most = max((len(node.shapes[index]) for index in (*node.taken, *node.given)), default=0)
    return f"{most} axes; {MOST_AXES} are taken by every version" if most > MOST_AXES else ""


def _inputs(number: int) -> Callable[[Node], str]:
    def rule(node: Node) -> str:
        found = node.computed
        return "" if found == number else f"{found} inputs are computed; {number} must be"

    return rule


def _fused(node: Node) -> str:
    return "" if node.activation in _ACTIVATIONS else f"with a fused {node.activation}"


def _convolution(node: Node) -> str:
    return _fused(node) if node.computed <= 2 else f"{node.computed} inputs are computed; 2 may be"


def _depthwise(node: Node) -> str:
    multiplier, channels = node.option("depthMultiplier", 1), node.shapes[node.taken[0]][-1]
    if multiplier != 1 and channels != 1:
        return f"{multiplier} kernels for each of {channels} channels; 1 is taken"
    return _convolution(node)


def _pool(node: Node) -> str:
    return _inputs(1)(node) or _fused(node)


def _binary(node: Node) -> str:
    constants = len(node.taken) - node.computed
    pairs = (node.computed, constants) in ((2, 0), (1, 1))
    return _fused(node) if pairs else "it takes two inputs, one of them computed"


def _broadcast(node: Node) -> str:
    if len(node.taken) != 2:
        return f"it has {len(node.taken)} inputs; 2 are taken"
    first, second = (node.shapes[index] for index in node.taken)
    if node.kind == "ADD":
        return ""
    sides = {a < b for a, b in zip(first, second, strict=True) if a != b} if len(first) == len(second) else set()
    return f"it broadcasts both inputs, {_times(first)} and {_times(second)}" if len(sides) > 1 else _fused(node)


def _reduction(node: Node) -> str:
    if node.computed != 1:
        return "its axes are computed; they must be constants"
    kind = node.types[node.taken[1]]
    return "" if kind == "INT32" else f"its axes are {kind}; INT32 is taken"


def _padding(node: Node) -> str:
    if node.kind == "MIRROR_PAD" and node.option("mode"):
        return "it repeats the edge (SYMMETRIC); REFLECT is taken"
    rows = node.shapes[node.taken[1]]
    return "" if rows in ((3, 2), (4, 2)) else f"it pads {rows[0] if rows else 0} axes; 3 or 4 are taken"


def _slice(node: Node) -> str:
    masks = {"ellipsisMask": "an ellipsis", "newAxisMask": "a new axis", "shrinkAxisMask": "an axis that goes"}
    wrong = next((words for name, words in masks.items() if node.option(name)), "")
    axes = len(node.shapes[node.taken[0]])
    return f"with {wrong}" if wrong else "" if axes in (3, 4) else f"of {axes} axes; 3 or 4 are taken"


def _cast(node: Node) -> str:
    ends = node.types[node.taken[0]], node.types[node.given[0]]
    floats, wide = ("FLOAT16", "FLOAT32"), ("FLOAT32", "INT32")
    bools = "BOOL" in ends and any(end in floats for end in ends)
    return "" if bools or all(end in wide for end in ends) else f"from {ends[0]} to {ends[1]}"


def _dequantize(node: Node) -> str:
    return "from INT16" if node.types[node.taken[0]] == "INT16" else ""


def _gather(node: Node) -> str:
    source, indices = node.taken[:2]
    if node.types[source] == "INT32" or node.types[indices] != "INT32":
        return f"of {node.types[source]} by {node.types[indices]} indices"
    return "" if len(node.shapes[indices]) == 1 else f"indices of {len(node.shapes[indices])} axes; 1 is taken"


def _dense(node: Node) -> str:
    if node.computed > 2 or node.taken[0] in node.constants:
        return "its inputs are not one or two that are computed, the first of them"
    kept = node.option("keepNumDims", False)
    same = len(node.shapes[node.taken[0]]) == len(node.shapes[node.given[0]])
    return "" if same or not kept else "it changes the number of axes that it is to keep"


def _softmax(node: Node) -> str:
    return "" if node.option("beta", 1) == 1 else f"beta is {node.option('beta')}; 1 is taken"


def _select(node: Node) -> str:
    result, wrong = node.shapes[node.given[0]], []
    for index in node.taken[1:]:
        shape = node.shapes[index]
        if not node.types[index].startswith("FLOAT") or (shape not in (result, (), (1,))):
            wrong.append(_times(shape))
    return f"it broadcasts {', '.join(wrong)}" if wrong else ""


def _cumsum(node: Node) -> str:
    return "" if node.types[node.taken[0]].startswith("FLOAT") and node.taken[1] in node.constants else "not of floats"


def _one_hot(node: Node) -> str:
    shape = node.shapes[node.taken[0]]
    inner = shape[1:-1] if len(shape) > 3 else shape[:-1]
    return "" if all(length == 1 for length in inner) else f"indices of shape {_times(shape)}"


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "a scalar"


_RULES: dict[str, Callable[[Node], str]] = {
    **dict.fromkeys(_FREE, lambda node: ""),
    **dict.fromkeys(_UNARY, _inputs(1)),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _padding),
    **dict.fromkeys(("SLICE", "STRIDED_SLICE"), _slice),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    **dict.fromkeys(("ADD", "MUL"), _broadcast),
    **dict.fromkeys(("SELECT", "SELECT_V2"), _select),
    "CAST": _cast,
    "CONV_2D": _convolution,
    "CUMSUM": _cumsum,
    "DENSIFY": _inputs(0),
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _dequantize,
    "FULLY_CONNECTED": _dense,
    "GATHER": _gather,
    "ONE_HOT": _one_hot,
    "SOFTMAX": _softmax,
    "TRANSPOSE_CONV": lambda node: "" if node.computed <= 2 else "more than two inputs are computed",
}
