"""Bundles into apps: what an app's code can run is copied into it, whole and checked."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from export_pipeline.apps.contract import APPS, App, refusal
from export_pipeline.base.files import files_of, remove_parts_of, sha256, written_aside
from export_pipeline.bundle import MANIFEST, Bundle
from export_pipeline.errors import BundleError, CheckFailed, UsageError, near
from export_pipeline.records.exported import ExportedModel

__all__ = ["APPS", "Copied", "copy_bundles"]

# What both systems take as the name of a folder in an app.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Copied:
    """One bundle in one app.

    Attributes:
        app: ``ios`` or ``android``.
        bundle: its name.
        folder: where it lies now.
        models: the files that the app runs, best first.
        bytes: of all files in *folder*, the manifest included.
        status: ``unchanged`` where it lay there already.
    """

    app: str
    bundle: str
    folder: str
    models: tuple[str, ...]
    bytes: int
    status: Literal["copied", "replaced", "unchanged"]

    def row(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "models": list(self.models)}


@dataclass(frozen=True)
class _Plan:
    """What of a bundle goes where."""

    app: App
    bundle: Bundle
    models: tuple[ExportedModel, ...]
    folder: Path

    @property
    def files(self) -> tuple[str, ...]:
        """Paths in the bundle, the manifest first."""
        return (MANIFEST, *(name for model in self.models for name in sorted(model.sha256)))


def copy_bundles(bundles: Sequence[Path], folders: dict[str, Path], targets: Sequence[str] = ()) -> tuple[Copied, ...]:
    """Copy what an app runs of each bundle into ``FOLDER/NAME``: its manifest and the chosen model files.

    Everything is checked before anything is written: every byte of the bundles, their names, and each file's
    signature against what the app's code handles. A bundle that lies there already is replaced whole.

    Args:
        bundles: folders with a manifest.
        folders: by app, ``ios`` or ``android``, where its bundles lie; made when missing.
        targets: the files to take, such as ``mlpackage-int8``; without any, what the app's code would choose.

    Raises:
        CheckFailed: a bundle is not as it was built, or a signature is not one that the app's code handles.
        BundleError: a folder is no bundle.
        UsageError: nothing of a bundle runs in the app, a target is unknown, two bundles have one name, or what lies
            in the app's folder is not such a copy.
        OutputError: a folder cannot be written.
    """
    opened = [_checked(path) for path in bundles]
    names = [bundle.manifest.name for bundle in opened]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two bundles are called {doubled[0]!r}. An app holds one of each name; leave one out.")
    _check_targets(targets, folders)
    plans = [
        _Plan(APPS[app], bundle, _chosen(bundle, APPS[app], targets), folder / bundle.manifest.name)
        for app, folder in folders.items()
        for bundle in opened
    ]
    states = [_state(plan) for plan in plans]
    return tuple(_copied(plan, state) for plan, state in zip(plans, states, strict=True))


def _checked(path: Path) -> Bundle:
    bundle = Bundle.open(path)
    bundle.check_files()
    if not NAME.fullmatch(bundle.manifest.name):
        raise UsageError(
            f"{path} is called {bundle.manifest.name!r}, which is no name for a folder of an app. "
            "Allowed: a-z, 0-9, _ and -; build it under another name."
        )
    return bundle


def _check_targets(targets: Sequence[str], folders: dict[str, Path]) -> None:
    known = {name for app in folders for name in APPS[app].targets}
    for name in targets:
        if name not in known:
            raise UsageError(f"no file {name!r} for {' or '.join(sorted(folders))}; {near(name, known)}")


def _chosen(bundle: Bundle, app: App, targets: Sequence[str]) -> tuple[ExportedModel, ...]:
    """The files that *app* takes of *bundle*, best first, each with a signature that its code handles."""
    models = {model.target: model for model in bundle.manifest.models}
    usable = [name for name in app.targets if name in models]
    asked = [name for name in app.targets if name in targets] if targets else usable[: app.takes]
    if not usable or not asked:
        raise UsageError(
            f"{bundle.path} has nothing for {app.name}. Build it with one of export.targets = {', '.join(app.targets)}."
        )
    if missing := [name for name in asked if name not in models]:
        raise UsageError(f"{bundle.path} has no {missing[0]}; {near(missing[0], usable)}")
    for name in asked:
        if why := refusal(models[name].signature, app):
            raise CheckFailed(f"{models[name].file} does not fit the code of the {app.name} app: {why}")
    return tuple(models[name] for name in asked)


def _state(plan: _Plan) -> Literal["copied", "replaced", "unchanged"]:
    """What will have to be done; refuses where something else lies."""
    folder = plan.folder
    if not folder.exists() and not folder.is_symlink():
        return "copied"
    foreign = UsageError(
        f"{folder} is not a copy that this command made, so it is left alone. Move it away, or name another folder."
    )
    if folder.is_symlink() or not folder.is_dir():
        raise foreign
    try:
        listed = Bundle.open(folder).manifest.files
    except (BundleError, CheckFailed) as error:
        raise foreign from error
    found = {file.relative_to(folder).as_posix(): file for file in files_of(folder)}
    for name, file in found.items():
        if name != MANIFEST and (name not in listed or sha256(file) != listed[name].sha256):
            raise foreign
    same = (folder / MANIFEST).read_bytes() == (plan.bundle.path / MANIFEST).read_bytes()
    return "unchanged" if same and set(found) == set(plan.files) else "replaced"


def _copied(plan: _Plan, state: Literal["copied", "replaced", "unchanged"]) -> Copied:
    if state != "unchanged":
        remove_parts_of(plan.folder)
        with written_aside(plan.folder) as aside:
            for name in plan.files:
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(plan.bundle.path / name, aside / name)
            _check_copy(plan, aside)
    return Copied(
        app=plan.app.name,
        bundle=plan.bundle.manifest.name,
        folder=str(plan.folder),
        models=tuple(model.file for model in plan.models),
        bytes=sum((plan.folder / name).stat().st_size for name in plan.files),
        status=state,
    )


def _check_copy(plan: _Plan, folder: Path) -> None:
    """Read the copy back as the app does: its manifest, and the hash and size of every file."""
    listed = Bundle.open(folder).manifest.files
    for name in plan.files[1:]:
        file = folder / name
        if file.stat().st_size != listed[name].bytes or sha256(file) != listed[name].sha256:
            raise CheckFailed(f"{name} changed while it was copied from {plan.bundle.path}. Copy it again.")
