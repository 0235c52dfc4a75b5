"""Signals that ask a command to end: one that has nothing to save does so at once, a run saves between two steps."""

import signal
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

#: what schedulers and users send as a warning
WARNINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


def interruptible() -> None:
    """From now on the warning signals interrupt this process like Ctrl-C, wherever it is. Start PETSc before."""
    for number in WARNINGS:
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


class Signals:
    """Remembers the warning signals of this process while it is open (a context manager; main thread only).

    A signal only sets a flag, for `pending` to find between steps, but for Ctrl-C that follows Ctrl-C: that interrupts
    at once. The handlers from before are back afterwards. Start PETSc before: it has handlers of its own.
    """

    def __init__(self) -> None:
        self._received = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        self._before = {number: signal.signal(number, self._remember) for number in WARNINGS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self._received == number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number

    def pending(self, comm: "Intracomm") -> str | None:
        """Name of a signal that any rank has received, None if none has. Collective."""
        number = max(comm.allgather(self._received))
        return signal.Signals(number).name if number else None
