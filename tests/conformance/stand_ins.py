"""What takes the place of data that Apple's tests would fetch."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import numpy as np

_ROWS = 506
_NAMES = ("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT")


def houses() -> dict[str, Any]:
    """In the place of the Boston house prices: random values in their shape, with the same columns of categories.

    ``data`` is float64 [506, 13] in 0..100, of which ``CHAS`` is 0 or 1 and ``RAD`` one of nine integers; ``target``
    float64 [506] in 5..50, a nonlinear function of four columns and noise;
    ``feature_names`` a list, for XGBoost takes no array.
    """
    draw = np.random.default_rng(0)
    data = draw.uniform(0.0, 100.0, (_ROWS, len(_NAMES))).round(3)
    data[:, _NAMES.index("CHAS")] = draw.integers(0, 2, _ROWS)
    data[:, _NAMES.index("RAD")] = draw.choice([1, 2, 3, 4, 5, 6, 7, 8, 24], _ROWS)
    first, rooms, age, last = (data[:, _NAMES.index(name)] / 100.0 for name in ("CRIM", "RM", "AGE", "LSTAT"))
    target = 20.0 + 15.0 * rooms - 10.0 * last**2 + 5.0 * first * age + draw.normal(0.0, 1.0, _ROWS)
    return {"data": data, "target": target.clip(5.0, 50.0).round(1), "feature_names": list(_NAMES)}


def stand_in() -> None:
    """Let Apple's tests of scikit-learn and XGBoost load ``houses``, and import LIBSVM by its names of old.

    Nothing where pandas or LIBSVM are missing, without which they are not run.
    """
    with suppress(ModuleNotFoundError):
        import coremltools.test.utils

        coremltools.test.utils.load_boston = houses
    with suppress(ModuleNotFoundError):
        import libsvm
        from libsvm import svm, svmutil

        # Its constants were names of both modules, and are members of enumerations now.
        for constant in (*svm.svm_forms, *svm.kernel_names):
            setattr(svm, constant.name, constant)
            setattr(svmutil, constant.name, constant)
        libsvm.__version__ = version("libsvm-official")  # which Core ML Tools writes into what it converts
        sys.modules |= {"svm": svm, "svmutil": svmutil}
