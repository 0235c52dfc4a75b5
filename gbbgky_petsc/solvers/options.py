"""PETSc's options database: command line before case before preset."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from petsc4py import PETSc

from gbbgky_petsc.errors import InputError


def preset(options: PETSc.Options, key: str, value: str) -> None:
    """Set an option that neither the command line nor the case file has set."""
    if not options.hasName(key):
        options[key] = value


@contextmanager
def option_errors() -> Iterator[None]:
    """Turn what PETSc says of bad options into an `InputError`; the cause is the last line of its call stack."""
    try:
        yield
    except PETSc.Error as error:
        cause = str(error.__cause__ or error).splitlines()[-1]
        raise InputError(f"PETSc options: {cause.partition('] ')[2] or cause}") from error


def apply_table(table: Mapping[str, str | int | float | bool]) -> bool:
    """Put the case's [petsc] options in the database, behind those of the command line; whether there is any option."""
    options = PETSc.Options()
    given = bool(options.getAll()) or bool(table)
    for key, value in table.items():
        preset(options, key.lstrip("-"), str(value).lower() if isinstance(value, bool) else str(value))
    return given


def report_unused(given: bool) -> None:
    """Have PETSc name the options that nobody read when it finalises: it stays silent by default up to 3.18."""
    options = PETSc.Options()
    if given and not options.hasName("options_left"):
        options["options_left"] = "true"
