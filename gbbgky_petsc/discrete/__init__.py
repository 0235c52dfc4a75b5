"""Discretisation: the phase-space mesh, stencils in z, Kronecker products."""
