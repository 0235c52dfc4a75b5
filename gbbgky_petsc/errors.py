"""Errors that the command line ends with in one line; docs/errors.md lists their exit codes."""


class GbbgkyError(Exception):
    """Base of what a run can end with on purpose; ``status`` is the exit code of the command line."""

    status = 1


class InputError(GbbgkyError, ValueError):
    """Bad input: one line that names the key, the value and what is allowed.

    The command line prints it without a traceback and exits with status 2 on every rank.
    """

    status = 2


class SolverError(GbbgkyError, RuntimeError):
    """A solver did not converge; the message names the solver and PETSc's reason."""

    status = 3


class StateError(SolverError):
    """A run has left the states that its model has (a filling below 0 or above 1); the message tells when."""


class StorageError(GbbgkyError, RuntimeError):
    """What was computed could not be written or read back: a full disk, a broken file system."""

    status = 5


class Stopped(GbbgkyError):
    """A signal asked for the end; the state is saved and the message says how to go on.

    The status is that of sysexits.h for "try again later", which a batch script may test for.
    """

    status = 75


def one_line(text: str) -> str:
    """Text on one line with control characters, such as a terminal's escapes, spelt out."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Text with every control character spelt out, as in '\\x1b', so that a terminal shows it and does nothing else."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
