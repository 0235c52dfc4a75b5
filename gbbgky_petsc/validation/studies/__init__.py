"""The studies of a validation: which parts each needs, what it compares, what it draws."""

from gbbgky_petsc.validation.studies import (
    blocking,
    fig2,
    flow,
    four_fields,
    limits,
    scaling,
    size,
    thermal,
    traps,
    validity,
)

STUDIES = (
    fig2.STUDY,
    size.STUDY,
    scaling.STUDY,
    blocking.STUDY,
    validity.STUDY,
    thermal.STUDY,
    flow.STUDY,
    traps.STUDY,
    limits.STUDY,
    four_fields.STUDY,
)
