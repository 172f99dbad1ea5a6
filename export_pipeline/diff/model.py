"""The nouns of a difference between two builds. All frozen, all with a JSON round trip."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from export_pipeline.records.contents import Noun
from export_pipeline.report import BudgetResult
from export_pipeline.report.model import Spread

Better = Literal["lower", "higher", "neither"]
# What a change of words is about, in the order of the pages.
Part = Literal["signature", "operations", "precisions", "metadata", "recipe", "provenance", "libraries"]
Verdict = Literal["passed", "failed", "noisy", "unlimited"]


class Side(Noun):
    """One of the two builds."""

    path: str = Field(description="as it was named")
    name: str = Field(description="of the bundle")
    files: int
    processor: str = Field(description="that its report was measured on; empty where it has no benchmark")


class FileChange(Noun):
    """One target: whether both have it, and whether the bytes are the same."""

    target: str
    status: Literal["same", "changed", "added", "removed", "unknown"] = Field(
        description="unknown: both have it, and a report alone does not tell whether the bytes differ"
    )


class NumberChange(Noun):
    """One number of one file, before and after; ``None`` where it is not known, and then ``note`` says why.

    Of what was measured again and again, ``old_spread`` and ``new_spread`` have the quartiles. ``times`` is how many
    times the old one the new one is, turn by turn, where both were measured in one run.
    """

    target: str
    what: str
    title: str
    better: Better
    digits: int
    old: float | None
    new: float | None
    old_spread: Spread | None = None
    new_spread: Spread | None = None
    times: Spread | None = None
    note: str = ""

    @property
    def change(self) -> float | None:
        """By what share the new one is larger; ``None`` where that is not known, or of zero."""
        if self.times is not None:
            return self.times.median - 1
        if self.old is None or self.new is None or self.old == 0:
            return None
        return self.new / self.old - 1

    @property
    def differs(self) -> bool:
        """Whether there is anything to tell: another number in the digits that are shown, or one that came or went.

        What was measured again and again differs where the ranges from quartile to quartile are apart.
        """
        if self.times is not None:
            return not self.times.low <= 1 <= self.times.high
        if self.old is None or self.new is None:
            return (self.old is None) != (self.new is None)
        if self.old_spread and self.new_spread:
            return self.old_spread.apart_from(self.new_spread)
        return round(self.old, self.digits) != round(self.new, self.digits)

    @property
    def worse(self) -> bool | None:
        """Whether a number that differs is worse; ``None`` where neither side is better."""
        if not self.differs or self.better == "neither":
            return None
        larger = (self.change or 0) > 0 if self.change is not None else (self.new or 0) > (self.old or 0)
        return larger if self.better == "lower" else not larger


class WordChange(Noun):
    """Something that is no number, before and after; ``None`` where there is none."""

    part: Part
    target: str = Field(description="empty for what is of the whole build")
    key: str
    old: str | None
    new: str | None


class PictureChange(Noun):
    """What the old and the new file make of the same sample: PSNR of the new picture to the old, dB at peak 255."""

    target: str
    psnr: float | None = None
    max_abs: float | None = None
    note: str = ""

    @property
    def equal(self) -> bool:
        """Whether not one value differs."""
        return self.max_abs is not None and math.isclose(self.max_abs, 0)


class Diff(Noun):
    """All that has changed from one build to another, and the verdict of the limits.

    ``limits`` are those of ``[report.regression]`` of the new build's recipe, or of one that was named.
    """

    format: Literal[1] = 1
    old: Side
    new: Side
    files: tuple[FileChange, ...]
    numbers: tuple[NumberChange, ...]
    words: tuple[WordChange, ...]
    pictures: tuple[PictureChange, ...] = ()
    notes: tuple[str, ...] = ()
    limits: tuple[BudgetResult, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Of all limits: what was skipped has failed, and noise decides nothing."""
        found = {row.status for row in self.limits}
        if found & {"failed", "skipped"}:
            return "failed"
        return "noisy" if "noisy" in found else "passed" if found else "unlimited"

    def limit_of(self, number: NumberChange) -> BudgetResult | None:
        """The limit that *number* is held to."""
        return next((row for row in self.limits if (row.target, row.what) == (number.target, number.what)), None)

    @property
    def nothing(self) -> bool:
        """Whether nothing that is looked at has changed."""
        return (
            not any(row.differs for row in self.numbers)
            and not self.words
            and all(row.status in ("same", "unknown") for row in self.files)
        )
