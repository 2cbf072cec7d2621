"""A module that takes a minute to warm up, as compiling does."""

from __future__ import annotations

import time


def preload() -> None:
    print("preloading takes its time", flush=True)
    time.sleep(60)
