"""What is wanted, read in a thread of its own: whoever reads may take seconds, and the loop does not wait.

The config is read by code that is not ours. It may import, wait for a disk, or have a process check it all;
meanwhile a child may fall and has to be back in milliseconds. Four rules keep the thread harmless:

- Requests that change something go through here one after the other, in the order they came. One that needs
  no reading waits for those before it: a `stop` sent after a `reload` is never overtaken by it.
- The thread shares nothing with the loop but one answer, which is there before it writes to an eventfd; the
  loop polls that, joins the thread, and only then looks.
- Linux knows children by the thread that started them. What the reading starts is none of the loop's to wait
  for, and is found at the end, when a thread cannot be ended but what it waits for can.
- A disk that is gone (a network mount, say) may hold the thread for ever. After READ_TIMEOUT_NS whoever asked
  is told, with the path that the thread has in hand; what needs no reading goes on, and what does is refused
  until the thread is through.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from signalnode_supervisor.clock import monotonic_ns
from signalnode_supervisor.core.messages import Asked
from signalnode_supervisor.durations import NS_PER_S
from signalnode_supervisor.errors import SpecError
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.linux.procfs import children_of_thread, send_signal
from signalnode_supervisor.spec import ChildSpec

READING = frozenset({"start", "restart", "reload"})
READ_TIMEOUT_NS = 30 * NS_PER_S  # of one reading, which may have a process check what it read
CLOSE_TRIES_MAX = 200  # looks, CLOSE_TRY_S apart, for the end of a reading that nobody wants any more
CLOSE_TRY_S = 0.01

Read = Callable[[tuple[str, ...]], tuple[ChildSpec, ...]]


class SpecReader:
    """`take` an `Asked`; `on_read` gets it in the loop's thread, with `specs` or a `fault`."""

    def __init__(self, poller: Poller, read: Read, on_read: Callable[[Asked], None]) -> None:
        self._poller = poller
        self._read = read
        self._on_read = on_read
        self._waiting: deque[Asked] = deque()  # the first is being read, unless the reading is stuck
        self._stuck = False
        self._thread: threading.Thread | None = None
        self._deadline_ns: int | None = None
        self._answer: Asked | None = None
        self._done = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        poller.watch(self._done, self._finished)

    def take(self, asked: Asked) -> None:
        """One that is said again (a signal) before its reading began is the same one."""
        if asked in tuple(self._waiting)[1:]:
            return
        self._waiting.append(asked)
        self._go_on()

    def next_deadline_ns(self) -> int | None:
        """When a reading that is under way has taken too long (monotonic)."""
        return self._deadline_ns

    def tick(self, now_ns: int) -> None:
        """Give up the reading that has taken too long; the thread is left to itself."""
        if self._deadline_ns is None or now_ns < self._deadline_ns:
            return
        self._deadline_ns, self._stuck = None, True
        self._on_read(replace(self._waiting.popleft(), fault=f"{self._hold()}; is its disk gone?"))
        self._go_on()

    def _hold(self) -> str:
        """What holds the reading up: the path in the innermost frame of its thread that has one."""
        what = "the config"
        frame = sys._current_frames().get((self._thread and self._thread.ident) or 0)
        while frame is not None:
            paths = [value for value in frame.f_locals.values() if isinstance(value, Path)]
            frame, what = (None, str(paths[0])) if paths else (frame.f_back, what)
        return f"{what} has not been read within {READ_TIMEOUT_NS / NS_PER_S:g} s"

    def close(self) -> None:
        """End a reading that is under way, with what it has started."""
        self._waiting.clear()
        for _ in range(CLOSE_TRIES_MAX):
            if self._thread is None or not self._thread.is_alive():
                break
            with contextlib.suppress(OSError):  # it has just ended, or this kernel does not tell
                for pid in children_of_thread(self._thread.native_id):
                    send_signal(pid, signal.SIGKILL)
            self._thread.join(CLOSE_TRY_S)
        else:
            return  # its last act is to write to this file
        self._poller.unwatch(self._done)
        os.close(self._done)

    def _go_on(self) -> None:
        while self._waiting and (self._thread is None or self._stuck):
            asked = self._waiting[0]
            if asked.verb not in READING:
                self._on_read(self._waiting.popleft())
                continue
            if self._stuck:
                self._on_read(replace(self._waiting.popleft(), fault=f"{self._hold()}, and still is not"))
                continue
            self._deadline_ns = monotonic_ns() + READ_TIMEOUT_NS
            self._thread = threading.Thread(target=self._work, args=(asked,), name="reader", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # no room for a thread: as a config that cannot be read
                self._thread = self._deadline_ns = None
                self._on_read(replace(self._waiting.popleft(), fault=str(error)))

    def _work(self, asked: Asked) -> None:
        try:
            names = () if asked.verb == "reload" else asked.names
            self._answer = replace(asked, specs=self._read(names))
        except Exception as error:  # whatever the config reader raises, its message is for the operator
            self._answer = replace(asked, fault=str(error) or type(error).__name__)
        finally:
            os.eventfd_write(self._done, 1)

    def _finished(self) -> None:
        os.eventfd_read(self._done)
        assert self._thread is not None
        self._thread.join()
        self._thread = self._deadline_ns = None
        answer, self._answer = self._answer, None
        if self._stuck:
            self._stuck = False  # who asked has been told long ago
        else:
            asked = self._waiting.popleft()
            self._on_read(answer or replace(asked, fault="the config could not be read"))
        self._go_on()


def checked(specs: Iterable[ChildSpec]) -> tuple[ChildSpec, ...]:
    """The specs as a tuple. Raises SpecError when two carry one name."""
    found = tuple(specs)
    names = [spec.name for spec in found]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise SpecError(f"two children are called {', '.join(twice)}; give each a name of its own")
    return found
