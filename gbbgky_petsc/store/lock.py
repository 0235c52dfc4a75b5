"""One writer an output: a lock beside it, held as long as the writer's process lives."""

import errno
import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

from gbbgky_petsc.errors import InputError

#: what a file system without locks answers
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class OutputLock:
    """Exclusive right to write an output, from construction to `release`; a context manager.

    OUTPUT.lock names host and process and carries a POSIX lock, which the kernel (or the file server) drops with the
    process: what a killed process leaves is taken over. Where the file system has no locks, the lock of a process of
    this host that is gone is taken over; that of another host has to be deleted by hand.

    Raises
    ------
    InputError
        If another process holds it, or it cannot be made.
    """

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + ".lock")
        self._descriptor: int | None = None
        try:
            while self._descriptor is None:
                self._descriptor = self._open(output)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{socket.gethostname()} {os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            raise InputError(f"output {output}: cannot be locked by {self.path} ({error.strerror})") from error

    def _open(self, output: Path) -> int | None:
        """Descriptor of the locked file; None if its last owner removed it meanwhile."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = False
        except OSError as error:
            taken = error.errno not in _NO_LOCKS or not self._stale(descriptor)
            if error.errno not in _NO_LOCKS | {errno.EAGAIN, errno.EACCES}:
                os.close(descriptor)
                raise
        if taken:
            host, process = self._owner(descriptor)
            os.close(descriptor)
            raise InputError(
                f"output {output}: is being written by process {process} on {host}; allowed: another output, or to "
                f"wait (or, if that process is gone, to delete {self.path})"
            )
        try:
            same = os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            same = False
        if same:
            return descriptor
        os.close(descriptor)
        return None

    @staticmethod
    def _owner(descriptor: int) -> tuple[str, str]:
        host, _, process = os.pread(descriptor, 300, 0).decode(errors="replace").strip().partition(" ")
        return host or "an unknown host", process or "?"

    def _stale(self, descriptor: int) -> bool:
        """Whether the named owner is gone for certain."""
        host, process = self._owner(descriptor)
        if not process.isdigit():
            return host == "an unknown host"  # just made by this process
        if host != socket.gethostname():
            return False
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return int(process) == os.getpid()

    def release(self) -> None:
        """Let others write; harmless if repeated."""
        if self._descriptor is not None:
            with suppress(OSError):
                self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "OutputLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
