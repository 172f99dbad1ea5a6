"""Programs whose functions call one another: ``python -m tests.formats.coreai.calling FOLDER`` writes them there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

DEEP = 24  # functions, each of which calls the one before twice


def _program(calls: dict[str, list[str]], path: Path) -> None:
    """Functions of one number, each of which calls those that are listed for it; ``main`` calls the last."""
    from coreai._compiler.context import Context
    from coreai._compiler.dialects import coreai as ops
    from coreai._compiler.ir import InsertionPoint, Location, Module
    from coreai.authoring import TensorSpec
    from coreai.authoring.graph_builder import GraphOp, invoke

    from export_pipeline.formats.coreai import bytecode

    with Context()._mlir_context, Location.unknown():
        module = Module.create()
        kind: Any = TensorSpec((2,), np.float32)._to_mlir_type()
        for name, called in {**calls, "main": [list(calls)[-1]]}.items():
            names = ["x"] if name == "main" else None
            with InsertionPoint(module.body):
                graph = GraphOp(name, [kind], [], names, private=name != "main")
            with graph.block:
                (value,) = graph.arguments
                for each in called:
                    (value,) = invoke([kind], each, [value])
                value = ops.exp(value)
            graph.outputs_spec = [("y" if name == "main" else "", value)]
        bytecode.write(module, path)


def main(folder: Path) -> None:
    """Write a program that calls itself, and one that has millions of operations when all calls are followed."""
    import coreai.authoring  # noqa: F401  before any other part of it

    chain = {f"f{level}": [f"f{level - 1}"] * 2 if level else [] for level in range(DEEP)}
    _program({"f": []}, folder / "once.mlirb")
    _program(chain, folder / "deep.mlirb")
    _program({"f": ["g"], "g": ["f"]}, folder / "round.mlirb")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
