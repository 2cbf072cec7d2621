"""`python -m signalnode` is the command `signalnode`."""

import sys

from signalnode.cli import main

sys.exit(main())
