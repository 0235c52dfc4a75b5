"""The rooms of the package, from the ground up: each imports only what lies below it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gbbgky_petsc

ROOT = Path(gbbgky_petsc.__file__).parent
#: storeys from the ground up; rooms of one storey do not know each other
STOREYS = (
    ("arrays", "errors"),
    ("environment", "parallel", "petsc_failures", "shipped", "lifetime", "trust"),
    ("physics",),
    ("discrete",),
    ("case",),
    ("limits", "fields"),
    ("problem", "in_space"),
    ("terms", "md", "store"),
    ("collisions", "analysis"),
    ("equations", "validation"),
    ("solvers",),
    ("flow",),
    ("commands",),
    ("api",),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(STOREYS) for room in rooms}
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


def imported(path, at_import_only=False):
    """Modules of the package that a file imports: (line, dotted name)."""
    tree = ast.parse(path.read_text())
    if at_import_only:
        tree.body = [n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.ClassDef | ast.If)]
    for node in ast.walk(tree):
        assert not getattr(node, "level", 0), f"{path}:{node.lineno}: relative"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gbbgky_petsc"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node.lineno, full if full in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.startswith("gbbgky_petsc"))


def room(module):
    """First name below the package; None for the package itself."""
    return module.split(".")[1] if "." in module else None


def test_every_room_has_its_storey():
    assert {room(module) for module in MODULES} - {None} == set(LEVEL)


@pytest.mark.parametrize("name", LEVEL)
def test_rooms_import_only_what_lies_below(name):
    wrong = []
    for module, path in MODULES.items():
        if room(module) != name:
            continue
        for line, other in imported(path):
            there = room(other)
            if there not in (None, name) and LEVEL[there] >= LEVEL[name]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles():
    """Between modules, by what is imported when they are."""
    edges = {m: {other for _, other in imported(path, at_import_only=True)} - {m} for m, path in MODULES.items()}
    done, active = set(), []

    def visit(module):
        assert module not in active, " -> ".join([*active[active.index(module) :], module])
        if module in done:
            return
        active.append(module)
        for other in edges[module]:
            if not module.startswith(f"{other}."):  # a package is there before its modules
                visit(other)
        active.pop()
        done.add(module)

    for module in edges:
        visit(module)


QUIET = ("arrays", "errors", "environment", "parallel", "shipped", "physics", "discrete", "case", "problem", "trust",
         "store", "analysis", "petsc_failures", "api", "cli")  # fmt: skip


def test_importing_starts_neither_mpi_nor_petsc():
    """Of all rooms but those whose business they are."""
    names = [m for m in MODULES if room(m) in (None, *QUIET)]
    loads = "\n".join(f"import {name}" for name in names)
    check = "import sys; print(sorted({'mpi4py.MPI', 'petsc4py.PETSc'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{loads}\n{check}"], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_importing_the_package_is_quick():
    """It brings in nothing but the standard library until something is asked for."""
    check = "import sys, gbbgky_petsc as gb; dir(gb); print(sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60)
    assert not {"numpy", "scipy", "h5py", "pydantic", "numba", "mpi4py", "petsc4py"} & set(
        ast.literal_eval(done.stdout)
    )
