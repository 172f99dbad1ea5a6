"""The program as a file: MLIR bytecode of Apple's versioned dialect, without locations. It runs in the worker.

Apple's writer gives each operation a location with a number of its own: two thirds of a small program. They tell a
debugger where an operation comes from, and nothing of what it does; here all have one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of MLIR's bytecode, as Apple's library writes it.
_BYTECODE = 6
_SYSTEM = "v27"


def write(module: Any, path: Path) -> None:
    """Let Apple's passes rewrite *module*, which drop and share what they can, and write it to the file *path*."""
    from coreai._compiler._mlir_libs._coreaiIR._bindings import compiler
    from coreai._compiler.passmanager import PassManager
    from coreai.runtime import _AIModelAsset

    PassManager.parse("builtin.module(cse)", context=module.context).run(module.operation)
    module.operation.verify()
    version = _AIModelAsset._dialect_version_for_os(_SYSTEM)
    compiler.serialize_module_to_bytecode(
        module=module, package_path=path, dialect_version=version, bytecode_version=_BYTECODE
    )
    path.write_bytes(_without_locations(path.read_bytes()))


def read(path: Path) -> Any:
    """The module in the file *path*."""
    from coreai._compiler._mlir_libs._coreaiIR._bindings.compiler import load_module_from_bytecode
    from coreai._compiler.context import Context

    return load_module_from_bytecode(context=Context()._mlir_context, path=path)


def _without_locations(program: bytes) -> bytes:
    from coreai._compiler._mlir_libs._coreaiIR._bindings.mlir import set_block_arg_location, set_op_location
    from coreai._compiler.context import Context
    from coreai._compiler.ir import Module

    context = Context()._mlir_context
    with context:
        module = Module.parse(program, context=context)  # kept, or its operations go with it
        (whole,) = module.body.operations
        blocks = [block for operation in operations(whole) for block in _blocks(operation)]
        # An argument's location has no number, and the reader takes no location that is not of its own kind.
        shared = next(argument.location for block in blocks for argument in block.arguments)
        for operation in operations(whole):
            set_op_location(operation, shared)
        for block in blocks:
            for argument in block.arguments:
                set_block_arg_location(argument, shared)
        written = io.BytesIO()
        whole.operation.write_bytecode(written, desired_version=_BYTECODE)
    return written.getvalue()


def operations(operation: Any) -> Iterator[Any]:
    """*operation* and all inside of it."""
    yield getattr(operation, "operation", operation)
    for block in _blocks(operation):
        for inner in block.operations:
            yield from operations(inner)


def _blocks(operation: Any) -> list[Any]:
    return [block for region in getattr(operation, "operation", operation).regions for block in region.blocks]
