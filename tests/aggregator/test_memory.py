"""What is laid is there, and serves what it is for. In a process of its own: allocators do not forget."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

from signalnode.aggregator.memory import CHUNK_BYTES

REPO = Path(__file__).parents[2]
CONNECTIONS = 400
CHILD = """
import ctypes, json, sys, threading
from signalnode.aggregator.memory import CHUNK_BYTES, Queues, arrange

libc, count = ctypes.CDLL(None), int(sys.argv[1])
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def own():
    rows = (line.split() for line in open("/proc/self/smaps_rollup"))
    return next(int(row[1]) for row in rows if row[0] == "Anonymous:") * 1024

def chunk():
    place = ctypes.c_void_p()
    assert libc.posix_memalign(ctypes.byref(place), ctypes.c_size_t(64), ctypes.c_size_t(CHUNK_BYTES)) == 0
    return place.value

def fill(chunks):
    for each in chunks:
        ctypes.memset(each, 1, CHUNK_BYTES)

def connect():
    queues.before_connecting()
    first.append(chunk())
    chunk()  # of the queue that goes out, and is not written on
    libc.malloc(18_000)  # nor are most of the buffers

arrange()
queues, first, found, was = Queues(), [], {}, own()
def grown(name):
    global was
    found[name], was = own() - was, own()

for _ in range(count):
    connect()
grown("connected")
fill(first)
grown("first")
queues.connected()
grown("laid")
large = libc.malloc(2_000_000)
ctypes.memset(large, 1, 2_000_000)
libc.free(large)
grown("large")
thread = threading.Thread(target=lambda: fill([chunk() for _ in range(count)]))
thread.start()
thread.join()
grown("second")
queues.connected()
grown("again")
print(json.dumps(found))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc is told how to keep memory")
def test_the_queues_of_every_connection_find_their_memory_there_and_nothing_else_takes_it() -> None:
    command = [sys.executable, "-c", CHILD, str(CONNECTIONS)]
    grown = json.loads(subprocess.run(command, cwd=REPO, check=True, capture_output=True).stdout)
    queues = CONNECTIONS * CHUNK_BYTES
    assert 0.95 * queues < grown["connected"] < 2.0 * queues  # with what else is made, and is not written on
    assert grown["first"] < 0.1 * queues
    assert 0.95 * queues < grown["laid"] < 1.1 * queues
    assert abs(grown["large"]) < 500_000  # neither laid into the chunks for good, nor kept
    assert grown["second"] < 0.05 * queues  # from whatever thread
    assert grown["again"] < 0.05 * queues
