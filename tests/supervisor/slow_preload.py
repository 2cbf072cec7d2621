"""A module that takes a minute to warm up, in a process of its own, as compiling may."""

from __future__ import annotations

import subprocess
import sys


def preload() -> None:
    print("preloading takes its time", flush=True)
    subprocess.run([sys.executable, "-S", "-c", "import time; time.sleep(60)"], check=True)
