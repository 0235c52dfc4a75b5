"""Free classical particles: the limit in which gBBGKY becomes BBGKY."""

from gbbgky_petsc.physics.models.hard_rods import HardRods


class FreeParticles(HardRods):
    """Point particles of mass 1: A = theta, no diffusion, C = rho delta."""

    def __init__(self) -> None:
        super().__init__(length=0.0)
