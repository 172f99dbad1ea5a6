"""Training of decoders: it rebuilds, goes on where it was, and what lies in the file fits its encoder alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from export_pipeline import coding
from export_pipeline.errors import CheckpointError, UsageError, WeightsError
from export_pipeline.models.vgg import STAGES
from export_pipeline.perception.codec import ENCODER, Codec
from export_pipeline.perception.loss_network import DISTILLED
from export_pipeline.universal.__main__ import main
from export_pipeline.universal.wct.decoders import decoders_text, material, plan, train_decoders, training_of
from export_pipeline.universal.wct.record import PLAN, Decoders, Phase, Training
from tests.universal.wct_material import arrays_of, narrow_network

NETWORK = narrow_network()
SHORT = {
    "relu1_1": (Phase(steps=6, crop=32, batch_size=2), Phase(steps=4, crop=48, batch_size=1)),
    "relu2_1": (Phase(steps=8, crop=32, batch_size=1),),
}


def training(folder: Path, **other: object) -> Training:
    photographs, _ = material([folder / "content"], 2)
    found = training_of("distilled", NETWORK, photographs, SHORT)
    return found.model_copy(update={"checkpoint_every": 3, **other})


def run(folder: Path, name: str, **options: object) -> Decoders:
    photographs, held = material([folder / "content"], 2)
    given = options.pop("training", None) or training(folder)
    return train_decoders(NETWORK, given, photographs, held, folder / name, **options)  # type: ignore[arg-type]


class StopHereError(Exception):
    pass


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(folder: Path) -> None:
    """Three times, in a phase, at the end of a decoder and in the next one."""
    whole = run(folder, "whole.weights")
    for reached in ("relu1_1, step 6", "relu1_1, step 10", "relu2_1, step 6"):

        def stop(line: str, reached: str = reached) -> None:
            if line.startswith(reached):
                raise StopHereError

        with pytest.raises(StopHereError):
            run(folder, "again.weights", say=stop)
        assert not (folder / "again.weights").exists()
    again = run(folder, "again.weights")
    assert again.sha256 == whole.sha256
    steps = [(row["tap"], row["step"]) for row in again.log]
    assert steps == [
        ("relu1_1", 3),
        ("relu1_1", 6),
        ("relu1_1", 9),
        ("relu1_1", 10),
        *[("relu2_1", n) for n in (3, 6, 8)],
    ]
    assert json.loads((folder / "again.json").read_text())["sha256"] == whole.sha256
    assert "relu2_1" in decoders_text(again)


def test_training_rebuilds_better(folder: Path) -> None:
    long = {"relu1_1": (Phase(steps=150, crop=32, batch_size=2),)}
    short = {"relu1_1": (Phase(steps=1, crop=32, batch_size=2),)}
    before, after = (
        run(folder, f"{index}.weights", bits=8, training=training(folder, phases=phases, checkpoint_every=50))
        for index, phases in enumerate((short, long))
    )
    assert after.float_psnr["relu1_1"] > before.float_psnr["relu1_1"] + 3
    assert abs(after.psnr["relu1_1"] - after.float_psnr["relu1_1"]) < 1


def test_a_decoder_may_have_bits_of_its_own(folder: Path) -> None:
    plain, fewer = (
        run(folder, f"{name}.weights", bits_of=bits) for name, bits in (("plain", {}), ("fewer", {"relu2_1": 2}))
    )
    assert fewer.bits_of == {"relu2_1": 2}
    assert fewer.psnr["relu1_1"] == plain.psnr["relu1_1"]
    assert fewer.psnr["relu2_1"] != plain.psnr["relu2_1"]
    assert fewer.bytes < plain.bytes
    with pytest.raises(UsageError, match="9 bits are not possible"):
        run(folder, "more.weights", bits_of={"relu2_1": 9})


def test_what_is_left_of_another_training_is_refused(folder: Path) -> None:
    run(folder, "one.weights")
    other = training(folder, seed=1)
    with pytest.raises(CheckpointError, match="of another training"):
        run(folder, "one.weights", training=other)
    assert run(folder, "one.weights", training=other, fresh=True).training.seed == 1
    damaged = folder / ".one.weights.work" / "relu1_1.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"relu1_1.npz is damaged"):
        run(folder, "one.weights", training=other)
    with pytest.raises(UsageError, match=r"ends in \.weights"):
        run(folder, "one.npz")


def test_a_share_of_the_plan_has_a_share_of_its_steps() -> None:
    assert plan() == PLAN
    assert set(PLAN) == set(STAGES)
    found = plan(0.001, ("relu1_1",))
    assert {tap: [phase.steps for phase in phases] for tap, phases in found.items()} == {"relu1_1": [2, 1]}


def test_a_file_opens_with_its_own_encoder_only(tmp_path: Path) -> None:
    path = tmp_path / "some.weights"
    coding.write(path, arrays_of(NETWORK, STAGES[:2]))
    codec = Codec.of(NETWORK, coding.read(path), path)
    assert codec.taps == STAGES[:2]
    with pytest.raises(WeightsError, match="the decoders of another encoder"):
        Codec.of(narrow_network(9), coding.read(path), path)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({ENCODER: None}, "lacks encoder_sha256"),
        ({"relu1_1/scale": None}, "holds no decoder"),
        ({"relu1_1/scale": np.zeros(1, np.float32)}, "must be one number above 0"),
        ({"relu1_1/conv1_1_bias": None}, "bias of conv1_1 of relu1_1 is missing"),
        ({"relu1_1/conv1_1_kernel": np.zeros((3, 3), np.float32)}, "kernel of conv1_1 of relu1_1 is (3, 3)"),
        ({"relu1_1/conv1_1_bias": np.full(3, np.nan, np.float32)}, "not of finite floats"),
    ],
)
def test_a_damaged_file_is_told_so(change: dict[str, np.ndarray | None], part: str) -> None:
    arrays = {**arrays_of(NETWORK, STAGES[:1]), **change}
    with pytest.raises(WeightsError) as told:
        Codec.of(NETWORK, {name: array for name, array in arrays.items() if array is not None}, "some.weights")
    assert part in str(told.value)


def test_vgg_has_none_that_come_along() -> None:
    with pytest.raises(UsageError, match=r"no decoders of vgg19 come along\. Train them: python -m"):
        Codec.open("vgg19")


def test_the_command_line_trains_what_it_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the distilled network named by its file, begun as the decoders that come along; few steps."""
    shutil.copy(DISTILLED, folder / "network.weights")
    known = ["--encoder", str(folder / "network.weights"), "--content", str(folder / "content"), "--hold-out", "2"]
    few = ["--share", "0.0001", "--deepest", "relu2_1"]
    out = folder / "made.weights"
    main(["decoders", *known, *few, "--bits-deepest", "3", "-o", str(out)])
    made = Decoders.model_validate_json(out.with_suffix(".json").read_text())
    assert (made.training.encoder, made.training.learning_rate) == ("network.weights", 7e-4)
    assert made.training.start_sha256 == Codec.open("distilled").sha256
    assert (tuple(made.parameters), made.bits_of) == (STAGES[:2], {"relu2_1": 3})
    assert made.float_psnr["relu1_1"] > 20
    main(["decoders", *known, *few, "--start", "nothing", "-o", str(folder / "plain.weights")])
    plain = Decoders.model_validate_json((folder / "plain.json").read_text())
    assert (plain.training.start_sha256, plain.training.learning_rate) == (None, 2e-3)
    assert plain.float_psnr["relu1_1"] < made.float_psnr["relu1_1"]
    capsys.readouterr()
    for arguments, part in (
        (["--encoder", "distiled"], "there is no network 'distiled'"),
        (["--encoder", str(out), "-o", str(out)], "is read; it is not overwritten"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["decoders", *known, *few, "-o", str(folder / "other.weights"), *arguments])
        assert part in capsys.readouterr().err
