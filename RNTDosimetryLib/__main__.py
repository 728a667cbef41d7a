"""``python -m RNTDosimetryLib``: see commandline.py."""

import sys

from RNTDosimetryLib.commandline import main

if __name__ == "__main__":
    sys.exit(main())
