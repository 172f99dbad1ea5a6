"""Which file of a bundle a device runs, on which part of its chip, and what it falls back to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export_pipeline.targets import TARGETS

FP16, DYNAMIC, INT8 = "tflite-fp16", "tflite-dynamic", "tflite-int8"
ON_CPU = (DYNAMIC, FP16, INT8)
MOST_THREADS = 4
MLMODEL_IOS = 12
ON_IOS = ("mlpackage-int8", "mlpackage-fp16", "mlpackage-sparse", "mlpackage-palettized", "mlpackage-joint")
ON_IOS += ("mlmodel-int8", "mlmodel-palettized")
UNITS = ("all", "cpu_and_gpu", "cpu_only")
ANDROID = [
    # Targets that the bundle has, GPU delegate there, GPU found wrong before, what the user asked for, cores.
    ((FP16, DYNAMIC, INT8), True, False, "auto", 8),
    ((FP16, DYNAMIC), True, False, "auto", 2),
    ((FP16, DYNAMIC), False, False, "auto", 4),
    ((FP16, DYNAMIC), True, True, "auto", 8),
    ((FP16, DYNAMIC), True, False, "cpu", 6),
    ((FP16, DYNAMIC), False, False, "gpu", 8),
    ((FP16, DYNAMIC), True, True, "gpu", 8),
    ((DYNAMIC,), True, False, "gpu", 8),
    ((DYNAMIC, INT8), True, False, "auto", 1),
    ((INT8,), False, False, "auto", 16),
    ((), True, False, "auto", 8),
    (("mlpackage-int8", "onnx-fp32"), True, False, "auto", 8),
]
IOS = [
    # Targets that the bundle has, iOS, simulator, units found wrong before, what the user asked for.
    (("mlpackage-int8", "mlpackage-fp16", "mlmodel-int8"), 17, False, (), "auto"),
    (("mlpackage-int8", "mlmodel-int8"), 15, False, (), "auto"),
    (("mlpackage-joint", "mlpackage-sparse"), 17, False, (), "auto"),
    (("mlpackage-joint",), 18, False, (), "auto"),
    (("mlpackage-joint",), 17, False, (), "auto"),
    (("mlpackage-int8",), 17, True, (), "auto"),
    (("mlpackage-int8",), 17, False, ("all",), "auto"),
    (("mlpackage-int8",), 17, False, (), "cpu_only"),
    (("tflite-fp16",), 17, False, (), "auto"),
]


def on_android(targets: tuple[str, ...], gpu: bool, failed: bool, asked: str, cores: int) -> dict[str, Any]:
    """Attempts in order, and why the GPU is none of them where it is not."""
    threads = max(1, min(MOST_THREADS, cores // 2))
    attempts = [{"target": name, "accelerator": "cpu", "threads": threads} for name in ON_CPU if name in targets]
    if not attempts:
        return {"error": "no_usable_file"}
    if asked == "cpu":
        without = "asked"
    elif FP16 not in targets:
        without = "no_file"
    elif not gpu:
        without = "no_delegate"
    else:
        without = "failed_check" if failed else ""
    first = [] if without else [{"target": FP16, "accelerator": "gpu", "threads": 1}]
    return {"attempts": first + attempts, "without_gpu": without}


def on_ios(targets: tuple[str, ...], ios: int, simulator: bool, failed: tuple[str, ...], asked: str) -> dict[str, Any]:
    """Attempts in order: the file that this system runs best, on every unit that has not been found wrong."""
    usable = [name for name in ON_IOS if name in targets and ios >= _oldest(name)]
    if not usable:
        return {"error": "no_usable_file"}
    units = ("cpu_only",) if simulator else UNITS if asked == "auto" else (asked, "cpu_only")
    kept = [unit for unit in dict.fromkeys(units) if unit not in failed]
    return {"attempts": [{"target": usable[0], "units": unit} for unit in kept or ["cpu_only"]]}


def _oldest(target: str) -> int:
    return MLMODEL_IOS if target.startswith("mlmodel") else TARGETS[target].ios


def cases(save: Callable[[str, bytes], None]) -> dict[str, Any]:
    """The cases of ``choice.json``."""
    names = ("targets", "gpu", "gpu_failed", "asked", "cores")
    ios_names = ("targets", "ios", "simulator", "failed", "asked")
    return {
        "android": [dict(zip(names, case, strict=True)) | {"expected": on_android(*case)} for case in ANDROID],
        "ios": [dict(zip(ios_names, case, strict=True)) | {"expected": on_ios(*case)} for case in IOS],
    }
