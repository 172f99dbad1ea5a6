"""Operations that Core ML and Core AI both have with one meaning, and random cases of each.

``python -m tests.formats.coreai.operations FILE`` runs the cases with Apple's library and writes the results to FILE.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.formats.coreai.pairs import VALUES, Drawn, Pair
from tests.formats.coreai.window_pairs import WINDOWS

CASES = 4
PAIRS: tuple[Pair, ...] = (*VALUES, *WINDOWS)


def drawn() -> Iterator[tuple[str, Pair, Drawn]]:
    """Every case: its name, its operation and what is drawn for it; the same every time."""
    for number, pair in enumerate(PAIRS):
        random = np.random.default_rng(number)
        for index in range(CASES):
            yield f"y{number}_{index}", pair, pair.draw(random)


def inputs() -> dict[str, np.ndarray]:
    """All arrays that go in, by name."""
    return {f"{name}_x{place}": array for name, _, case in drawn() for place, array in enumerate(case.arrays)}


def _written(path: Path) -> None:
    from coreai._compiler.context import Context
    from coreai._compiler.dialects import coreai as ops
    from coreai._compiler.ir import InsertionPoint, Location, Module
    from coreai.authoring import AIProgram, TensorSpec
    from coreai.authoring.graph_builder import GraphOp

    given = inputs()
    with Context()._mlir_context, Location.unknown():
        module = Module.create()
        with InsertionPoint(module.body):
            types = [TensorSpec(array.shape, np.float32)._to_mlir_type() for array in given.values()]
            graph = GraphOp("main", types, [], list(given), [])
            values = dict(zip(given, graph.arguments, strict=True))
            with graph.block:
                made = {
                    name: pair.core_ai(
                        ops, *(values[f"{name}_x{place}"] for place in range(len(case.arrays))), **case.told
                    )
                    for name, pair, case in drawn()
                }
                ops.output(list(made.values()))
            graph.outputs_spec = list(made.items())
        AIProgram._from_mlir_module(module).save_asset(path)


async def _results(path: Path) -> dict[str, np.ndarray]:
    from coreai.authoring import AIModelAsset
    from coreai.runtime import NDArray

    async with AIModelAsset.load(path).executable() as model:
        made = await model.load_function("main")({name: NDArray(array) for name, array in inputs().items()})
        return {name: np.array(array.numpy()) for name, array in made.items()}


def main(file: str) -> None:
    """Run all cases with Apple's library."""
    import coreai.authoring  # noqa: F401  before any other part of it

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "operations.aimodel"
        _written(path)
        np.savez(file, **asyncio.run(_results(path)))


if __name__ == "__main__":
    main(sys.argv[1])
