"""Support vector machines, held against scikit-learn, whose numbers are LIBSVM's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC, SVR

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import SEED, classifier, probabilities, regressor, rows

GAMMA, COEF, DEGREE = 0.4, 0.3, 3
LABELS = ["ant", "bee", "cat"]


def _data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(60, 3))
    return x, (x @ generator.normal(size=(3, classes))).argmax(axis=1)


def _kernel(params: Any, name: str) -> None:
    kernel = params.kernel
    {
        "linear": lambda: kernel.linearKernel.SetInParent(),
        "rbf": lambda: setattr(kernel.rbfKernel, "gamma", GAMMA),
        "poly": lambda: kernel.polyKernel.MergeFrom(type(kernel.polyKernel)(degree=DEGREE, c=COEF, gamma=GAMMA)),
        "sigmoid": lambda: kernel.sigmoidKernel.MergeFrom(type(kernel.sigmoidKernel)(gamma=GAMMA, c=COEF)),
    }[name]()


KERNELS = ("linear", "rbf", "poly", "sigmoid")
SETTINGS = {"gamma": GAMMA, "coef0": COEF, "degree": DEGREE}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_regressor_as_scikit_learn(kernel: str, sparse: bool) -> None:
    x, y = _data(2)
    x[np.abs(x) < 0.3] = 0
    fitted = SVR(kernel=kernel, **SETTINGS).fit(x, y + x[:, 0])
    spec = regressor({"x": (3,)})
    params = spec.supportVectorRegressor
    _kernel(params, kernel)
    params.coefficients.alpha.extend(fitted.dual_coef_[0].tolist())
    params.rho = -float(fitted.intercept_[0])
    if sparse:
        for row in fitted.support_vectors_:
            vector = params.sparseSupportVectors.vectors.add()
            for index in np.flatnonzero(row):
                vector.nodes.add(index=int(index) + 1, value=row[index])
    else:
        rows(fitted.support_vectors_, params.denseSupportVectors.vectors, "values")
    model = CoreMLModel.from_spec(spec)
    np.testing.assert_allclose([model.predict({"x": row})["y"] for row in x], fitted.predict(x), rtol=1e-9, atol=1e-9)


def _classifier(fitted: SVC, kernel: str, labels: list[Any]) -> Any:
    probable = len(fitted.probA_) > 0
    spec, params = classifier("supportVectorClassifier", {"x": (3,)}, labels, probable)
    _kernel(params, kernel)
    rows(fitted.support_vectors_, params.denseSupportVectors.vectors, "values")
    params.numberOfSupportVectorsPerClass.extend(int(n) for n in fitted.n_support_)
    rows(fitted._dual_coef_, params.coefficients, "alpha")
    params.rho.extend((fitted.intercept_ if len(labels) == 2 else -fitted.intercept_).tolist())
    params.probA.extend(fitted.probA_.tolist())
    params.probB.extend(fitted.probB_.tolist())
    return spec


def _fitted(classes: int, kernel: str, probability: bool) -> tuple[np.ndarray, SVC]:
    x, y = _data(classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn will take its probabilities away
        return x, SVC(kernel=kernel, probability=probability, random_state=SEED, **SETTINGS).fit(x, y)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("classes", [2, 3])
def test_votes_as_scikit_learn(kernel: str, classes: int) -> None:
    x, fitted = _fitted(classes, kernel, False)
    model = CoreMLModel.from_spec(_classifier(fitted, kernel, LABELS[:classes]))
    found = [model.predict({"x": row}) for row in x]
    assert [one["label"] for one in found] == [LABELS[k] for k in fitted.predict(x)]
    assert set(found[0]) == {"label"}


@pytest.mark.parametrize(("classes", "atol"), [(2, 0.005), (3, 1e-9)])
def test_probabilities_as_scikit_learn(classes: int, atol: float) -> None:
    """Of two classes scikit-learn gives those of LIBSVM's iteration, which stops early; coremltools says up to 0.5%."""
    x, fitted = _fitted(classes, "rbf", True)
    labels, found = probabilities(_classifier(fitted, "rbf", list(range(classes))), x)
    np.testing.assert_allclose(found, fitted.predict_proba(x), rtol=0, atol=atol)
    assert labels == found.argmax(axis=1).tolist()
    if classes == 2:
        exact = 1 / (1 + np.exp(fitted.decision_function(x) * fitted.probA_ - fitted.probB_))
        np.testing.assert_allclose(found[:, 1], exact, rtol=1e-9)


HARM: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no kernel": (lambda p: p.ClearField("kernel"), "has no kernel"),
    "no vectors": (lambda p: p.ClearField("supportVectors"), "has no support vectors"),
    "uneven vectors": (lambda p: p.denseSupportVectors.vectors[0].values.append(1), "must be of one length"),
    "a vector too many": (
        lambda p: p.denseSupportVectors.vectors.add().values.extend([1, 2, 3]), "support vectors, and counts others"),
    "rho": (lambda p: p.rho.append(0), "4 values of rho for 3 pairs"),
    "coefficients": (lambda p: p.coefficients[0].alpha.append(0), "rows of"),
    "probA": (lambda p: p.probA.append(0), "4 values probA and 3 values probB"),
    "counts": (lambda p: p.numberOfSupportVectorsPerClass.append(0), "support vectors of 4 classes"),
    "a negative count": (lambda p: p.numberOfSupportVectorsPerClass.__setitem__(0, -1), "a class of -1"),
    "labels": (lambda p: p.int64ClassLabels.vector.append(9), "of 3 classes; it has 4"),
    "no probabilities": (lambda p: [p.ClearField("probA"), p.ClearField("probB")], "no parameters to make"),
    "an index 0": (lambda p: p.sparseSupportVectors.vectors.add().nodes.add(index=0), "has the index 0"),
    "a far index": (lambda p: p.sparseSupportVectors.vectors.add().nodes.add(index=1 << 30), "inputs hold 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", HARM)
def test_malformed_machines_are_refused(name: str) -> None:
    _, fitted = _fitted(3, "linear", True)
    spec = _classifier(fitted, "linear", [0, 1, 2])
    harm, message = HARM[name]
    harm(spec.supportVectorClassifier)
    with pytest.raises(EmulatorError, match=message):
        CoreMLModel.from_spec(spec)
