"""Generalised BBGKY hierarchy for near-integrable one-dimensional gases, on PETSc."""

__version__ = "0.1.0"
