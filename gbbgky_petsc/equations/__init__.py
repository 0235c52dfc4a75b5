"""The equations: sums of terms, with what PETSc asks of them."""
