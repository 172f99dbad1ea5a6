"""Why cases of Apple's operation tests fail or are skipped, in words. SUPPORT.md joins this with what a run finds.

A case that fails without an entry here is listed as not explained, which a test does not let pass.
"""

from __future__ import annotations

import re

NOT_EXPLAINED = "not explained"

_EQUALS = (
    "its random integers may be equal, and `np.argsort`, which it compares positions with, leaves open which of equals "
    "comes first"
)
# By test. The random ones fail in some runs and pass in others.
CAUSES = {
    "iOS14/test_random.py::TestRandomCategorical::test_builder_to_backend_stress": (
        "a statistical test: it asks that the frequencies of 50,000 samples are within 0.01 of those of another 50,000 "
        "samples, which two right samplers miss in one of 200 cases with two classes"
    ),
    "iOS14/test_scatter_gather.py::TestScatter::test_builder_to_backend_programmatic": (
        "in mode `div` with small random divisors the quotient is beyond 65,504: infinity in a half-precision program, "
        "a number in the float32 reference"
    ),
    "iOS14/test_tensor_operation.py::TestFill::test_builder_to_backend_symbolic": (
        "the program has a tensor of unknown rank, which the reader of ML programs in coremltools does not take"
    ),
    "iOS15/test_image_resizing.py::TestCropResize::test_builder_to_backend_smoke": (
        "the box is upside down and outside of [0, 1], which the documentation asks for; the expected values "
        "are those of the whole image, by a rule that is not documented"
    ),
    "neural_network/test_numpy_nn_layers.py::NewLayersSimpleTest::test_topk_cpu": _EQUALS,
    "neural_network/test_numpy_nn_layers.py::NewLayersSimpleTest::test_topk_gpu": _EQUALS,
    "test_torch_ops.py::TestLSTMWithPackedSequence::test_lstm": (
        "Core ML Tools takes lengths for numbers of sequences, so the first state, zeros, has a row for each step, not "
        "for each sequence; what Core ML does with rows that are too many is not documented"
    ),
    "test_torch_ops.py::TestLinspace::test_linspace_dynamic": (
        "of one step: a neural network has no scalars, so `x[0]` has the shape [1] and, with one axis more, [1, 1]; "
        "the test asks for [1]"
    ),
}

# Of the further suites, by what a test says when it fails: the first that fits.
_FAILURES = (
    (
        r"loaded or compiled with the Core ML Framework|Unable to compile"
        r"|'NoneType' object has no attribute '(get|create)_",
        "asks Core ML itself for what is no prediction: compiling, devices, plans of computation, assets in memory",
    ),
    (r"URL fetch failure", "fetches a model"),
    (r"^UserError: Constraints violated", "PyTorch does not export the network with open sizes"),
    (r"API mis-matched", "lists what coremltools has at its top, which depends on what is installed beside it"),
    (r"SSA Custom op \w+ already registered", "registers it once for the cases of a class, which a sample runs apart"),
    (r"Conversion for TF op '\w+' not implemented", "Core ML Tools does not convert what this TensorFlow makes"),
    (
        r"Regex pattern did not match. Expected regex: '(Size|MultiArray Shape) ",
        "asks for the words in which Core ML refuses an input; the emulator refuses it in others",
    ),
)

_KINDS = (
    (r"^PyTorch not found", "need PyTorch, which is not installed here"),
    (r"^xfail: |^rdar://", "Apple's test expects that Core ML itself fails there"),
    (
        r"^got empty parameter set",
        "the test has no parameters here: pytest skips what is parametrized with an empty list",
    ),
    (
        r"n.t support|not support|No need|Invalid configuration|^axis should",
        "the test has nothing to ask of this opset or backend",
    ),
)


def cause_of(test: str) -> str:
    """Why cases of *test* fail."""
    return CAUSES.get(test, NOT_EXPLAINED)


def cause_of_message(test: str, message: str) -> str:
    """Why cases of *test* of a further suite, which say *message*, fail."""
    known = cause_of(test)
    found = (words for pattern, words in _FAILURES if re.search(pattern, message))
    return known if known != NOT_EXPLAINED else next(found, NOT_EXPLAINED)


def kind_of(reason: str) -> str:
    """The kind of a skip, by the *reason* that the test itself gives."""
    return next((words for pattern, words in _KINDS if re.search(pattern, reason)), NOT_EXPLAINED)
