"""Models that users bring: a class derived from `IntegrableModel` in a Python file or an installed module.

**The file is code that is executed** when a case that names it is run, with all rights of the user who runs it: read a
case's file as you would read a script. Reading a result does not execute it.
"""

import hashlib
import importlib
import importlib.util
import inspect
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.statistics import BY_NAME, Statistics


def split_source(source: str) -> tuple[str, str]:
    """Where the class is, and its name, which may be empty for a file."""
    where, _, name = source.partition(":")
    return where, name


def digest(source: str, folder: Path) -> str | None:
    """SHA-256 of the file; None for an installed module.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    where, _ = split_source(source)
    if not where.endswith(".py"):
        return None
    try:
        return hashlib.sha256((folder / where).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"model.source = {source}: {error.strerror} ({folder / where})") from error


def load(source: str, folder: Path, parameters: Mapping[str, Any]) -> IntegrableModel:
    """Execute the file or import the module, make the model and check it.

    Raises
    ------
    InputError
        If the source cannot be executed, holds no model, or the model fails `check`.
    """
    try:
        model = _class(_module(source, folder), source)(**parameters)
        reason = check(model)
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever foreign code may raise
        raise InputError(f"model.source = {source}: {type(error).__name__}: {error}") from error
    if reason is not None:
        raise InputError(f"model.source = {source}: {reason}")
    return model


def _module(source: str, folder: Path) -> ModuleType:
    where, name = split_source(source)
    if not where.endswith(".py"):
        if not name:
            raise InputError(f"model.source = {source}: allowed: FILE.py, FILE.py:CLASS or MODULE:CLASS")
        return importlib.import_module(where)
    path = folder / where
    if not os.path.isfile(path):
        raise InputError(f"model.source = {source}: no such file ({path})")
    spec = importlib.util.spec_from_file_location(f"gbbgky_custom_{digest(source, folder)}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def _class(module: ModuleType, source: str) -> type[IntegrableModel]:
    """The named class, or the only model that the file defines."""
    _, name = split_source(source)
    own = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, IntegrableModel) and value.__module__ == module.__name__
    }
    if name:
        found = getattr(module, name, None)
        if inspect.isclass(found) and issubclass(found, IntegrableModel):
            return found
    elif len(own) == 1:
        return next(iter(own.values()))
    raise InputError(
        f"model.source = {source}: {'no such model' if name else f'{len(own)} models'} in it; "
        f"allowed: a class derived from IntegrableModel ({', '.join(own) or 'it defines none'})"
    )


def check(model: IntegrableModel) -> str | None:
    """What is wrong with a model that foreign code made, None if nothing is.

    T, e and e' must act on each number of an array and give finite ones, T an even function; e must be theta^2/2 mass,
    since the force terms assume a Galilean gas; statistics, mass and largest density must be such.
    """
    if not isinstance(model.statistics, Statistics):
        names = ", ".join(type(s).__name__ for s in BY_NAME.values())
        return f"statistics = {model.statistics!r}; allowed: {names} of gbbgky_petsc.physics.statistics"
    for name, number in (("mass", model.mass), ("density_bound", model.density_bound())):
        if not (isinstance(number, float | int) and number > 0.0 and (name == "density_bound" or number < np.inf)):
            return f"{name} = {number!r}; allowed: positive"
    positive = np.concatenate([np.linspace(0.0, 5.0, 101), np.geomspace(5.1, 100.0, 99)])
    theta = np.concatenate([positive, -positive])
    values = {}
    for name, function in (("T", model.scattering_kernel), ("e", model.energy), ("e'", model.energy_derivative)):
        found = _evaluate(function, theta)
        if isinstance(found, str):
            return f"{name}{found}"
        values[name] = found
    right, left = values["T"].reshape(2, -1)
    odd = np.abs(right - left)
    if odd.max() > 1e-12 * np.abs(right).max():
        i = int(odd.argmax())
        return f"T({positive[i]:.4g}) = {right[i]:.6g} but T({-positive[i]:.4g}) = {left[i]:.6g}; allowed: an even T"
    for name, exact in (("e", theta**2 / (2.0 * model.mass)), ("e'", theta / model.mass)):
        if not np.allclose(values[name], exact, rtol=1e-12, atol=0.0):
            return f"{name} is not that of a Galilean gas; allowed: theta^2/2 mass and theta/mass, to which V couples"
    return None


def _evaluate(function: Callable[[Array], Array], theta: Array) -> Array | str:
    """Values (M,) of a function of each number, or what is wrong with it: M is a square."""
    side = math.isqrt(theta.size)
    found = []
    for shape in ((theta.size,), (side, side)):
        try:
            with np.errstate(all="ignore"):
                values = function(theta.reshape(shape).copy())
        except (Exception, SystemExit) as error:
            return f": {type(error).__name__}: {error}"
        if not isinstance(values, np.ndarray) or values.shape != shape or values.dtype.kind != "f":
            given = getattr(values, "shape", type(values).__name__)
            return f" of an array of shape {shape} gives {given}; allowed: real numbers of the same shape"
        if not np.all(np.isfinite(values)):
            return f" is not finite at {theta.reshape(shape)[~np.isfinite(values)][0]:.4g}; allowed: finite"
        found.append(values.ravel())
    if not np.allclose(found[0], found[1], rtol=1e-12, atol=0.0):
        return " of a number depends on the others of its array; allowed: a function of each"
    return found[0]
