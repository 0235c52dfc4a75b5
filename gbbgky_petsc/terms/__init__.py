"""The terms of the hierarchy, one per file: each states its equation and applies itself."""

from gbbgky_petsc.terms.base import PairField, Setting, Term
from gbbgky_petsc.terms.boundary import AbsorbingLayer, BoundaryTerm, Outflow
from gbbgky_petsc.terms.collective import Collective
from gbbgky_petsc.terms.contact import Contact
from gbbgky_petsc.terms.diffusion import Diffusion
from gbbgky_petsc.terms.forcing import Forcing
from gbbgky_petsc.terms.one_body import OneBody
from gbbgky_petsc.terms.streaming import Streaming

__all__ = [
    "AbsorbingLayer",
    "BoundaryTerm",
    "Collective",
    "Contact",
    "Diffusion",
    "Forcing",
    "OneBody",
    "Outflow",
    "PairField",
    "Setting",
    "Streaming",
    "Term",
]
