"""The physics, in plain numpy: potentials, integrable models, states and observables."""
