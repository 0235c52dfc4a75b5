"""From a file to a case and back."""

import copy
import json
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gbbgky_petsc.case.refusals import one_line
from gbbgky_petsc.case.section import shortened
from gbbgky_petsc.case.whole import Case
from gbbgky_petsc.errors import InputError


def load(path: Path, overrides: Iterable[str] = ()) -> Case:
    """Read a case file, apply ``--set key=value`` overrides and take in the tables that it names.

    Raises
    ------
    InputError
        For an unreadable file or table, an unknown key, a wrong type or a value out of range.
    """
    try:
        tree = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"case {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, a number of too many digits, nested too deep
        raise InputError(f"case {path}: not valid TOML ({str(error)[:200]})") from error
    for assignment in overrides:
        _override(tree, assignment)
    return parse(tree).embedded(path.parent)


def from_tables(tables: Mapping[str, Any], overrides: Iterable[str] = ()) -> Case:
    """A case from nested tables, otherwise like `load`; files that it names are relative to the current folder."""
    tree = copy.deepcopy(dict(tables))
    for assignment in overrides:
        _override(tree, assignment)
    return parse(tree).embedded(Path())


def parse(tree: dict[str, Any]) -> Case:
    """Validate a nested dictionary as a case; raises `InputError` in one line."""
    try:
        return Case.model_validate(tree)
    except ValidationError as error:
        raise InputError("; ".join(one_line(tree, item) for item in error.errors())) from error


def tree_of(resolved: str) -> dict[str, Any]:
    """The nested dictionary of a resolved case (JSON), as stored with results."""
    return json.loads(resolved)


def resolved(case: Case) -> str:
    """The case as JSON with every default filled in; with its tables if it came from `load`."""
    return case.model_dump_json(exclude_none=True)


def first_difference(case: Case, stored: Case, ignored: Collection[str]) -> str | None:
    """What keeps ``case`` from going on with a run of ``stored``: any key but those of ``ignored`` keys and tables."""
    one, other = (c.model_dump(mode="json") for c in (case, stored))
    for table in one:
        now, before = one[table] or {}, other[table] or {}
        for key in sorted({*now, *before}):
            free = {table, f"{table}.{key}"} & {*ignored, "mesh.name"}
            if not free and now.get(key) != before.get(key):
                ours, theirs = (shortened(values.get(key)) for values in (now, before))
                return f"{table}.{key} = {ours}: the run to resume has {theirs}"
    return None


def _override(tree: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise InputError(f"--set {assignment}: allowed: --set table.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text  # a bare word is a string
    *tables, last = key.strip().split(".")
    for name in tables:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise InputError(f"--set {assignment}: {name} is not a table")
    tree[last] = value
