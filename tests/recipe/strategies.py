"""Recipes drawn at random."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from export_pipeline.recipe import DEFAULT_TARGETS
from export_pipeline.recipe.style_transfer import LEAST_FILTERS

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TARGET = st.sampled_from(DEFAULT_TARGETS)


def valid_recipes() -> st.SearchStrategy[dict[str, Any]]:
    """Any recipe as nested dictionaries; every table is optional, as are its keys."""
    part = st.fixed_dictionaries
    model = part(
        {},
        optional={
            "network": st.sampled_from(["johnson", "small"]),
            "alpha": st.floats(1 / LEAST_FILTERS, 4),
            "rho": st.floats(0.5, 1),
            "blocks": st.none() | st.integers(0, 16),
            "norm": st.sampled_from(["instance", "batch"]),
        },
    )
    train = part(
        {},
        optional={
            "style": st.text(),
            "content": st.text(),
            "steps": st.integers(1, 10_000_000),
            "batch_size": st.integers(1, 256),
            "crop": st.integers(32, 2048),
            "learning_rate": st.floats(0, 1, exclude_min=True) | st.just(1),
            "style_weight": st.floats(0, allow_nan=False, allow_infinity=False) | st.integers(0, 10**6),
            "warm_start": st.none() | st.text(),
        },
    )
    compress = st.tuples(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.floats(0, 0.99)).map(
        lambda drawn: {
            "schedule": "polynomial_decay",
            "begin_step": drawn[0],
            "end_step": drawn[0] + drawn[1],
            "steps": sum(drawn[:3]),
            "initial_sparsity": drawn[3] / 2,
            "final_sparsity": drawn[3],
        }
    )
    export = part(
        {"targets": st.lists(TARGET, min_size=1, unique=True)},
        optional={"height": st.integers(8, 1024).map(lambda side: side * 4)},
    )
    budget = part({}, optional={"bytes": st.none() | st.integers(1), "ssim": st.floats(0, 1, exclude_min=True)})
    return part(
        {},
        optional={
            "name": st.from_regex(r"\A[a-z0-9][a-z0-9_]{0,63}\Z"),
            "seed": st.integers(0, 2**31 - 1),
            "model": model,
            "train": train,
            "compress": compress,
            "export": export,
            "verify": part({"min_psnr": st.dictionaries(TARGET, FINITE)}),
            "report": part({"budgets": st.dictionaries(TARGET, budget)}),
        },
    ).map(_consistent)


def _consistent(data: dict[str, Any]) -> dict[str, Any]:
    """*data* without tolerances and budgets of targets that it does not export."""
    made = data.get("export", {}).get("targets", DEFAULT_TARGETS)
    for table, key in (("verify", "min_psnr"), ("report", "budgets")):
        if table in data:
            data[table] = {key: {target: value for target, value in data[table][key].items() if target in made}}
    return data
