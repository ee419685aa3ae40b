"""The folder is the data flow: modules import from the stages before them, and in no circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "swishcli"

STAGES = (
    "errors",
    "decoding",
    "audio",
    "features",
    "architecture",
    "segments",
    "smoothing",
    "checkpoint",
    "network",
    "engines",
    "inference",
    "analysis",
    "model",
)
"""The way of a sound; what people run (jobs, training, the command line, …) comes after it."""


def name_of(path: Path) -> str:
    """A module's name within the package: ``training.loop``; that of a package is its own."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """Names that a module imports from the package when it runs: not what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "swishcli":
            home = (node.module or "").removeprefix("swishcli").removeprefix(".")
            yield from (f"{home}.{alias.name}".removeprefix(".") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (
                a.name.removeprefix("swishcli.") for a in node.names if a.name.startswith("swishcli.")
            )
        yield from imported(node)


def modules() -> dict[str, set[str]]:
    """For every module the modules that it imports."""
    paths = {name_of(path): path for path in PACKAGE.rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        names = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
        # What is no module itself is something in the module before the last dot.
        homes = {name if name in paths else name.rpartition(".")[0] for name in names}
        graph[module] = homes - {module, ""}
    return graph


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = modules()
    assert len(graph) > 20
    tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_from_the_stages_before_it_only(stage: str) -> None:
    later = {*STAGES[STAGES.index(stage) :]}
    packages = {name.partition(".")[0] for name in modules()[stage]}
    assert not packages & (later | {"cli", "training", "jobs", "formats", "evaluation", "pictures"})


def test_nothing_imports_the_command_line() -> None:
    users = {name for name, homes in modules().items() if any(h.partition(".")[0] == "cli" for h in homes)}
    assert {name.partition(".")[0] for name in users} <= {"cli", "__main__"}
