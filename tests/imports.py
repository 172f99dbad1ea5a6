"""Reads from the source which module imports which, without running any of it."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "export_pipeline"
# The folder of each package. That of the networks is linked into ours, where walks through folders do not follow.
FOLDERS = {PACKAGE: ROOT / PACKAGE, f"{PACKAGE}.models": ROOT / "models"}


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name; a package has its own name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def tree(module: str) -> ast.Module:
    """The syntax tree of one of :func:`modules`."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@functools.cache
def imports(module: str) -> frozenset[str]:
    """Dotted names that *module* imports anywhere: at its top, inside functions, or for type checkers only."""
    return frozenset(name for node in ast.walk(tree(module)) for name in _names(module, node))


def _names(module: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        source = ".".join(filter(None, [_base(module, node.level), node.module]))
        for alias in node.names:
            whole = f"{source}.{alias.name}"
            if alias.name != "__version__":  # a constant, which ties nobody to what else the package does
                yield whole if whole in modules() else source
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")) and node.args:
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield name.value


def _base(module: str, level: int) -> str:
    """The package that *level* dots mean inside *module*."""
    if not level:
        return ""
    parts = module.split(".")
    is_package = modules()[module].name == "__init__.py"
    return ".".join(parts[: len(parts) - level + is_package])


def room(name: str) -> str:
    """Where in the house a module of ours lies: ``models``, ``errors``, ``train``, ..; ``""`` for the front door."""
    _, *rest = name.split(".")
    return rest[0] if rest else ""


def third_party(module: str) -> set[str]:
    """Top-level names that *module* imports and that are neither ours nor Python's own."""
    known = sys.stdlib_module_names | {PACKAGE}
    return {name.split(".")[0] for name in imports(module)} - known


def loads_tensorflow(module: str, begun: set[str] | None = None) -> str:
    """By what *module* loads TensorFlow when it is imported, first of all: a dotted name, or nothing.

    That is ``export_pipeline.models``, which lets it say nothing, or a module that imports TensorFlow itself.
    """
    begun = set() if begun is None else begun
    if module in begun:  # Python runs each once
        return ""
    begun.add(module)
    package = module.rpartition(".")[0]
    found = loads_tensorflow(package, begun) if package else ""
    return found or next(filter(None, (_loads(module, name, begun) for name in _at_the_top(module))), "")


def _at_the_top(module: str) -> Iterator[str]:
    for node in tree(module).body:
        yield from _names(module, node)


def _loads(module: str, name: str, begun: set[str]) -> str:
    if name.split(".")[0] in ("tensorflow", "tf_keras", "tensorflow_model_optimization"):
        return module
    if name == f"{PACKAGE}.models" or name.startswith(f"{PACKAGE}.models."):
        return f"{PACKAGE}.models"
    return loads_tensorflow(name, begun) if name in modules() else ""
