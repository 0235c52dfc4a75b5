"""Lifetimes of objects that own PETSc objects.

PETSc objects with Python contexts must be gone before the interpreter is: destroyed in PETSc's finalisation they call
into nothing. Owners are context managers; those that a script leaves open are closed at exit, in order of creation.
"""

import atexit
import gc
import sys
import weakref
from abc import ABC, abstractmethod
from itertools import count
from types import TracebackType
from typing import Self

_number = count()
_open: "weakref.WeakValueDictionary[int, Owner]" = weakref.WeakValueDictionary()


class Owner(ABC):
    """An object that owns PETSc objects: use it in ``with``, call `close`, or leave it until exit."""

    _closed = False
    _number: int

    def __new__(cls, *args: object, **keywords: object) -> Self:
        made = super().__new__(cls)
        made._number = next(_number)
        _open[made._number] = made
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the PETSc objects; a second call does nothing. Collective."""
        if not self._closed:
            self._closed = True
            _open.pop(self._number, None)
            self.release()

    @abstractmethod
    def release(self) -> None:
        """Destroy what is owned, also after a failed construction. Collective."""


@atexit.register
def _close_all() -> None:
    for _, owner in sorted(_open.items()):
        owner.close()
    petsc = sys.modules.get("petsc4py.PETSc")
    if petsc is not None and petsc.Sys.isInitialized() and not petsc.Sys.isFinalized():
        gc.collect()
        petsc.garbage_cleanup()
