"""Damaged models and wrong inputs of every kind end in a result or in one line of EmulatorError."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.emulator.coremltools_quietly import model_proto
from export_pipeline.emulator.registry import kinds
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.seeds import kinds_with_values
from tests.emulator.kinds.specs import SEED

MEMORY = 1 << 26  # bytes of one tensor
TIMES = 25  # of each seed
SEEDS = kinds_with_values()
NAMES = [f"{number} {spec.WhichOneof('Type')}" for number, (spec, _) in enumerate(SEEDS)]
NUMBERS = [0, 1, -1, 2, 7, 255, 2**31 - 1, -(2**31), 2**40, 2**63 - 1]
FLOATS = [0.0, -1.0, 1e-45, 3.4e38, np.inf, -np.inf, np.nan]
ODD: list[Any] = [None, True, "text", b"bytes", 3, 2.5, np.nan, 10**400, [], [1], [[1], [2, 3]], {}, {"a": "b"},
                  {1: 2}, {"a": 1}, {None: 1}, {"a": np.nan}, [None], np.zeros((0,)), np.zeros((3, 0)), np.zeros(5),
                  np.array(["a", "b"]), np.array([1j, 2j]), np.array([None, 1]), object()]  # fmt: skip


def test_there_is_a_seed_of_every_kind() -> None:
    assert {spec.WhichOneof("Type") for spec, _ in SEEDS} >= set(kinds())


def _settable(message: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    for field, value in message.ListFields():
        yield message, field
        if field.message_type is not None and not field.message_type.GetOptions().map_entry and depth < 20:
            for one in list(value) if hasattr(value, "__len__") else [value]:
                yield from _settable(one, depth + 1)


def _damaged(rng: random.Random, spec: Any) -> Any:
    found = model_proto().Model()
    found.CopyFrom(spec)
    for _ in range(rng.randint(1, 2)):
        message, field = rng.choice(list(_settable(found)))
        value = getattr(message, field.name)
        many = hasattr(value, "append")
        chosen = {str: ["", "x", "x" * 300, "\0"], float: FLOATS, bool: [False, True]}.get(
            type(value[0] if many else value), NUMBERS
        )
        try:
            if field.message_type is not None or rng.random() < 0.2:
                message.ClearField(field.name)
            elif many and rng.random() < 0.5:
                value.append(rng.choice([*value, *chosen]))
            elif many:
                value[rng.randrange(len(value))] = rng.choice(chosen)
            else:
                setattr(message, field.name, rng.choice(chosen))
        except (ValueError, TypeError):
            message.ClearField(field.name)  # the number does not fit the field
    return found


def _outcome(run: Callable[[], Any]) -> str:
    """``ran``, or the one line of an EmulatorError; anything else is raised."""
    try:
        run()
    except EmulatorError as error:
        return str(error)
    return "ran"


def _opened(spec: Any, values: Any) -> str:
    return _outcome(lambda: CoreMLModel.from_spec(spec, memory_limit=MEMORY).run(values))


@pytest.mark.parametrize("number", range(len(SEEDS)), ids=NAMES)
def test_damaged_models(number: int) -> None:
    spec, values = SEEDS[number]
    assert _opened(spec, values) == "ran"
    rng = random.Random(SEED + number)
    outcomes = [_opened(_damaged(rng, spec), values) for _ in range(TIMES)]
    assert any(outcome != "ran" for outcome in outcomes)
    assert not any("\n" in outcome for outcome in outcomes)


@pytest.mark.parametrize("number", range(len(SEEDS)), ids=NAMES)
def test_odd_inputs(number: int) -> None:
    spec, values = SEEDS[number]
    model = CoreMLModel.from_spec(spec)
    given = [{**values, name: odd} for name in values for odd in ODD]
    outcomes = [_outcome(lambda data=data: model.predict(data)) for data in given]
    assert not any("\n" in outcome for outcome in outcomes)
    assert sum(outcome != "ran" for outcome in outcomes) > len(ODD) // 2
