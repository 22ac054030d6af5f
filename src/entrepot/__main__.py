"""Run the command line as ``python -m entrepot``."""

from __future__ import annotations

import sys

from entrepot.cli import main

sys.exit(main())
