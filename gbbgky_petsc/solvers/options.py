"""PETSc's options: command line before case before preset, for each object by itself."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from petsc4py import PETSc

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.petsc_failures import describe, unwrapped

Value = str | int | float | bool


def text_of(value: Value) -> str:
    """A value as PETSc reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class ScopedOptions:
    """The options of one object.

    What PETSc's global database holds (command line, options files) comes first, then ``table``, then ``presets``.
    The latter two are in the database only inside `inserted`, so that no other object sees them.

    Parameters
    ----------
    prefix
        Of the object's options.
    presets
        Defaults by name without prefix.
    table
        A case's [petsc] table, by full names.
    """

    def __init__(self, prefix: str, presets: Mapping[str, str], table: Mapping[str, Value] | None = None) -> None:
        self.prefix = prefix
        given = {key.lstrip("-"): text_of(value) for key, value in (table or {}).items()}
        self._values = {prefix + key: value for key, value in presets.items()} | given
        self._database = PETSc.Options()

    def get(self, name: str) -> str | None:
        """The value that holds, None where nobody has set one."""
        full = self.prefix + name
        if self._database.hasName(full):
            return str(self._database.getString(full, ""))
        return self._values.get(full)

    def number(self, name: str) -> float | None:
        """The value as a number.

        Raises
        ------
        InputError
            If it is none.
        """
        text = self.get(name)
        try:
            return None if text is None else float(text)
        except ValueError as error:
            raise InputError(f"-{self.prefix}{name} {text}: not a number; allowed: a number") from error

    @contextmanager
    def inserted(self, **replaced: str) -> Iterator[None]:
        """All values are in the database; ``replaced`` by name without prefix, also over the command line.

        The database is afterwards as it was: PETSc renames deprecated options on reading them.
        """
        database = self._database
        before = dict(database.getAll())
        full = {self.prefix + name: value for name, value in replaced.items()}
        for key, value in (self._values | before | full).items():
            if before.get(key) != value:
                database[key] = value
        try:
            yield
        finally:
            now = dict(database.getAll())
            for key in set(now) - set(before):
                database.delValue(key)
            for key, value in before.items():
                if now.get(key) != value:
                    database[key] = value
                    database.getString(key, "")  # counts as used

    def resolved(self) -> dict[str, str]:
        """Every option that is set, by full name."""
        return self._values | dict(self._database.getAll())


@contextmanager
def option_errors() -> Iterator[None]:
    """Turn what PETSc says of bad options into an `InputError`; the cause is the last line of its call stack."""
    try:
        yield
    except PETSc.Error as error:
        raise InputError(f"PETSc options: {describe(unwrapped(error), PETSc.Options().getAll())}") from error


@contextmanager
def restored() -> Iterator[None]:
    """The database is afterwards as it was, for library users who run one case after another."""
    options = PETSc.Options()
    before = dict(options.getAll())
    try:
        yield
    finally:
        for key in set(options.getAll()) - set(before):
            options.delValue(key)
        for key, value in before.items():
            options[key] = value


def apply_table(table: Mapping[str, Value]) -> bool:
    """Put a case's [petsc] options in the database of this process, behind those of the command line.

    For commands, which run one case: PETSc can then name those that nobody read. Returns whether there is any option.
    """
    options = PETSc.Options()
    given = bool(options.getAll()) or bool(table)
    for key, value in table.items():
        if not options.hasName(key.lstrip("-")):
            options[key.lstrip("-")] = text_of(value)
    return given


def report_unused(given: bool) -> None:
    """Have PETSc name the options that nobody read when it finalises: it stays silent by default up to 3.18."""
    options = PETSc.Options()
    if given and not options.hasName("options_left"):
        options["options_left"] = "true"
