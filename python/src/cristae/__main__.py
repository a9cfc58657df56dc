"""``python -m cristae``: the command line, also for ``torchrun -m cristae train ...``."""

import sys

from cristae.cli import main

if __name__ == "__main__":
    sys.exit(main())
