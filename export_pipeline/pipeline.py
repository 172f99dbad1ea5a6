"""The pipeline, from a recipe to a bundle. Read this file first.

    build(recipe) = train -> compress -> export -> verify -> report -> bundle

Each stage takes the values of those before it and gives its own. All of them keep what they have done in a work folder
beside the bundle, so that a build killed at any moment goes on where it was, and one whose recipe has changed does
again only what the change decides.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export_pipeline.base.files import empty, locked, remove_parts, remove_parts_of, write_text, written_aside
from export_pipeline.base.progress import NOTHING_LOGGED, Counted, Progress
from export_pipeline.bundle import CHECKPOINT, PLAN, Bundle, require_replaceable
from export_pipeline.recipe import Recipe
from export_pipeline.records.exported import ExportedModel
from export_pipeline.records.parity import ParityResult
from export_pipeline.stage_adapters import check_network, opened_task
from export_pipeline.work.folder import SHELF, work_folder
from export_pipeline.work.ledger import noted
from export_pipeline.work.network import Network
from export_pipeline.work.sizes import export_sizes, verify_sizes, write_golden_sizes

if TYPE_CHECKING:
    from export_pipeline.compress import BitPlan, Tools
    from export_pipeline.report import Record, Release, Report
    from export_pipeline.tasks import Task
    from export_pipeline.train import Listener, Trained

FLOAT_MODEL = "float.keras"


def _silent(_: Any) -> None:
    """The default listener."""


@dataclass(frozen=True)
class Pipeline:
    """The stages of one build.

    Attributes:
        task: of the recipe, with what the recipe names read in.
        out: the bundle.
        say: gets a line at each stage.
        on_step: gets the :class:`Progress` of each training step.
        tensorboard: a folder for logs, if they are wanted.
        release: the last one, where the recipe has limits against it.
        fresh: whether what an earlier build left is to be forgotten.
    """

    task: Task
    out: Path
    say: Callable[[str], None] = _silent
    on_step: Callable[[Progress], None] = _silent
    tensorboard: Path | None = None
    release: Release | None = None
    fresh: bool = False

    @property
    def recipe(self) -> Recipe:
        """That is built."""
        return self.task.recipe

    @property
    def work(self) -> Path:
        """The folder of unfinished work."""
        return work_folder(self.out)

    @property
    def files(self) -> Path:
        """The folder of exported files and of the report, until they go into the bundle."""
        return self.work / "export"

    @cached_property
    def made_from(self) -> str:
        """Hash of all that decides the bundle, as it is when this is first asked for: before the first stage."""
        from export_pipeline.work.decides import made_from

        return made_from(self.task)

    def network(self) -> Network:
        """Train and compress; or take the network of the bundle that is to be replaced, if it was made alike."""
        from export_pipeline.work.outlook import network_of_bundle

        taken = "" if self.fresh else network_of_bundle(self.task, self.out)
        if isinstance(taken, str):
            if taken:
                self.say(f"train: {taken}")
            return self.compress(self.train())
        self.say(f"train, compress: {taken.why}")
        return Network.of(taken.bundle, taken.copied(self.work, self.task))

    def train(self) -> Trained:
        """Train: the float network and its checkpoint."""
        from export_pipeline.train import train, trains

        self.say(f"train: {trains(self.recipe)}")
        with noted(self.work, self.task, "train", self.say):
            return train(self.task, self.work, self._listener)

    def compress(self, trained: Trained, last: str = "fold") -> Network:
        """Compress: the network made smaller, as far as the step *last*, and its checkpoint; the bundle holds it."""
        from export_pipeline.compress import compress
        from export_pipeline.train import export_checkpoint
        from export_pipeline.work.decides import sources_of

        with noted(self.work, self.task, "compress", self.say):
            compressed = compress(trained.model, self.recipe, self._tools(trained), last)
            made = compressed.model, trained, compressed.recipe, compressed.steps
            return Network(compressed, export_checkpoint(self.work / CHECKPOINT, *made), sources_of(self.task))

    def plan(self, trained: Trained, weight_bytes: int) -> BitPlan:
        """The bits of each kernel that err least within *weight_bytes*, whatever the recipe says of bits."""
        from export_pipeline.compress import compress, plan_for

        tools = self._tools(trained)
        return plan_for(compress(trained.model, self.recipe, tools, last="prune"), weight_bytes, tools)

    def export(self, network: Network) -> tuple[ExportedModel, ...]:
        """Export: every target of the recipe, calibrated on training samples."""
        self.say(f"export: {', '.join(self.recipe.export.all_files)}")
        with noted(self.work, self.task, "export", self.say):
            deployed, rounded = network.compressed.deployed, network.compressed.rounded
            return export_sizes(self.task, deployed, rounded, self.files, network.checkpoint.sha256, self.say)

    def verify(self, model: Any, exported: tuple[ExportedModel, ...]) -> tuple[ParityResult, ...]:
        """Verify: every file against the float network *model* on the validation samples."""
        from export_pipeline.work.parity import KeptParity

        self.say(f"verify: {len(exported)} files")
        with noted(self.work, self.task, "verify", self.say):
            kept = KeptParity(self.work, self.task, model)
            return verify_sizes(self.task, model, exported, self.files, self.say, kept)

    def record(self, network: Network, exported: tuple[ExportedModel, ...], parity: tuple[ParityResult, ...]) -> Record:
        """The half of the report that needs no clock: sizes, contents, parity and the budgets on them."""
        from export_pipeline.report import make_record

        about = self._float_model(network), self.recipe, self._provenance(network), network.compressed.record
        return make_record(self.files, exported, parity, *about)

    def report(self, network: Network, exported: tuple[ExportedModel, ...], parity: tuple[ParityResult, ...]) -> Report:
        """Report: sizes, latency, memory and budgets, written beside the files."""
        from export_pipeline.report import make_report

        self.say("report: sizes, operations, latency, memory")
        with noted(self.work, self.task, "report", self.say):
            about = self._float_model(network), self.task, self._provenance(network), network.compressed.record
            return make_report(self.files, exported, parity, *about, progress=self.say, release=self.release)

    def bundle(
        self, network: Network, exported: tuple[ExportedModel, ...], parity: tuple[ParityResult, ...], report: Report
    ) -> Bundle:
        """Put the bundle under its final name, if every check passes.

        Raises:
            CheckFailed: a parity, quality or budget row failed; the report stays in the work folder.
        """
        from export_pipeline import report as reporting

        reporting.check(report, where=self.files)
        with written_aside(self.out) as aside:
            aside.mkdir()
            made = [*(model.file for model in exported), *reporting.FILES]
            if not (self.files / reporting.PICTURE_FILE).exists():  # nothing that can be shown goes in or comes out
                made.remove(reporting.PICTURE_FILE)
            for source in (*(self.files / name for name in made), self.work / CHECKPOINT):
                (shutil.copytree if source.is_dir() else shutil.copy)(source, aside / source.name)
            plan = network.compressed.plan
            if plan and plan.text:
                write_text(aside / PLAN, plan.text)
            write_golden_sizes(self.task, network.compressed.model, aside)
            manifest = {
                "name": self.recipe.name,
                "recipe": self.recipe,
                "signature": self.task.signature,
                "models": exported,
                "min_psnr": {row.target: row.min_psnr for row in parity},
                "provenance": self._provenance(network),
                "sources": network.sources,
            }
            Bundle.seal(aside, manifest, measured=reporting.MEASURED_FILES, made_from=self.made_from)
        return Bundle.open(self.out)

    @cached_property
    def up_to_date(self) -> Bundle | None:
        """The bundle at :attr:`out`, if neither it nor what decides it has changed since; with ``fresh``, none is."""
        from export_pipeline.work.outlook import finished

        # Another release to be held against changes no stage, and what the report says of this one.
        return None if self.fresh or self.release or not self.out.exists() else finished(self.out, self.made_from)

    @property
    def _listener(self) -> Listener:
        from export_pipeline.train import Listener, Shelf

        return Listener(self.on_step, self.tensorboard, Shelf(self.work / SHELF, self.say))

    def _tools(self, trained: Trained) -> Tools:
        from export_pipeline.stage_adapters import compress_tools

        return compress_tools(self.task, trained.checkpoint, self.work / "compress", self.say, self._listener)

    def _float_model(self, network: Network) -> Path:
        """The float network as a ``.keras`` file, the yardstick of the benchmark."""
        path = self.work / FLOAT_MODEL
        with written_aside(path) as aside:
            network.compressed.model.save(aside)
        return path

    def _provenance(self, network: Network) -> dict[str, str]:
        from export_pipeline.train import provenance

        skipped = self.task.unread()
        return provenance(network.checkpoint) | ({"skipped_files": ", ".join(skipped)} if skipped else {})


def build(
    recipe: Recipe,
    out: Path | str,
    *,
    fresh: bool = False,
    replace: bool = False,
    say: Callable[[str], None] = _silent,
    on_step: Callable[[Progress], None] = _silent,
    tensorboard: Path | None = None,
) -> Bundle:
    """Build the bundle of *recipe* at *out*, going on where an interrupted build of it was.

    Args:
        fresh: forget what an earlier build left in the work folder, and train anew.
        replace: a bundle of another recipe that lies at *out* may go.
        say, on_step, tensorboard: as in :class:`Pipeline`.

    Raises:
        CheckFailed: a file is not as good, as small or as fast as the recipe demands.
        UsageError: something else than an earlier bundle of *recipe* lies at *out*.
        PipelineError: see :mod:`export_pipeline.errors`.
    """
    require_replaceable(Path(out), recipe, replace)
    with opened(recipe, out, fresh=fresh, whole=True, say=say, on_step=on_step, tensorboard=tensorboard) as pipeline:
        if pipeline.up_to_date:
            return pipeline.up_to_date
        pipeline.task.fetch()
        network = pipeline.network()
        exported = pipeline.export(network)
        parity = pipeline.verify(network.compressed.model, exported)
        report = pipeline.report(network, exported, parity)
        return pipeline.bundle(network, exported, parity, report)


@contextlib.contextmanager
def opened(
    recipe: Recipe,
    out: Path | str,
    *,
    fresh: bool = False,
    whole: bool = False,
    plan_bytes: int | None = None,
    **listeners: Any,
) -> Iterator[Pipeline]:
    """A pipeline that has its work folder to itself. What the recipe names is looked at before anything is made.

    Args:
        whole: all stages will be asked for; of a bundle that is up to date, which has been through them, the network
            is not looked at again, and TensorFlow not loaded.
        plan_bytes: a plan is to be made for so many bytes; the one that the recipe names is not looked at.
        listeners: ``say``, ``on_step`` and ``tensorboard`` of :class:`Pipeline`.

    Raises:
        BundleError, ImageError, CheckpointError: what it names, such as the style or a release, cannot be read.
        RecipeError: it names a layer or a plan that its network does not have, or takes out more than there is.
        OutputError: the work folder cannot be made.
        UsageError: another build is at work there, or *out* is something else than a bundle.
    """
    if limits := recipe.report.regression:
        from export_pipeline.report import read_release

        listeners["release"] = read_release(recipe.path(limits.release))
    pipeline = Pipeline(opened_task(recipe), Path(out), fresh=fresh, **listeners)
    if not (whole and pipeline.up_to_date):
        check_network(pipeline.task, plan_bytes, to_train=True)
    require_replaceable(pipeline.out, recipe, meant=True)
    pipeline = replace(pipeline, on_step=(heard := Counted(pipeline.on_step)))
    with locked(pipeline.work, "build"):
        remove_parts(pipeline.work)
        remove_parts_of(pipeline.out)
        if fresh:
            empty(pipeline.work)
        yield pipeline
        if pipeline.tensorboard and not heard.steps:
            pipeline.say(NOTHING_LOGGED.format(pipeline.tensorboard))
