"""How a command ends: one line, one exit code, on all ranks within seconds. See docs/errors.md.

An error may have struck all ranks alike, or this one alone while the others wait for it in a collective call. Ranks
that fail meet at a barrier of their own: if all are there, rank 0 speaks for them; if some are missing after `PATIENCE`
seconds, one of those that failed speaks and aborts all.
"""

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from gbbgky_petsc import environment
from gbbgky_petsc.errors import GbbgkyError, one_line
from gbbgky_petsc.petsc_failures import as_error

#: seconds that a rank which failed waits for the others to fail as well
PATIENCE = 2.0
#: of an interrupt where there is nothing to save, as shells have it
INTERRUPTED = 130
UNKNOWN = 1
#: exit codes after which nothing is broken: PETSc and MPI may finish
CLEAN = (0, 2, 75)


class Ending:
    """Where a command's ranks meet when they fail. Collective, once MPI is started.

    Attributes
    ----------
    near
        File or folder beside which an unknown failure leaves its traceback.
    """

    def __init__(self) -> None:
        self._comm: Any = None
        self.near: Path = Path()

    def watch(self, comm: Any) -> None:
        """Meet on a communicator of its own from now on. Collective."""
        self._comm = comm.Dup()

    def end(self, error: BaseException) -> NoReturn:
        """Say what happened, once, and end this process and all others of the run."""
        known = error if isinstance(error, GbbgkyError) else as_error(error, _options())
        if known is not None:
            message, status = str(known), known.status
        elif isinstance(error, KeyboardInterrupt):
            message, status = " by ".join(["interrupted", *map(str, error.args)]), INTERRUPTED
        else:
            message, status = self._unknown(error), UNKNOWN
        rank, size = (self._comm.rank, self._comm.size) if self._comm is not None else (0, 1)
        if size > 1 and "SIGTERM" in error.args:
            time.sleep(PATIENCE + 1.0)  # if it is another rank, which has spoken, that aborts all, this is the end
        together = size == 1 or self._all_here(rank)
        if self._comm is None and status == 2:
            rank = environment.launched_rank()  # before MPI starts all ranks go wrong alike
        if rank == 0 or not together:
            where = "" if together else f"rank {rank}: "
            print(f"gbbgky: {where}{one_line(message)}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        if together and status in CLEAN:
            sys.exit(status)
        self._abort(size, status)

    def _all_here(self, rank: int) -> bool:
        """Whether all ranks have failed. The higher the rank, the longer it waits, so that one of them speaks first."""
        request = self._comm.Ibarrier()
        limit = time.monotonic() + PATIENCE + 0.1 * min(rank, 20)
        while not request.Test():
            if time.monotonic() > limit:
                return False
            time.sleep(0.01)
        return True

    def _abort(self, size: int, status: int) -> NoReturn:
        """End at once: finishing PETSc after a failure may crash or hang."""
        sys.stderr.flush()
        if size > 1:
            self._comm.Abort(status)
        os._exit(status)

    def _unknown(self, error: BaseException) -> str:
        """Leave the traceback in a file, and name it."""
        what = f"{type(error).__name__}: {str(error)[:200]}"
        text = "".join(traceback.format_exception(error))
        rank = self._comm.rank if self._comm is not None else 0
        name = f"gbbgky-failure-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-rank{rank}.txt"
        beside = self.near if os.path.isdir(self.near) else self.near.parent
        for folder in (beside, Path(), Path(tempfile.gettempdir())):
            try:
                (folder / name).write_text(text)
            except OSError:
                continue
            return f"unexpected failure ({what}); its traceback is in {folder / name}"
        sys.stderr.write(text)
        return f"unexpected failure ({what})"


def _options() -> dict[str, str]:
    """PETSc's options, where PETSc was started."""
    petsc = sys.modules.get("petsc4py.PETSc")
    return dict(petsc.Options().getAll()) if petsc is not None and petsc.Sys.isInitialized() else {}
