"""The network of the bundle that a build replaces: whether it can be taken, instead of trained and compressed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export_pipeline.base.files import sha256, sha256_of, write_bytes
from export_pipeline.bundle import CHECKPOINT, PLAN, Bundle, FileHash, Manifest
from export_pipeline.errors import BundleError, CheckFailed
from export_pipeline.report import RECORD_FILE
from export_pipeline.tasks import Task
from export_pipeline.train.checkpoint import Checkpoint
from export_pipeline.work import HASHED
from export_pipeline.work.decides import decides, keys_of, sources_of
from export_pipeline.work.ledger import Ledger, changes
from export_pipeline.work.network import compression_of

STAGES = ("train", "compress")
# What the network is made of: its weights, what compression did to it, and the bits that were planned for it.
FILES = (CHECKPOINT, RECORD_FILE, PLAN)
PARENT = "parent_sha256"  # of the network that a checkpoint was made from


@dataclass(frozen=True)
class Taken:
    """A bundle whose network was trained and compressed as a task asks for.

    Attributes:
        unrecorded: names of what that was made from, too, of which the bundle has no hash: it counts as the same.
    """

    bundle: Bundle
    unrecorded: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """In words."""
        lacking = f", which has no hashes of {', '.join(self.unrecorded)}" if self.unrecorded else ""
        return f"taken from the bundle{lacking}"

    def copied(self, work: Path, task: Task) -> Checkpoint:
        """The checkpoint of the bundle, copied into the folder *work*; what lies there of others counts no more."""
        Ledger(work, task.recipe, decides(task)).begin(STAGES[0])
        write_bytes(work / CHECKPOINT, (self.bundle.path / CHECKPOINT).read_bytes())
        return Checkpoint.open(work / CHECKPOINT)

    def lies_in(self, work: Path) -> bool:
        """Whether the folder *work* holds the same network."""
        return _is_whole(work / CHECKPOINT, self.bundle.manifest.files[CHECKPOINT])


def in_bundle(task: Task, out: Path) -> Taken | str:
    """The bundle at *out*, if its network can be taken for *task*, or why not; nothing where there is none to take.

    Its recipe decides train and compress as that of *task* does, what they read has the hashes on record, and the files
    that the network is made of are those that were built. A network that comes with a recipe is not taken: it is there.
    """
    if task.given() is not None:
        return ""
    try:
        bundle = Bundle.open(out)
    except BundleError:
        return ""
    except CheckFailed as error:
        return _refusal(str(error))
    listed = bundle.manifest.files
    wrong = [
        f"{name} {'has changed' if (out / name).is_file() else 'is not there'}"
        for name in FILES
        if (name in listed or name != PLAN) and not _is_whole(out / name, listed.get(name))
    ]
    if wrong:
        return _refusal(", ".join(wrong))
    try:
        compression_of(bundle)
    except BundleError as error:
        return _refusal(str(error))
    before, now = keys_of(bundle.manifest.recipe), keys_of(task.recipe)
    recorded, found = _hashes(task, bundle.manifest)
    differing = [change for stage in STAGES for change in changes(before[stage], now[stage])]
    if differing := differing + changes(recorded, found):
        return _refusal("; ".join(differing))
    read = {name: value for name, value in task.training_sources().items() if value}
    lacking = () if bundle.manifest.sources else tuple(name for name in read if HASHED + name not in found)
    return Taken(bundle, lacking)


def _refusal(why: str) -> str:
    return f"the network of the bundle is not taken: {why}"


def _is_whole(path: Path, listed: FileHash | None) -> bool:
    return listed is not None and path.is_file() and sha256(path) == listed.sha256


def _hashes(task: Task, manifest: Manifest) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of what the network of *manifest* was made from, as far as they are on record, and as they are now.

    In manifests of earlier versions that is what checkpoints keep: the hash of the network before, where it was taken
    over; else those of what was learned from.
    """
    if manifest.sources:
        return _joined(manifest.sources), _joined(sources_of(task))
    train = task.recipe.train
    if train.warm_start is not None and not train.trains:
        known = {"warm_start": (PARENT, sha256_of(task.recipe.path(train.warm_start)))}
    else:
        known = {name.removesuffix("_sha256"): (name, value) for name, value in task.learned_from().items()}
    known = {HASHED + name: pair for name, pair in known.items() if manifest.provenance.get(pair[0])}
    then = {name: manifest.provenance[key] for name, (key, _) in known.items()}
    return then, {name: value for name, (_, value) in known.items()}


def _joined(sources: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: value for stage in STAGES for name, value in sources[stage].items()}
