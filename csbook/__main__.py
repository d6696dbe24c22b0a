"""``python -m csbook``: the same as the command ``csbook``."""

from __future__ import annotations

import sys

from csbook.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
