"""What a child makes lies together: the holes in the pages that it shares are filled before it is forked."""

from __future__ import annotations

import ctypes
import json
import platform
import subprocess
import sys

import pytest

PAGE_BYTES = 4_096
MADE = 300
SMALL_BYTES, LARGE_BYTES = 80, 1_100  # of one: Python's allocator has the one, the C library the other
# Fills the process that it runs in for good, so in one of its own. Prints two numbers of pages for each kind:
# those in which MADE new ones lie, before the holes are filled and after.
PROGRAM = f"""
import ctypes, json
from signalnode_supervisor.inside.holes import fill_holes

def small():
    return bytes({SMALL_BYTES} - 33)

def large():
    return bytearray({LARGE_BYTES})

def place(made):
    return id(made) if type(made) is bytes else ctypes.addressof(ctypes.c_char.from_buffer(made))

def pages(make):
    made = [make() for _ in range({MADE})]
    return len({{place(each) // {PAGE_BYTES} for each in made}}), made

scenes = []
for make in (small, large):
    many = [make() for _ in range(40_000)]
    del many[::20]
    scenes.append(many)
before = [pages(make) for make in (small, large)]
count_before = [count for count, _ in before]
fill_holes()
print(json.dumps([count_before, [pages(make)[0] for make in (small, large)]]))
"""


@pytest.mark.skipif(
    platform.python_implementation() != "CPython" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="what is free is told by CPython's allocator and by glibc",
)
def test_what_is_made_after_the_holes_are_filled_lies_together() -> None:
    out = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    (small, large), (small_filled, large_filled) = json.loads(out.stdout)
    least_small, least_large = MADE * SMALL_BYTES / PAGE_BYTES, MADE * LARGE_BYTES / PAGE_BYTES
    assert small > 5 * least_small  # else there were no holes to be filled
    assert large > 2 * least_large
    assert small_filled <= least_small + 3
    assert large_filled <= 1.1 * least_large + 2
    assert out.stderr == ""
