"""PETSc solvers: options, the loop over time, preconditioners."""
