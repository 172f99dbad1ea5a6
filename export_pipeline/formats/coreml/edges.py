"""Edges that a network repeats or cuts off, as operations of channels first, Core ML's own order.

TensorFlow has the channels last. The converter puts a transpose before and after each convolution and removes those
that meet; a slice or a concatenation between two of them keeps both, and each lays out every feature anew.
"""

from __future__ import annotations

from typing import Any

from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import register_pass

PASS = "export_pipeline::edges_channels_first"
CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
# Axes of (N, H, W, C) in the order in which models.layers.EdgePadding continues them.
ROWS, COLUMNS = 1, 2
WHOLE = (0, 0)  # values cut off at both ends of an axis


@register_pass(namespace="export_pipeline")
class edges_channels_first(AbstractGraphPass):  # noqa: N801 - its name is that of the pass
    """What ``EdgePadding`` becomes as ``pad`` with ``mode="replicate"``, and crops of height and width."""

    def apply(self, prog: Any) -> None:
        """Change the program in place."""
        for function in prog.functions.values():
            _pad(function)
            _crop(function)


@block_context_manager
def _pad(block: Any) -> None:
    for columns in list(block.operations):
        rows = _continued(columns, COLUMNS)
        image = rows and _continued(rows[0].op, ROWS)
        if rows and image and rows[1] == image[1]:
            first = mb.transpose(x=image[0], perm=CHANNELS_FIRST, before_op=columns)
            padded = mb.pad(x=first, pad=[0, 0, 0, 0, *[image[1]] * 4], mode="replicate", before_op=columns)
            _back(block, padded, columns)


@block_context_manager
def _crop(block: Any) -> None:
    for operation in list(block.operations):
        cut = _cut(operation)
        # A slice that an edge was repeated with is unused now, and goes with the next pass that looks for such.
        if cut is None or not operation.outputs[0].child_ops or not _was_channels_first(operation.x):
            continue
        batch, rows, columns, channels = cut
        known = all(isinstance(side, int) for side in (*rows, *columns))
        if known and batch == channels == WHOLE and (rows, columns) != (WHOLE, WHOLE):
            first = mb.transpose(x=operation.x, perm=CHANNELS_FIRST, before_op=operation)
            inside = mb.crop(x=first, crop_height=list(rows), crop_width=list(columns), before_op=operation)
            _back(block, inside, operation)


def _back(block: Any, value: Any, old: Any) -> None:
    """Let *value*, with its channels last again, take the place of what *old* gives."""
    new = mb.transpose(x=value, perm=CHANNELS_LAST, before_op=old)
    block.replace_uses_of_var_after_op(anchor_op=old, old_var=old.outputs[0], new_var=new)


def _was_channels_first(value: Any) -> bool:
    """Whether a transpose from channels first lies before *value*, with operations on single values between."""
    operation = value.op
    while operation is not None and operation.op_type != "transpose":
        sources = [source for source in operation.inputs.values() if hasattr(source, "op") and source.val is None]
        if len(sources) != 1 or sources[0].shape != operation.outputs[0].shape:
            return False
        operation = sources[0].op
    return operation is not None and tuple(operation.perm.val) == CHANNELS_LAST


def _continued(concat: Any, axis: int) -> tuple[Any, int] | None:
    """What *concat* continues at both ends of *axis* with its outermost values, and how many times; else ``None``."""
    if concat is None or concat.op_type != "concat" or concat.axis.val != axis or concat.interleave.val:
        return None
    values = concat.values
    margin, rest = divmod(len(values) - 1, 2)
    inside = values[margin]
    if rest or not margin or inside.rank != 4:
        return None
    last = inside.shape[axis] - 1
    ends = ((values[:margin], (0, last)), (values[margin + 1 :], (last, 0)))
    whole = [WHOLE] * 4
    alike = all(
        value.op is not None and _cut(value.op) == [*whole[:axis], cut, *whole[axis + 1 :]] and value.op.x is inside
        for side, cut in ends
        for value in side
    )
    return (inside, margin) if alike else None


def _cut(operation: Any) -> list[tuple[Any, Any]] | None:
    """What a slice of four axes cuts off at both ends of each; ``None`` where it is none or does more than that.

    Of an axis of open length they may be symbolic expressions of it.
    """
    if operation.op_type != "slice_by_index" or operation.x.rank != 4:
        return None
    begins, ends = operation.begin.val, operation.end.val
    strided = operation.stride is not None and set(operation.stride.val) != {1}
    if begins is None or ends is None or strided or any(_mask(operation.squeeze_mask)):
        return None
    from_start, to_end = _mask(operation.begin_mask), _mask(operation.end_mask)
    cut = []
    for axis, length in enumerate(operation.x.shape):
        if not isinstance(length, int):
            begin, end = int(begins[axis]), int(ends[axis])
            first = 0 if from_start[axis] else begin if begin >= 0 else length + begin
            rest = 0 if to_end[axis] else -end if end < 0 else length - end
            cut.append((first, rest))
            continue
        first = 0 if from_start[axis] else int(begins[axis]) % length
        last = length - 1 if to_end[axis] else (int(ends[axis]) - 1) % length
        cut.append((first, length - 1 - last))
    return cut


def _mask(given: Any) -> list[bool]:
    return [False] * 4 if given is None or given.val is None else [bool(one) for one in given.val]
