"""Errors that are the user's to mend."""


class InputError(ValueError):
    """Bad input: one line that names the key, the value and what is allowed.

    The command line prints it without a traceback and exits with status 2 on every rank.
    """


class SolverError(RuntimeError):
    """A solver did not converge; the message names the solver and PETSc's reason."""


class StateError(SolverError):
    """A run has left the states that its model has (a filling below 0 or above 1); the message tells when."""
