"""The pipeline, from a recipe to a bundle. Read this file first.

    build(recipe) = train -> compress -> export -> verify -> report -> bundle

Each stage is a property of :class:`Pipeline` that is worked out when it is first asked for, from the one
before it. All of them keep what they have done in a work folder beside the bundle, so that a build killed at
any moment goes on where it was.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.files import empty, locked, remove_parts, remove_parts_of, write_text, written_aside
from export_pipeline.bundle import CHECKPOINT, GOLDEN_OUTPUT, GOLDEN_PHOTO, MANIFEST, PLAN, Bundle
from export_pipeline.errors import UsageError
from export_pipeline.recipe import BUILTIN, Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.wiring import checked_recipe, compress_tools, judge_of_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from export_pipeline.compress import Importance, Plan, Thinned, Tools
    from export_pipeline.records.compression import Compression
    from export_pipeline.report import Record, Report
    from export_pipeline.train import Checkpoint
    from export_pipeline.train.fit import Progress
    from export_pipeline.verbs.compare import Comparison

FLOAT_MODEL = "float.keras"
SHOWN = ("astronaut", "china")  # built-in photographs of the picture; the first is the golden one


def _silent(_: Any) -> None:
    """The default listener."""


def work_folder(out: Path) -> Path:
    """Where the build of *out* keeps what is unfinished: ``artifacts/.demo.work`` for ``artifacts/demo``."""
    return out.parent / f".{out.name}.work"


@dataclass
class Pipeline:
    """One build. ``say`` gets a line at each stage, ``on_step`` the :class:`Progress` of each training step."""

    recipe: Recipe
    out: Path
    say: Callable[[str], None] = _silent
    on_step: Callable[[Progress], None] = _silent
    tensorboard: Path | None = None

    @property
    def work(self) -> Path:
        """The folder of unfinished work."""
        return work_folder(self.out)

    @cached_property
    def trained(self) -> tuple[Any, Checkpoint]:
        """Train: the float network and its checkpoint."""
        from export_pipeline.train import train

        self.say(f"train: {self.recipe.model.network}, {self.recipe.train.steps} steps")
        return train(self.recipe, self.work / "train", self.on_step, self.tensorboard)

    @cached_property
    def thinned(self) -> Thinned:
        """Compress, first half: the network without the weights that the recipe takes out."""
        from export_pipeline.compress import thin

        model, _ = self.trained
        return thin(model, self.recipe, self._tools)

    @cached_property
    def importance(self) -> Importance:
        """Compress: what an error of each weight counts, before any is clustered."""
        from export_pipeline.compress import weigh

        return weigh(self.thinned.model, self.thinned.recipe, self._tools)

    @cached_property
    def plan(self) -> Plan | None:
        """Compress: the bits of each kernel; ``None`` when the recipe has none clustered."""
        from export_pipeline.compress import plan_bits

        thinned = self.thinned
        return plan_bits(thinned.model, thinned.recipe, self.importance, self._tools)

    def plan_for(self, weight_bytes: int) -> Plan:
        """The plan that errs least within *weight_bytes*, whatever the recipe says of bits."""
        from export_pipeline.compress import make_plan

        thinned = self.thinned
        return make_plan(thinned.model, thinned.recipe, weight_bytes, self.importance, self._tools)

    @cached_property
    def compression(self) -> Compression:
        """Compress, second half: kernels clustered; what has become of each, for the report."""
        from export_pipeline.compress import cluster

        return cluster(self.thinned, self.plan, self.importance, self._tools)

    @cached_property
    def compressed(self) -> tuple[Any, Checkpoint]:
        """Compress: the network with all that done, and its checkpoint without optimizer; the bundle holds it."""
        from export_pipeline.compress import tuned_steps
        from export_pipeline.train import released

        _ = self.compression  # which clusters the network in place
        model, recipe = self.thinned.model, self.thinned.recipe
        path = self.work / CHECKPOINT
        return model, released(path, model, self.trained[1], recipe, tuned_steps(self.thinned))

    @cached_property
    def exported(self) -> tuple[ExportedModel, ...]:
        """Export: every target of the recipe, calibrated on training photographs."""
        from export_pipeline.compress import finish
        from export_pipeline.export import export, pictures
        from export_pipeline.train import calibration_photographs

        model, checkpoint = self.compressed
        self.say(f"export: {', '.join(self.recipe.export.targets)}")
        return export(
            finish(model),
            self.recipe,
            self.recipe.signature,
            self.work / "export",
            pictures(self.recipe.signature, calibration_photographs(self.recipe)),
            checkpoint_sha256=checkpoint.sha256,
            progress=self.say,
            resume=True,
        )

    @cached_property
    def parity(self) -> tuple[ParityResult, ...]:
        """Verify: every file against the float network on the validation photographs."""
        model, _ = self.compressed
        return self.compared_with(model)

    def compared_with(self, model: Any) -> tuple[ParityResult, ...]:
        """Every file against *model*, a float Keras network, on the validation photographs."""
        from export_pipeline.train import validation_photographs
        from export_pipeline.verify import verify

        exported = self.exported
        self.say(f"verify: {len(exported)} files")
        photographs = validation_photographs(self.recipe)
        judge = judge_of_files(self.recipe)
        return verify(self.work / "export", exported, model, photographs, self.recipe, judge, self.say)

    @cached_property
    def record(self) -> Record:
        """The half of the report that needs no clock: sizes, contents, parity and the budgets on them."""
        from export_pipeline.report import make_record

        return make_record(
            self.work / "export",
            self.exported,
            self.parity,
            self._float_model(),
            self.recipe,
            self._provenance(),
            self.compression,
        )

    @cached_property
    def report(self) -> Report:
        """Report: sizes, latency, memory and budgets, written beside the files."""
        from export_pipeline.report import make_report

        exported, parity = self.exported, self.parity
        self.say("report: sizes, operations, latency, memory")
        return make_report(
            self.work / "export",
            exported,
            parity,
            self._float_model(),
            self.recipe,
            self._provenance(),
            self.say,
            self.shown(),
            self.compression,
        )

    def bundle(self) -> Bundle:
        """Put the bundle under its final name, if every check passes.

        Raises:
            CheckFailed: a parity, quality or budget row failed; the report stays in the work folder.
        """
        from export_pipeline import report as reporting

        report = self.report
        reporting.check(report, where=self.work / "export")
        with written_aside(self.out) as aside:
            aside.mkdir()
            made = (*(model.file for model in self.exported), *reporting.FILES)
            for source in (*(self.work / "export" / name for name in made), self.work / CHECKPOINT):
                (shutil.copytree if source.is_dir() else shutil.copy)(source, aside / source.name)
            if self.plan and self.plan.text:
                write_text(aside / PLAN, self.plan.text)
            self._golden(aside)
            manifest = {
                "name": self.recipe.name,
                "recipe": self.recipe,
                "signature": self.recipe.signature,
                "models": self.exported,
                "min_psnr": {row.target: row.min_psnr for row in self.parity},
                "provenance": self._provenance(),
            }
            Bundle.seal(aside, manifest, measured=reporting.MEASURED_FILES)
        self.say(f"bundle: {self.out}")
        return Bundle.open(self.out)

    @cached_property
    def _tools(self) -> Tools:
        """What the compress stage needs of others, with this build's folders and listeners."""
        folder = self.work / "compress"
        return compress_tools(self.recipe, self.trained[1], folder, self.say, self.on_step, self.tensorboard)

    def shown(self) -> list[Any]:
        """Built-in photographs at the files' size, which are free to show; not those that were trained on."""
        from export_pipeline.base.images import fit
        from export_pipeline.tasks.builtin import photographs

        size, found = self.recipe.signature.size, photographs()
        hold_out = self.recipe.train.hold_out
        names = sorted(found)[-hold_out:][::-1] if self.recipe.train.content == BUILTIN and hold_out else SHOWN
        return [fit(found[name], *size) for name in names[: len(SHOWN)]]

    def _golden(self, folder: Path) -> None:
        """A photograph and what the float network makes of it, which any machine can check the files against."""
        import numpy as np

        from export_pipeline.base.images import save_image, to_uint8

        photo, (model, _) = self.shown()[0], self.compressed
        output = model(photo[None].astype(np.float32), training=False)[0].numpy()
        save_image(folder / GOLDEN_PHOTO, photo)
        save_image(folder / GOLDEN_OUTPUT, to_uint8(output))

    def _float_model(self) -> Path:
        """The float network as a ``.keras`` file, the yardstick of the benchmark."""
        model, _ = self.compressed
        path = self.work / FLOAT_MODEL
        with written_aside(path) as aside:
            model.save(aside)
        return path

    def _provenance(self) -> dict[str, str]:
        from export_pipeline.train import provenance

        return provenance(self.compressed[1])


