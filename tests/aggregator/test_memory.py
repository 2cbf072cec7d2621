"""What is reserved is there, and serves what it is for. In a process of its own: allocators do not forget."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode.aggregator.memory import CHUNK_BYTES, CONNECTION_BYTES

REPO = Path(__file__).parents[2]
CONNECTIONS = 400
CHILD = """
import ctypes, json, resource, sys, threading
from signalnode.aggregator.memory import BLOCK_BYTES, CHUNK_BYTES, arrange

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def own():
    rows = (line.split() for line in open("/proc/self/smaps_rollup"))
    return next(int(row[1]) for row in rows if row[0] == "Anonymous:") * 1024

def fill(count, size):
    for _ in range(count):
        ctypes.memset(libc.malloc(size), 1, size)

before = own()
arrange(int(sys.argv[1]))
reserved = own()
large = libc.malloc(2_000_000)
ctypes.memset(large, 1, 2_000_000)
libc.free(large)
after_large = own()
thread = threading.Thread(target=fill, args=(3 * int(sys.argv[1]), CHUNK_BYTES))
thread.start()
thread.join()
found = {"reserved": reserved - before, "large": after_large - reserved, "filled": own() - reserved}
print(json.dumps(found))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc is told how to keep memory")
def test_the_queues_of_every_connection_find_their_memory_there() -> None:
    command = [sys.executable, "-c", CHILD, str(CONNECTIONS)]
    grown = json.loads(subprocess.run(command, cwd=REPO, check=True, capture_output=True).stdout)
    queues = 3 * CONNECTIONS * CHUNK_BYTES
    assert grown["reserved"] >= 0.95 * CONNECTIONS * CONNECTION_BYTES
    assert abs(grown["large"]) < 500_000  # neither laid into the reserve for good, nor kept
    assert grown["filled"] < 0.05 * queues
