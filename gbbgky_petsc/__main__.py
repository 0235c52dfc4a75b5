"""python -m gbbgky_petsc"""

from gbbgky_petsc.cli import main

if __name__ == "__main__":
    main()
