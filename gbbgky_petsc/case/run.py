"""[time] and [output]: how long, and what is written when."""

from typing import Literal

from pydantic import model_validator

from gbbgky_petsc.case.section import NonNegative, Positive, Section


class Time(Section):
    """Duration: exactly one of ``end`` and ``end_rescaled``."""

    end: Positive | None = None
    end_rescaled: Positive | None = None

    @model_validator(mode="after")
    def _one_end(self) -> "Time":
        if (self.end is None) == (self.end_rescaled is None):
            raise ValueError("give exactly one of: end, end_rescaled")
        return self


class Output(Section):
    """What is written when; times like t.

    ``fields`` are kept whole at each snapshot of `gbbgky run`, in files beside the result: ``pair`` g, ``triple`` g3.
    """

    series_every: Positive | None = None
    snapshots_at: list[NonNegative] = []
    fields: list[Literal["pair", "triple"]] = []
    flush_seconds: Positive = 30.0
    checkpoint_seconds: NonNegative = 300.0  #: between checkpoints, one more at the end; 0: none at all
