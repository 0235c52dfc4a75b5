"""Linear algebra that the terms share: stencils, Kronecker products, matrices, preconditioners."""
