"""`gbbgky doctor`: what this installation and this machine can do, seen from all ranks."""

import json
import os
import platform
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gbbgky_petsc import environment
from gbbgky_petsc.errors import GbbgkyError, InputError, SolverError, printable
from gbbgky_petsc.limits import memory_of_node
from gbbgky_petsc.parallel import on_root, together

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

#: bytes that the measurement of a folder's speed writes
WRITTEN = 2**25
#: what a self-test may take, seconds
PATIENCE = 10.0


def doctor(folder: Path, as_json: bool) -> None:
    """Print what was found, on rank 0; the self-test is last. Collective.

    Raises
    ------
    InputError
        If the processes do not see each other.
    SolverError
        If the self-test fails.
    """
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    found: dict[str, Mapping[str, Any]] = {
        "machine": _machine(world),
        "mpi": _mpi(world),
        "petsc": _petsc(),
        "hdf5": _hdf5(),
        "linear algebra": _linear_algebra(),
        "output": _output(world, folder),
    }
    trouble: GbbgkyError | None = None
    try:
        environment.check_launcher(world.size)
        found["self-test"] = self_test(world)
    except GbbgkyError as error:
        trouble = error
        found["self-test"] = {"failed": str(error)}
    if world.rank == environment.launched_rank() == 0:
        _print(found, as_json)
    if trouble is not None:
        raise trouble


def _print(found: Mapping[str, Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for part, entries in found.items():
        for name, value in entries.items():
            print(printable(f"{part:15} {name:22} {value}"))


def _machine(world: "Intracomm") -> dict[str, Any]:
    nodes = world.allgather(socket.gethostname())
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "nodes": len(set(nodes)),
        "cores seen": len(os.sched_getaffinity(0)),
        "memory": f"{pages * size / 2**30:.1f} GiB",
        "memory available": f"{memory_of_node() / 2**30:.1f} GiB",
    }


def _mpi(world: "Intracomm") -> dict[str, Any]:
    import mpi4py
    from mpi4py import MPI

    count, launcher = environment.launched()
    return {
        "library": MPI.Get_library_version().splitlines()[0].strip("\0 ").partition(", package")[0],
        "mpi4py": mpi4py.__version__,
        "ranks": world.size,
        "started by": f"{launcher}, {count} process(es)",
    }


def _petsc() -> dict[str, Any]:
    import numpy as np
    import petsc4py
    from petsc4py import PETSc

    def has(package: str) -> bool:
        return bool(PETSc.Sys.hasExternalPackage(package))

    return {
        "version": ".".join(map(str, PETSc.Sys.getVersion())),
        "petsc4py": petsc4py.__version__,
        "scalars": np.dtype(PETSc.ScalarType).name,
        "indices": np.dtype(PETSc.IntType).name,
        "packages": ", ".join(p for p in ("mumps", "superlu_dist", "hypre", "suitesparse", "hdf5") if has(p)) or "none",
    }


def _hdf5() -> dict[str, Any]:
    import h5py

    return {"h5py": h5py.__version__, "version": h5py.version.hdf5_version, "with MPI": bool(h5py.get_config().mpi)}


def _linear_algebra() -> dict[str, Any]:
    import numpy as np

    n = 600
    a = np.random.default_rng(0).standard_normal((n, n))
    a @ a  # the first product loads the kernels
    start = time.perf_counter()
    for _ in range(5):
        a @ a
    seconds = time.perf_counter() - start
    return {
        "numpy": np.__version__,
        "kernels": os.environ.get("OPENBLAS_CORETYPE", "chosen by the library"),
        "threads a rank": os.environ.get("OMP_NUM_THREADS", "?"),
        "speed of products": f"{5 * 2 * n**3 / seconds / 1e9:.0f} GFlop/s",
    }


def _output(world: "Intracomm", folder: Path) -> dict[str, Any]:
    """Room and speed of a folder, by what checkpoints do: all ranks write one file, and read it back."""
    import numpy as np

    from gbbgky_petsc.store import blocks
    from gbbgky_petsc.store.blocks import DistributedArray
    from gbbgky_petsc.store.lock import OutputLock

    def room() -> tuple[float, bool]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = os.statvfs(folder)
        except OSError as error:
            raise InputError(f"output {folder}: {error.strerror}") from error
        with OutputLock(folder / f"gbbgky-doctor-{os.getpid()}"):
            return found.f_bavail * found.f_frsize / 2**30, True

    free, _ = on_root(world, room)
    total = WRITTEN // 8
    start, end = (total * r // world.size for r in (world.rank, world.rank + 1))
    block = DistributedArray(world, np.full(end - start, 1.0), start, total)
    path = folder / f"gbbgky-doctor-{world.bcast(os.getpid())}.checkpoint"
    began = time.perf_counter()
    checksum = blocks.write(path, block)
    seconds = time.perf_counter() - began
    blocks.read(path, block, checksum)
    if world.rank == 0:
        path.unlink()
    return {
        "folder": str(folder.resolve()),
        "room": f"{free:.1f} GiB",
        "checkpoints": f"{WRITTEN / seconds / 2**20:.0f} MiB/s, written, read back and compared",
    }


def self_test(world: "Intracomm") -> dict[str, Any]:
    """A short run of the hierarchy on all ranks: it must keep number, momentum and energy. Collective.

    Raises
    ------
    SolverError
        If it does not.
    """
    from petsc4py import PETSc

    from gbbgky_petsc import case as case_file
    from gbbgky_petsc import problem, shipped
    from gbbgky_petsc.equations.hierarchy import Hierarchy
    from gbbgky_petsc.equations.measurement import Measurement
    from gbbgky_petsc.solvers.integrator import Integrator, Progress

    path = shipped.cases()["fig2_phi6_quick"]
    small = ("mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=5.0", "time={end=20.0}")
    case = case_file.load(path, [*small, "output.snapshots_at=[]"])
    built = together(world, lambda: problem.build(case, path.parent))
    seen: list[Measurement] = []
    began = time.perf_counter()
    h = built.case.hierarchy
    hierarchy = Hierarchy(built.mesh, built.model, built.potential, h.order, h.closure, (), PETSc.COMM_WORLD)

    def watch(progress: Progress) -> None:
        seen.append(progress.measurement)

    with Integrator(hierarchy, hierarchy.initial_vector(built.rho)) as integrator:
        integrator.run(built.end, (), watch)
        steps = integrator.ts.getStepNumber()
    seconds = time.perf_counter() - began
    slow = f" (more than {PATIENCE:g}: a busy or a slow machine)" if seconds > PATIENCE else ""
    drift = abs(seen[-1].total_energy / seen[0].total_energy - 1.0)
    if drift > 1e-12 or not seen[-1].kurtosis > seen[0].kurtosis:
        raise SolverError(f"self-test: energy drifts by {drift:.1e}, kurtosis {seen[-1].kurtosis:.4f}")
    return {
        "steps": steps,
        "energy drift": f"{drift:.0e}",
        "kurtosis": f"{seen[0].kurtosis:.4f} -> {seen[-1].kurtosis:.4f}",
        "seconds": f"{seconds:.1f}{slow}",
    }
