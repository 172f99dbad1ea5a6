"""Every operation that the emulator writes has a kernel of ONNX Runtime for every type that its values come in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as native

from export_pipeline import emulator
from export_pipeline.emulator.graph import OPSET, Graph
from export_pipeline.emulator.kernels import WIDER
from export_pipeline.emulator.plan import Plan

CARRIERS = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
# Written for floats alone, whatever ONNX allows; and one that a host step computes.
FLOATS_ALONE = {"PRelu": "prelu takes floats alone", "OneHot": "its values are floats"}
WITHOUT_KERNEL = {"Bernoulli"}


def written() -> list[str]:
    """Names of ONNX operations in the emulator's source."""
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    files = Path(emulator.__file__).parent.rglob("*.py")
    found = {name for file in files for name in re.findall(r'"([A-Z][A-Za-z0-9]+)"', file.read_text("utf-8"))}
    return sorted(found & known)


def kernel_types(schema: Any, parameter: str) -> set[str]:
    """Types of *parameter* that ONNX Runtime's kernels for a CPU take."""
    kernels = [
        kernel
        for kernel in native.get_all_opkernel_def()
        if kernel.op_name == schema.name
        and kernel.domain == ""
        and kernel.provider == "CPUExecutionProvider"
        and kernel.version_range[0] <= schema.since_version <= kernel.version_range[1]
    ]
    assert kernels or schema.has_function or schema.name in WITHOUT_KERNEL, f"{schema.name} has no kernel at all"
    return {kind for kernel in kernels for kind in kernel.type_constraints.get(parameter, ())}


def test_the_table_of_missing_kernels_is_that_of_the_installed_version() -> None:
    missing: dict[str, set[Any]] = {}
    for name in written():
        schema = onnx.defs.get_schema(name, OPSET, "")
        for constraint in schema.type_constraints:
            have = kernel_types(schema, constraint.type_param_str)
            lacking = {CARRIERS[kind] for kind in set(constraint.allowed_type_strs) & set(CARRIERS) - have if have}
            if lacking and name not in FLOATS_ALONE:
                missing.setdefault(name, set()).update(np.dtype(kind) for kind in lacking)
    assert missing == {name: set(wider) for name, wider in WIDER.items()}


ARGUMENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Where": (lambda graph, x: (graph.constant(np.array([True, False, True, True])), x, x), {}),
    "Resize": (lambda graph, x: (x, None, graph.constant(np.array([1, 1, 2, 1], np.float32))), {"mode": "nearest"}),
    "DepthToSpace": (lambda graph, x: (x,), {"blocksize": 2}),
    "SpaceToDepth": (lambda graph, x: (x,), {"blocksize": 2}),
}


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name, wider in WIDER.items() for dtype in wider])
def test_values_are_those_of_floats(name: str, dtype: Any) -> None:
    """Integers that a float32 could not hold, too."""
    values = np.random.default_rng(0).integers(0, 2 if dtype == np.bool_ else 1 << 30, (1, 4, 2, 4)).astype(dtype)

    def run(kind: Any) -> np.ndarray:
        graph = Graph()
        arguments, attributes = ARGUMENTS[name]
        made = graph.node(name, *arguments(graph, graph.input("x", kind, values.shape)), **attributes)
        graph.output("y", made)
        assert made.dtype == kind
        return np.asarray(Plan(graph).run({"x": values.astype(kind)})["y"])

    found = run(dtype)
    assert found.dtype == dtype
    floats = np.dtype(np.float32 if dtype == np.bool_ else np.float64)
    np.testing.assert_array_equal(found, run(floats).astype(dtype))
