"""What every table of the case file has in common."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

#: where files are looked for unless told otherwise: the current folder
HERE = Path()


def shortened(value: Any) -> str:
    """A value as it is written; a long column of numbers by its size, a long text by its beginning."""
    if isinstance(value, list) and len(value) > 8 and all(isinstance(one, int | float) for one in value):
        return f"{len(value)} numbers"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:60]}... ({len(text)} characters)"


class Section(BaseModel):
    """A table of the case file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def embedded(self, folder: Path) -> Self:
        """The same with the numbers of the files it names, relative to ``folder``, in place."""
        return self
