"""From photographs to a file of mirrored decoders with its record: one call, which goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from export_pipeline import coding
from export_pipeline.base.files import (
    check_writable,
    empty,
    locked,
    names_sha256,
    remove_parts,
    remove_parts_of,
    sha256,
    write_text,
    written_aside,
)
from export_pipeline.coding.quantize import MOST_BITS, quantize
from export_pipeline.errors import UsageError
from export_pipeline.perception.codec import ENCODER, Codec, encoder_mark
from export_pipeline.perception.loss_network import LossNetwork
from export_pipeline.tasks.photographs import Photographs, folder_photographs, joined
from export_pipeline.universal.wct.record import PLAN, Decoders, Phase, Training
from export_pipeline.universal.wct.state import State
from export_pipeline.universal.wct.training import Run, rebuilt_db
from export_pipeline.universal.wct.widened import check_fits

Say = Callable[[str], None]


def plan(share: float = 1.0, taps: Sequence[str] = tuple(PLAN)) -> dict[str, tuple[Phase, ...]]:
    """The phases of *taps*, each with the *share* of its steps, one at least."""
    return {
        tap: tuple(phase.model_copy(update={"steps": max(1, round(share * phase.steps))}) for phase in PLAN[tap])
        for tap in PLAN
        if tap in taps
    }


def material(folders: Sequence[Path], hold_out: int) -> tuple[Photographs, Photographs]:
    """Photographs of all *folders* to train on, and the last *hold_out* of the last folder, which are kept out.

    Raises:
        ImageError, UsageError: a folder has no images, or none is left.
    """
    *others, last = map(folder_photographs, folders)
    training, held = last.split(hold_out)
    return joined([*others, training]), held


def train_decoders(
    network: LossNetwork,
    training: Training,
    photographs: Photographs,
    held: Photographs,
    output: Path,
    *,
    start: Codec | None = None,
    bits: int = 6,
    bits_of: Mapping[str, int] = MappingProxyType({}),
    fresh: bool = False,
    say: Say = lambda _: None,
) -> Decoders:
    """Train the decoders of *network*, and store them in *output*, a ``.weights`` file; the record lies beside it.

    Args:
        start: the decoders of another encoder, at most as wide, that these begin as.
        bits: of a clustered weight in the file.
        bits_of: the same for the decoder of one tap, where that is to have fewer or more.
        fresh: forget what an interrupted run left.

    Raises:
        UsageError: *output* has another suffix, another run is at work there, or *start* does not fit.
        CheckpointError: what an interrupted run left is of another training, or damaged.
        TrainingError: a loss is not finite.
    """
    if output.suffix != coding.SUFFIX or output.is_dir():
        raise UsageError(f"{output} is not written; give a file whose name ends in {coding.SUFFIX}.")
    for one in (bits, *bits_of.values()):
        if not 1 <= one <= MOST_BITS:
            raise UsageError(f"{one} bits are not possible; allowed: 1 to {MOST_BITS}")
    if other := [tap for tap in bits_of if tap not in training.phases]:
        raise UsageError(f"there is no decoder of {other[0]} that could have bits of its own")
    if start:
        check_fits(network, start, training.phases)
        training = training.model_copy(update={"start_sha256": start.sha256})
    check_writable(output)
    work = output.parent / f".{output.name}.work"
    with locked(work, "training of decoders"):
        remove_parts(work)
        remove_parts_of(output)
        if fresh:
            empty(work)
        state = State(work, training)
        state.begin()
        arrays = Run(training, network, photographs, state, say, start).trained()
        say("storing")
        source = work / "decoders.npz"
        with written_aside(source) as aside:
            np.savez(aside, **arrays, **{ENCODER: encoder_mark(network)})  # type: ignore[arg-type]
        quantize(source, bits, output, bits_of=lambda name: bits_of.get(name.split("/")[0]))
        plain = Codec.of(network, {**arrays, ENCODER: encoder_mark(network)}, source)
        stored = Codec.of(network, coding.read(output), output)
        made = Decoders(
            training=training,
            file=output.name,
            sha256=sha256(output),
            bytes=output.stat().st_size,
            bits=bits,
            bits_of={tap: bits_of[tap] for tap in plain.taps if tap in bits_of},
            parameters={tap: plain.decoders[tap].count_params() for tap in plain.taps},
            held_photographs=len(held),
            float_psnr={tap: rebuilt_db(plain, tap, held) for tap in plain.taps},
            psnr={tap: rebuilt_db(stored, tap, held) for tap in plain.taps},
            log=tuple(row for tap in plain.taps for row in state.log(tap)),
        )
        write_text(output.with_suffix(".json"), made.model_dump_json(indent=1) + "\n")
    return made


def training_of(
    encoder: str, network: LossNetwork, photographs: Photographs, phases: dict[str, tuple[Phase, ...]], **other: Any
) -> Training:
    """The settings of a training of *network*, which is called *encoder*, on *photographs*; *other* fields as named."""
    return Training(
        encoder=encoder,
        encoder_sha256=network.sha256,
        photographs=len(photographs),
        photographs_sha256=names_sha256(photographs.names),
        phases=phases,
        **other,
    )


def decoders_text(found: Decoders) -> str:
    """*found* as a table."""
    lines = [f"{'tap':<10}{'parameters':>12}{'bits':>6}{'dB, float':>12}{'dB, stored':>12}"]
    lines += [
        f"{tap:<10}{found.parameters[tap]:>12,}{found.bits_of.get(tap, found.bits):>6}"
        f"{found.float_psnr[tap]:>12.2f}{found.psnr[tap]:>12.2f}"
        for tap in found.parameters
    ]
    return "\n".join([*lines, "", f"{found.file}: {found.bytes:,} bytes"])
