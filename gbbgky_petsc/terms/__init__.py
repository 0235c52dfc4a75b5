"""The terms of the equations, one per file: each states its equation and applies itself; importing makes them known."""

from gbbgky_petsc.terms.base import (
    BOUNDARIES,
    TERMS,
    NormalForm,
    OneBodyTerm,
    PairTerm,
    Term,
    register,
    register_boundary,
    total_symbol,
)
from gbbgky_petsc.terms.boundary import AbsorbingLayer, BoundaryTerm, Outflow
from gbbgky_petsc.terms.collective import Collective
from gbbgky_petsc.terms.contact import Contact
from gbbgky_petsc.terms.correlation_force import CorrelationForce
from gbbgky_petsc.terms.covariance_force import CovarianceForce
from gbbgky_petsc.terms.diffusion import Diffusion
from gbbgky_petsc.terms.forcing import Forcing
from gbbgky_petsc.terms.setting import Point, Setting, Waves
from gbbgky_petsc.terms.streaming import Streaming
from gbbgky_petsc.terms.triple_contact import TripleContact
from gbbgky_petsc.terms.triple_ends import TripleEnds
from gbbgky_petsc.terms.triple_forcing import TripleForcing
from gbbgky_petsc.terms.triple_streaming import TripleStreaming

__all__ = [
    "BOUNDARIES",
    "TERMS",
    "AbsorbingLayer",
    "BoundaryTerm",
    "Collective",
    "Contact",
    "CorrelationForce",
    "CovarianceForce",
    "Diffusion",
    "Forcing",
    "NormalForm",
    "OneBodyTerm",
    "Outflow",
    "PairTerm",
    "Point",
    "Setting",
    "Streaming",
    "Term",
    "TripleContact",
    "TripleEnds",
    "TripleForcing",
    "TripleStreaming",
    "Waves",
    "register",
    "register_boundary",
    "total_symbol",
]
