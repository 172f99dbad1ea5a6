"""What a listing is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Shape = tuple["int | None", ...]


@dataclass(frozen=True)
class Value:
    """A named value; a size is ``None`` where it is open, the whole shape where the file does not tell it."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def type(self) -> str:
        """Such as ``float16 1x3x256x256``."""
        return " ".join(filter(None, [self.dtype, times(self.shape)]))


@dataclass(frozen=True)
class Step:
    """One operation or layer. ``arguments`` are names and values in words, ``weight_bytes`` as they lie in the file.

    Weights that several steps take count for the first of them.
    """

    kind: str
    outputs: tuple[Value, ...]
    arguments: tuple[tuple[str, str], ...]
    weight_bytes: int = 0
    blocks: tuple[Body, ...] = ()


@dataclass(frozen=True)
class Body:
    """A function of a program, a network, or a block of control flow."""

    name: str
    inputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]

    def walk(self) -> Iterator[Step]:
        """Every step, those in nested blocks too."""
        for step in self.steps:
            yield step
            for block in step.blocks:
                yield from block.walk()


@dataclass(frozen=True)
class Listing:
    """All functions of a program, or the networks of a pipeline; ``neural_engine`` is what may keep it off that."""

    bodies: tuple[Body, ...]
    bytes_by_operation: dict[str, int]
    precision_by_operation: dict[str, dict[str, int]]
    neural_engine: tuple[str, ...]


def listing_of(bodies: Sequence[Body], neural_engine: Sequence[str]) -> Listing:
    """The listing of *bodies*, with its counts."""
    sizes: Counter[str] = Counter()
    precisions: dict[str, Counter[str]] = {}
    for step in (step for body in bodies for step in body.walk()):
        sizes[step.kind] += step.weight_bytes
        dtype = step.outputs[0].dtype if step.outputs else "none"
        precisions.setdefault(step.kind, Counter())[dtype] += 1
    return Listing(
        tuple(bodies),
        dict(sorted(sizes.items())),
        {kind: dict(sorted(counts.items())) for kind, counts in sorted(precisions.items())},
        tuple(dict.fromkeys(neural_engine)),
    )


def joined(parts: Sequence[Listing]) -> Listing:
    """The listing of a pipeline from those of its stages."""
    if len(parts) == 1:
        return parts[0]
    bodies = [
        Body(f"stage {number}: {body.name}", body.inputs, body.steps, body.outputs)
        for number, part in enumerate(parts, 1)
        for body in part.bodies
    ]
    return listing_of(bodies, [note for part in parts for note in part.neural_engine])


def times(shape: Sequence[int | None] | None) -> str:
    """A shape in words: nothing for a scalar or an unknown one."""
    return "x".join("?" if size is None else str(size) for size in shape or ())
