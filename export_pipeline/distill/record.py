"""What ``distill`` made: the record that lies beside the weights as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from export_pipeline.recipe.distill import DistillRecipe


class StoredStudent(BaseModel):
    """A student as it lies in its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    bytes: int
    parameters: int = Field(description="of the convolutions")
    embedding_parameters: int
    errors: tuple[float, ...] = Field(
        description="||F - Q F'||^2 / ||F||^2 at relu1_1 .. relu5_1, mean over held-out crops, as stored; of the "
        "baseline over the filters that it kept"
    )
    float_errors: tuple[float, ...] = Field(description="the same before its weights were clustered")


class Distilled(BaseModel):
    """A distillation: its recipe, what came out, and how the errors fell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: DistillRecipe
    style_networks: dict[str, str] = Field(
        {}, description="SHA-256 of the checkpoint of each style network, by its path in the recipe"
    )
    start_sha256: str | None = Field(None, description="of the network that it went on from")
    decoders_sha256: str | None = Field(None, description="of the decoders that it was held against")
    held_crops: int
    student: StoredStudent
    baseline: StoredStudent | None
    log: tuple[dict[str, Any], ...] = Field(
        description="the errors by step, mean since the row before, of the student and of the baseline; and, where "
        "decoders were asked, those of what they rebuilt, by tap"
    )


def distilled_text(found: Distilled) -> str:
    """*found* as a table."""
    from export_pipeline.models.vgg import STAGES

    lines = [f"{'error at':<28}" + "".join(f"{stage:>9}" for stage in STAGES)]
    for row, title in ((found.student, "distilled"), (found.baseline, "kept filters")):
        if row:
            for name, errors in (("float", row.float_errors), (f"{found.recipe.bits} bits", row.errors)):
                lines.append(f"{f'{title}, {name}':<28}" + "".join(f"{error:>9.4f}" for error in errors))
    student = found.student
    counts = f"{student.parameters:,} parameters and {student.embedding_parameters:,} of the embedding"
    return "\n".join([*lines, "", f"{student.file}: {student.bytes:,} bytes, {counts}"])
