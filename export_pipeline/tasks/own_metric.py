"""A metric of the user's own: a function that a recipe names."""

from __future__ import annotations

import importlib
import inspect
import math
import numbers
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export_pipeline.errors import RecipeError

# What the function may take, by these names.
GIVEN = ("outputs", "reference", "truth", "inputs")


@dataclass(frozen=True)
class OwnMetric:
    """A function that measures the outputs for one sample.

    ``written`` is how the recipe names it, ``takes`` which of :data:`GIVEN` it takes.
    """

    written: str
    function: Callable[..., Any]
    takes: tuple[str, ...]

    @classmethod
    def load(cls, written: str, folder: Path) -> OwnMetric:
        """Import ``package.module:function``, which lies in *folder* or is installed.

        Raises:
            RecipeError: there is no such module or function, it cannot be imported, or it takes other arguments.
        """
        module, _, name = written.rpartition(":")
        sys.path.insert(0, str(folder.resolve()))
        try:
            found = getattr(importlib.import_module(module), name, None)
        except Exception as error:  # code of the user's, which may raise anything
            raise RecipeError(
                f"verify.metric: the module {module!r} cannot be imported: {type(error).__name__}: {error}. It must "
                f"lie in {folder.resolve()} or be installed."
            ) from error
        finally:
            sys.path.remove(str(folder.resolve()))
        if not callable(found):
            raise RecipeError(f"verify.metric: the module {module!r} has no function {name!r}")
        return cls(written, found, _arguments(written, found))

    def __call__(self, what: str, given: Mapping[str, Any]) -> float:
        """The metric of what *given* holds by the names of :data:`GIVEN`; *what* says of which outputs.

        Raises:
            RecipeError: the function raises, or gives what is no number.
        """
        try:
            value = self.function(**{name: given[name] for name in self.takes})
        except Exception as error:  # as above
            raise RecipeError(
                f"verify.metric {self.written} failed on {what}: {type(error).__name__}: {error}. Run with --debug to "
                "see where."
            ) from error
        number = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        if not isinstance(number, (numbers.Real, np.bool_)):
            raise self._no_number(value, what)
        return float(number)

    def finite(self, what: str, given: Mapping[str, Any]) -> float:
        """The same where it must be finite, too."""
        value = self(what, given)
        if not math.isfinite(value):
            raise self._no_number(value, what)
        return value

    def _no_number(self, value: Any, what: str) -> RecipeError:
        return RecipeError(
            f"verify.metric {self.written} gave {str(value)[:60]!r} for {what}; it must give one finite number"
        )


def _arguments(written: str, function: Callable[..., Any]) -> tuple[str, ...]:
    allowed = f"it may take {', '.join(GIVEN)}, by these names, and must take outputs"
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise RecipeError(f"verify.metric {written} does not tell what it takes; {allowed}") from error
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return GIVEN
    named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    foreign = [each.name for each in parameters if each.name not in GIVEN and each.default is each.empty]
    takes = tuple(each.name for each in named if each.name in GIVEN)
    if "outputs" not in takes or foreign:
        found = ", ".join(each.name for each in parameters) or "nothing"
        raise RecipeError(f"verify.metric {written} takes {found}; {allowed}")
    return takes