def build(
    recipe: Recipe,
    out: Path | str,
    *,
    fresh: bool = False,
    say: Callable[[str], None] = _silent,
    on_step: Callable[[Progress], None] = _silent,
    tensorboard: Path | None = None,
) -> Bundle:
    """Build the bundle of *recipe* at *out*, going on where an interrupted build of it was.

    Args:
        fresh: forget what an earlier build left in the work folder.
        say, on_step, tensorboard: as in :class:`Pipeline`; the last is a folder for logs.

    Raises:
        CheckFailed: a file is not as good, as small or as fast as the recipe demands.
        PipelineError: see :mod:`export_pipeline.errors`.
    """
    with opened(recipe, out, fresh=fresh, say=say, on_step=on_step, tensorboard=tensorboard) as pipeline:
        return pipeline.bundle()


def compare(
    models: Sequence[Path],
    style: Path,
    photographs: Sequence[Path],
    vgg_weights: str | None = None,
    say: Callable[[str], None] = _silent,
) -> tuple[Comparison, ...]:
    """Style and content distance of model files, whoever made them, on the same images.

    Args:
        models, style, photographs: files.
        vgg_weights: as ``train.vgg_weights`` of a recipe.
        say: called with a line before each model.
    """
    from export_pipeline.base.images import load_image
    from export_pipeline.perception.vgg_weights import vgg19_weights
    from export_pipeline.verbs.compare import compare as judged
    from export_pipeline.verify import StyleJudge

    style_image, loaded = load_image(style), [load_image(path) for path in photographs]
    return judged(models, loaded, StyleJudge(vgg19_weights(vgg_weights), style_image), say)


