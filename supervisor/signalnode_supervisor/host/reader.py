"""What is wanted, read in a thread of its own: whoever reads may take seconds, and the loop does not wait.

The config is read by code that is not ours. It may import, wait for a disk, or have a process check it all;
meanwhile a child may fall and has to be back in milliseconds. Three rules keep the thread harmless:

- Requests that change something go through here one after the other, in the order they came. One that needs
  no reading waits for those before it: a `stop` sent after a `reload` is never overtaken by it.
- The thread shares nothing with the loop but one answer, which is there before it writes to an eventfd; the
  loop polls that, joins the thread, and only then looks.
- Linux knows children by the thread that started them. What the reading starts is none of the loop's to wait
  for, and is found at the end, when a thread cannot be ended but what it waits for can.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from signalnode_supervisor.core.messages import Asked
from signalnode_supervisor.host.poller import Poller
from signalnode_supervisor.linux.procfs import children_of_thread, send_signal
from signalnode_supervisor.spec import ChildSpec

READING = frozenset({"start", "restart", "reload"})
CLOSE_TRIES_MAX = 200  # looks, CLOSE_TRY_S apart, for the end of a reading that nobody wants any more
CLOSE_TRY_S = 0.01

Read = Callable[[tuple[str, ...]], tuple[ChildSpec, ...]]


class SpecReader:
    """`take` an `Asked`; `on_read` gets it in the loop's thread, with `specs` or a `fault`."""

    def __init__(self, poller: Poller, read: Read, on_read: Callable[[Asked], None]) -> None:
        self._poller = poller
        self._read = read
        self._on_read = on_read
        self._waiting: deque[Asked] = deque()  # the first is being read
        self._thread: threading.Thread | None = None
        self._answer: Asked | None = None
        self._done = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        poller.watch(self._done, self._finished)

    def take(self, asked: Asked) -> None:
        """One that is said again (a signal) before its reading began is the same one."""
        if asked in tuple(self._waiting)[1:]:
            return
        self._waiting.append(asked)
        self._go_on()

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
        while self._waiting and self._thread is None:
            asked = self._waiting[0]
            if asked.verb not in READING:
                self._on_read(self._waiting.popleft())
                continue
            self._thread = threading.Thread(target=self._work, args=(asked,), name="reader", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # no room for a thread: as a config that cannot be read
                self._thread = None
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
        self._thread = None
        asked, answer = self._waiting.popleft(), self._answer
        self._answer = None
        self._on_read(answer or replace(asked, fault="the config could not be read"))
        self._go_on()
