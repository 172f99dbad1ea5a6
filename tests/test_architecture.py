"""The rules of the house: what may import what, what stays light, and what must be written down."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from export_pipeline import errors
from export_pipeline.formats import coreai
from tests.conftest import LONGEST, SLOW
from tests.imports import PACKAGE, ROOT, imports, loads_tensorflow, modules, room, third_party, tree

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Imports run from a later floor to an earlier one, never along a floor or up.
STAGES = ("train", "compress", "export", "verify", "report")
FLOORS = (
    ("errors",),
    ("base",),
    ("kmeans",),
    ("coding",),
    ("targets",),
    ("records",),
    ("recipe",),
    ("emulator", "models"),
    ("perception", "formats"),
    ("tasks",),
    ("bundle",),
    STAGES,
    ("stage_adapters",),
    ("work",),
    ("pipeline",),
    ("apps", "diff", "distill", "gatys", "sweep", "universal"),
    ("verbs",),
    ("cli",),
    ("", "__main__"),
)
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
# The emulator could be a package of its own: nothing of style transfer in it, and no TensorFlow.
EMULATOR_USES = {"base", "emulator", "errors", "records"}
MOST_LINES = 300
MOST_LOOSE_FILES = 8
HEAVY = {
    "tensorflow",
    "tf_keras",
    "keras",
    "coremltools",
    "onnx",
    "onnxruntime",
    "ai_edge_litert",
    "coreai",
    "skimage",
    "sklearn",
    "matplotlib",
    "scipy",
}


def ours(module: str) -> set[str]:
    """Rooms that *module* imports from, its own left out."""
    return {room(name) for name in imports(module) if name.split(".")[0] == PACKAGE} - {room(module)}


def of_room(name: str) -> list[str]:
    return [module for module in modules() if room(module) == name]


def test_every_room_is_on_a_floor_and_every_floor_is_built() -> None:
    assert {room(module) for module in modules()} == set(FLOOR)


@pytest.mark.parametrize("module", modules())
def test_imports_run_one_way(module: str) -> None:
    wrong = {name for name in ours(module) if FLOOR.get(name, len(FLOORS)) >= FLOOR[room(module)]}
    assert not wrong, f"{module} imports from {sorted(wrong)}, which is not below it"


@pytest.mark.parametrize("stage", STAGES)
def test_stages_never_import_one_another(stage: str) -> None:
    assert of_room(stage)
    for module in of_room(stage):
        assert not ours(module) & set(STAGES)


def test_models_import_nothing_of_the_pipeline() -> None:
    assert of_room("models")
    for module in of_room("models"):
        assert not ours(module)


def test_nobody_imports_the_networks_by_another_name() -> None:
    """The folder of the networks lies beside our package and in it; loaded twice, its layers are two of each."""
    for path in (*modules().values(), *(ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert "models" not in {name.split(".")[0] for name in names}, path


def test_emulator_stands_alone() -> None:
    assert of_room("emulator")
    for module in of_room("emulator"):
        assert ours(module) <= EMULATOR_USES, module
        assert not third_party(module) & {"tensorflow", "tf_keras", "keras"}, module


def test_keras_is_always_keras_2() -> None:
    for module in modules():
        assert not {name for name in imports(module) if name.startswith(("keras", "tensorflow.keras"))}, module


def loaded_by(statement: str) -> tuple[set[str], float]:
    """Top-level modules that *statement* loads in a fresh process, and the processor seconds it takes."""
    program = (
        f"import json, sys, time; start = time.process_time(); {statement}; took = time.process_time() - start; "
        "print(json.dumps([sorted({name.split('.')[0] for name in sys.modules}), took]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    names, seconds = json.loads(done.stdout.splitlines()[-1])
    return set(names), seconds


@pytest.mark.parametrize("module", ["export_pipeline", "export_pipeline.cli", "export_pipeline.recipe"])
def test_importing_the_command_line_is_light(module: str) -> None:
    names, seconds = loaded_by(f"import {module}")
    assert not names & HEAVY
    assert seconds < 1.5


def test_importing_the_emulator_loads_no_tensorflow() -> None:
    names, _ = loaded_by("import export_pipeline.emulator")
    assert not names & {"tensorflow", "tf_keras", "keras"}


@pytest.mark.parametrize("module", modules())
def test_tensorflow_is_loaded_quietly(module: str) -> None:
    """Our networks load it without what its C++ side prints; whoever imports it first says all of that."""
    if room(module) != "models":
        assert loads_tensorflow(module) in ("", "export_pipeline.models")


@pytest.mark.parametrize("recipe", ["export_only", "demo"])
def test_what_decides_a_build_is_found_out_without_tensorflow(recipe: str) -> None:
    names, _ = loaded_by(
        "from export_pipeline import Recipe; from export_pipeline.stage_adapters import opened_task; "
        "from export_pipeline.work.outlook import finished; from export_pipeline.work.decides import made_from; "
        f"task = opened_task(Recipe.load('export_pipeline/recipes/{recipe}.toml')); "
        "import pathlib; assert finished(pathlib.Path('no bundle'), made_from(task)) is None"
    )
    assert not names & {"tensorflow", "tf_keras", "skimage", "sklearn", "scipy", "coremltools", "onnx"}


def test_front_door_opens_without_tensorflow() -> None:
    names, _ = loaded_by("from export_pipeline import Recipe, build")
    assert "tensorflow" not in names


def drawn_parents() -> dict[str, str]:
    """Each error in the tree that the docstring of errors.py draws, with the one that it hangs from."""
    parents: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        indented = line.replace("├──", "   ").replace("└──", "   ").replace("│", " ")
        name = (indented.split() or [""])[0]
        if isinstance(getattr(errors, name, None), type):
            depth = len(indented) - len(indented.lstrip())
            parents[name] = above.get(depth - 4, "Exception")
            above[depth] = name
    return parents


def test_error_tree_is_drawn_as_it_is() -> None:
    defined = {
        name: kind.__base__.__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    assert len(defined) > 10
    assert drawn_parents() == defined


def test_errors_are_defined_in_one_place() -> None:
    known = {name for name in vars(errors) if isinstance(getattr(errors, name), type)}
    for module in modules():
        if room(module) == "errors":
            continue
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
                assert not bases & (known | {"Exception", "ValueError", "RuntimeError"}), f"{module}.{node.name}"


def test_every_package_has_a_readme() -> None:
    packages = {path.parent for path in modules().values() if path.name == "__init__.py"}
    outermost = {path for path in packages if len(path.relative_to(ROOT).parts) == 2} | {ROOT, ROOT / "models"}
    assert not [str(path.relative_to(ROOT)) for path in sorted(outermost) if not (path / "README.md").is_file()]


@pytest.mark.parametrize("module", modules())
def test_every_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(tree(module))


def test_no_file_is_long() -> None:
    files = [*modules().values(), *(ROOT / "tests").rglob("*.py")]
    long = {str(path): lines for path in files if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES}
    assert not long


def test_few_files_lie_loose() -> None:
    loose = sorted(path.name for path in (ROOT / "export_pipeline").glob("*.py"))
    assert len(loose) <= MOST_LOOSE_FILES, loose


def test_files_that_are_begun_first_are_there() -> None:
    assert not [file for file in (*LONGEST, *SLOW) if not (ROOT / file).is_file()]


def project() -> dict:  # type: ignore[type-arg]
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def distributions(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements} - {project()["name"]}


def imported_distributions(names: set[str]) -> set[str]:
    """The distributions that provide the top-level modules *names*."""
    # Not everywhere are they installed, and the names of their packages say nothing of them.
    told = {"coreai": [coreai.library.DISTRIBUTION], "OpenSSL": ["pyOpenSSL"]}
    installed = {**told, **packages_distributions()}
    return {canonicalize_name(installed.get(name, [name])[0]) for name in names}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    declared = distributions(project()["dependencies"] + project()["optional-dependencies"]["all"])
    for extra in ("emulator", "coreai", "completion", "heic", "signing", "ray"):
        declared |= distributions(project()["optional-dependencies"][extra])
    read_only = {"scikit-learn"}  # two photographs are read out of it
    assert imported_distributions(set().union(*map(third_party, modules()))) | read_only == declared


def test_emulator_extra_is_enough_for_the_emulator() -> None:
    declared = distributions(project()["dependencies"] + project()["optional-dependencies"]["emulator"])
    rooms = ("emulator", "records", "targets", "base", "errors")
    names = {name for each in rooms for module in of_room(each) for name in third_party(module)}
    assert imported_distributions(names) - {"pi-heif"} <= declared  # without it, HEIC is refused by name


def test_lock_names_no_host_and_hashes_everything() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    pinned = [block for block in text.split("\n") if "==" in block and not block.startswith((" ", "#"))]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)
    assert not [line for line in pinned if line.startswith("torch")]
