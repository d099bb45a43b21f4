"""`python -m qkdflow.cli` is the command `qkdflow`."""

import sys

from qkdflow.cli import main

sys.exit(main())
