"""``python -m tvmedge``."""

import sys

from tvmedge.cli import main

sys.exit(main())
