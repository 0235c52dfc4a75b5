"""A case file is data: which PETSc options its [petsc] table may set without being trusted.

PETSc's options can import Python code, load libraries, start debuggers and write files anywhere. A case from elsewhere
may choose solvers and their numbers; for the rest the command line has to say --trust-case, or give the option itself.
"""

import re
from collections.abc import Mapping

from gbbgky_petsc.errors import InputError, one_line

#: options of solver objects, behind any prefixes; and harmless ones of PETSc itself
_KEYS = re.compile(r"(?:[a-z0-9]+_)*?(?:ts|snes|ksp|pc|mat|vec|dm|eps|st|is)_[a-z0-9_]+|log_view|options_left|help")
#: parts of names of options that name files, code or viewers
_RISKY = re.compile(
    r"view|monitor|file|path|dir|folder|save|load|dump|trajectory|python|matlab|vtk|draw|hdf5|socket|log|help|ooc|write"
    r"|print|name|binary|ascii|output|library|prefix"
)
#: what they may be set to: a switch
_SWITCH = {"", "true", "false", "0", "1", "yes", "no", "on", "off"}
#: a word, a list of words or numbers
_PLAIN = re.compile(r"[A-Za-z0-9_+-]*(?:,[A-Za-z0-9_+-]+)*")
_NUMBERS = re.compile(r"[-+.0-9eE]+(?:,[-+.0-9eE]+)*")


def check(table: Mapping[str, str | int | float | bool]) -> None:
    """Refuse a case's PETSc options that may name code or files.

    Raises
    ------
    InputError
    """
    for key, value in table.items():
        name, text = key.lstrip("-").lower(), str(value).lower() if isinstance(value, bool) else str(value)
        if not _allowed(name, text):
            raise InputError(
                f"petsc.{key} = {one_line(repr(value))[:120]}: may name code or a file; allowed in a case: options of "
                f"ts, snes, ksp, pc, mat with numbers or plain words; or -{name} on the command line, or --trust-case"
            )


def _allowed(name: str, text: str) -> bool:
    if not _KEYS.fullmatch(name):
        return False
    if name.endswith("pc_python_type"):
        return re.fullmatch(r"\w+", text) is not None  # a short name of ours; a dotted one would be imported
    if _RISKY.search(name):
        return text.lower() in _SWITCH
    return bool(_PLAIN.fullmatch(text) or _NUMBERS.fullmatch(text))
