"""The studies of a validation: which parts each needs, what it compares, what it draws."""

from gbbgky_petsc.validation.studies import blocking, fig2, limits, scaling, size, thermal

STUDIES = (fig2.STUDY, size.STUDY, scaling.STUDY, blocking.STUDY, thermal.STUDY, limits.STUDY)