@contextlib.contextmanager
def opened(
    recipe: Recipe, out: Path | str, *, fresh: bool = False, plan_bytes: int | None = None, **listeners: Any
) -> Iterator[Pipeline]:
    """A pipeline that has its work folder to itself. What the recipe names is looked at before anything is made.

    Args:
        plan_bytes: a plan is to be made for so many bytes; the one that the recipe names is not looked at.

    Raises:
        ImageError, CheckpointError: the style, the photographs or the warm start cannot be read.
        RecipeError: it names a layer that its network does not have or may lose, takes out more than there is, or
            names a plan that is not of this network, or fewer bytes than its network can have.
        OutputError: the work folder cannot be made.
        UsageError: another build is at work there, or *out* is something else than a bundle.
    """
    pipeline = Pipeline(checked_recipe(recipe, plan_bytes, to_train=True), Path(out), **listeners)
    foreign = pipeline.out.exists() and not (pipeline.out / MANIFEST).is_file()
    if foreign and not (pipeline.out.is_dir() and not any(pipeline.out.iterdir())):
        raise UsageError(f"{out} exists and is not a bundle; it is not overwritten. Choose another output folder.")
    with locked(pipeline.work, "build"):
        remove_parts(pipeline.work)
        remove_parts_of(pipeline.out)
        if fresh:
            empty(pipeline.work)
        yield pipeline
