"""Commands as processes of their own: run to their end, or started and watched, on any number of ranks."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parent.parent / "runs"
CASE = RUNS / "fig2_phi6_quick.toml"
#: what makes that case one of seconds
SMALL = [
    "mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=10.0", "time={end=20.0}",
    "output.series_every=5.0", "output.snapshots_at=[10.0]",
]  # fmt: skip


def settings(*assignments: str) -> list[str]:
    """Assignments as arguments."""
    return [word for a in assignments for word in ("--set", a)]


def sets(*assignments: str) -> list[str]:
    """Arguments that make `CASE` small, and further ones."""
    return settings(*SMALL, *assignments)


def clean_environment() -> dict[str, str]:
    """This environment without what an MPI says to a process that it started."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMIX_", "ORTE_", "PRTE_"))}
    return kept | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def _on(ranks: int, command: list) -> list[str]:
    return [*(["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []), *map(str, command)]


def alone(command: list, ranks: int = 1, seconds: float = 100.0, **keywords: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, a child of this process but no rank of its MPI."""
    keywords = {"env": clean_environment()} | keywords
    return subprocess.run(_on(ranks, command), capture_output=True, text=True, timeout=seconds, **keywords)


def gbbgky(*arguments: object, ranks: int = 1) -> subprocess.CompletedProcess[str]:
    """Run a command of gbbgky to its end."""
    return alone([sys.executable, "-m", "gbbgky_petsc", *arguments], ranks)


@contextmanager
def started(
    *arguments: object,
    ranks: int = 1,
    before: str = "",
    variables: dict[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A command of gbbgky that runs, and is killed at the end; ``before`` is Python that each rank runs first."""
    words = [str(a) for a in arguments]
    script = f"import sys; from gbbgky_petsc.cli import main\n{before}\nmain({words!r})"
    running = subprocess.Popen(
        _on(ranks, [sys.executable, "-c", script]), env=clean_environment() | (variables or {}), cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
    )  # fmt: skip
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stderr is not None
        running.stderr.close()


def await_file(path: Path, running: subprocess.Popen[str], seconds: float = 60.0) -> bool:
    """Wait until a file is there, its process ends or so much time is over; whether it is there."""
    limit = time.monotonic() + seconds
    while not path.exists() and running.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    return path.exists()


def last_words(err: str) -> list[str]:
    """Lines in which gbbgky says how it ends: without its warnings, and what stands before them on a line."""
    lines = [line[line.index("gbbgky: ") :] for line in re.split(r"[\r\n]", err) if "gbbgky: " in line]
    return [line for line in lines if not line.startswith("gbbgky: warning: ")]
