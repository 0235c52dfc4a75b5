"""State vectors on PETSc DMs and their layouts over ranks."""

from gbbgky_petsc.fields.layout import Fields, Wavenumbers, share

__all__ = ["Fields", "Wavenumbers", "share"]
