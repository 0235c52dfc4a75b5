"""What one rank finds out, all ranks raise: agreement on errors. Starts no MPI."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from gbbgky_petsc.errors import GbbgkyError

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

T = TypeVar("T")


def together(comm: "Intracomm", action: Callable[[], T]) -> T:
    """Do something on every rank. Collective.

    Raises
    ------
    GbbgkyError
        On all ranks, if it is raised on any: that of the lowest rank, which the message names if others have none.
    """
    error: GbbgkyError | None = None
    value: T | None = None
    try:
        value = action()
    except GbbgkyError as found:
        error = found
    errors = comm.allgather(error)
    failed = [rank for rank, found in enumerate(errors) if found is not None]
    if failed:
        first = errors[failed[0]]
        assert first is not None
        raise first if len(failed) == comm.size else type(first)(f"rank {failed[0]}: {first}")
    return value  # type: ignore


def on_root(comm: "Intracomm", action: Callable[[], T]) -> T:
    """Do something on rank 0 and hand its result to all. Collective.

    Raises
    ------
    GbbgkyError
        On all ranks, if rank 0 raises it.
    """
    found: tuple[T | None, GbbgkyError | None] = (None, None)
    if comm.rank == 0:
        try:
            found = (action(), None)
        except GbbgkyError as error:
            found = (None, error)
    value, failure = comm.bcast(found)
    if failure is not None:
        raise failure
    return value
