"""Every exception that the pipeline raises on purpose.

::

    PipelineError                        exit code 2: wrong use or bad input
    ├── UsageError                       a command was called in a way it does not take
    ├── RecipeError                      a recipe has an unknown key or a value out of range
    ├── ImageError                       an image cannot be read, or a network cannot take its size
    ├── ModelError                       a model file is missing, truncated, foreign or unusable here
    ├── CheckpointError                  a checkpoint is damaged or belongs to another recipe
    ├── WeightsError                     a file of weights is missing, damaged, foreign or cannot be fetched
    ├── OutputError                      a result cannot be written (path, permission, disk full)
    │   └── StoreError                   a folder at a URL cannot be read or written (network, permission)
    ├── TrainingError                    training cannot go on (a loss that is not finite)
    ├── ExportError                      a converter failed, or silently did not do what was asked
    ├── BundleError                      a bundle's manifest cannot be read
    ├── EmulatorError                    a Core ML model cannot be run by the emulator
    │   └── UnsupportedOperationError    it uses operations that the emulator does not lower, all named
    ├── CheckFailed                      exit code 1: parity, quality, budget or a hash is not as required
    └── Undecided                        exit code 3: times scatter too much to be held against their limits

A message is one or two lines: what was wrong, what is allowed, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PipelineError(Exception):
    """Base of all errors below; ``exit_code`` is what the command line ends with."""

    exit_code = 2


class UsageError(PipelineError):
    """A command was called in a way it does not take."""


class RecipeError(PipelineError):
    """A recipe has an unknown key, a value of the wrong type, or a value out of range."""


class ImageError(PipelineError):
    """An image is missing, damaged or of a kind that is not read."""


class ModelError(PipelineError):
    """A model file is missing, truncated, foreign, or cannot be run here."""


class CheckpointError(PipelineError):
    """A checkpoint is damaged or was made by another recipe."""


class WeightsError(PipelineError):
    """A file of weights is missing, damaged, foreign or cannot be fetched, or a tensor is not one that is stored."""


class OutputError(PipelineError):
    """A result cannot be written."""


class StoreError(OutputError):
    """A folder at a URL cannot be read or written just now."""


class TrainingError(PipelineError):
    """Training cannot go on."""


class ExportError(PipelineError):
    """A converter failed or silently did not do what was asked of it."""


class BundleError(PipelineError):
    """A bundle's manifest is missing or malformed."""


class EmulatorError(PipelineError, RuntimeError):
    """A Core ML model cannot be read or run by the emulator. A RuntimeError too, which scripts for Core ML expect."""


class UnsupportedOperationError(EmulatorError):
    """A Core ML model uses operations that the emulator does not lower."""


class CheckFailed(PipelineError):  # noqa: N818 - a failed check is a result, not an error of the program
    """A measured value is outside its tolerance or budget, or a file is not what its manifest says."""

    exit_code = 1


class Undecided(PipelineError):  # noqa: N818 - neither passed nor failed
    """A limit on speed is nearer to what was measured than the measurement scatters, and nothing else failed."""

    exit_code = 3


def near(word: str, allowed: Iterable[str]) -> str:
    """The hint for a misspelt *word*: its near match, or else every choice."""
    choices = sorted(allowed)
    match = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {match[0]!r}?" if match else f"allowed: {', '.join(choices)}"
