"""What PETSc says when it fails, in one line that names option, value and cause. Imports no PETSc."""

import re
from collections.abc import Mapping

from gbbgky_petsc.errors import GbbgkyError, InputError, SolverError, one_line

#: meaning of the error codes that users meet (petscerror.h)
CODES = {
    55: "out of memory",
    56: "not possible for objects of this kind",
    58: "the wrong state of an object",
    62: "a wrong argument",
    63: "an argument out of range",
    65: "an unreadable file",
    71: "a zero pivot in a factorisation",
    72: "a number that is not finite",
    76: "an error in a library that PETSc calls",
    83: "a wrong type of argument, or no such file",
    86: "an unknown type, or a package that this PETSc is built without",
    91: "no convergence",
    92: "a missing factorisation: the matrix type or a package",
    101: "an error in Python",
}
#: what the names of PETSc's functions in a cause mean for a user of this code
HINTS = {
    "multTranspose": "it needs products with the transpose, which this Jacobian has not",
    "MatMultTranspose": "it needs products with the transpose, which this Jacobian has not",
    "MatGetDiagonal": "it needs the entries of a matrix; allowed with an assembled one",
    "RHSJacobian": "it needs a split of the equation that this code does not make",
    "RHSSplit": "it needs a split of the equation that this code does not make",
    "I2Function": "it is for equations of second order in time",
    "I2Jacobian": "it is for equations of second order in time",
}
#: what petsc4py says of an option without a value
_NO_VALUE = re.compile(r"\(prefix:.*, name:(\w+)\)")
_PLACE = re.compile(r"^\[\d+\] (\w+)\(\) at ")


def is_petsc_error(error: BaseException) -> bool:
    """Whether an exception is petsc4py's."""
    return any(f"{c.__module__}.{c.__name__}" == "petsc4py.PETSc.Error" for c in type(error).__mro__)


def unwrapped(error: BaseException) -> BaseException:
    """The exception of our own that a callback raised, which newer petsc4py keeps as the cause of its own."""
    cause: BaseException | None = error
    while cause is not None and is_petsc_error(cause):
        cause = cause.__cause__
    return error if cause is None else cause


def describe(error: BaseException, options: Mapping[str, str | None]) -> str:
    """One line of a PETSc error: the option whose name or value the cause repeats, the cause, a hint.

    Parameters
    ----------
    error
        A ``petsc4py.PETSc.Error``; its text is a stack of calls followed by the cause.
    options
        PETSc's options database, without dashes.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    places = [match[1] for line in lines if (match := _PLACE.match(line))]
    causes = [re.sub(r"^\[\d+\] ", "", line) for line in lines if line.startswith("[") and not _PLACE.match(line)]
    cause = ". ".join(text.partition(" Check for miss-spelling")[0].rstrip(".") for text in causes)
    code = getattr(error, "ierr", None)
    if not cause:
        cause = CODES.get(code, "no reason given") if isinstance(code, int) else "no reason given"
    parts = [f"PETSc: {cause}"]
    named = guilty_option(cause, options)
    if named:
        parts.insert(0, named)
    hint = next((text for word, text in HINTS.items() if word in cause or word in places), None)
    if hint:
        parts.append(hint)
    if places:
        parts.append(f"in {places[-1]} (error {code})")
    return one_line(": ".join(parts))[:400]


def guilty_option(cause: str, options: Mapping[str, str | None]) -> str | None:
    """'-option value' of the option that a cause is about, if it tells."""
    for name, value in options.items():
        if value and len(value) > 1 and re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", cause):
            return f"-{name} {value}"
    for name, value in options.items():
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", cause):
            return f"-{name} {value or ''}".rstrip()
    return None


def as_error(error: BaseException, options: Mapping[str, str | None]) -> GbbgkyError | None:
    """What the command line ends with for an exception out of PETSc; None if it is neither PETSc's nor ours."""
    inner = unwrapped(error)
    if isinstance(inner, GbbgkyError):
        return inner
    if isinstance(inner, KeyError) and (option := _NO_VALUE.fullmatch(str(inner.args[0]))):
        return InputError(f"-{option[1]}: has no value; allowed: -{option[1]} VALUE")
    return SolverError(describe(inner, options)) if is_petsc_error(inner) else None
