"""The loop of a panel: messages and events in, a drawing out. Meaning is in `view`, looks in `terminal`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from rich.console import Console, Group
from rich.live import Live

from signalnode import clock
from signalnode.bus.subscriber import Subscription, subscribe
from signalnode.bus.wire import KINDS
from signalnode.panels.arrange import Arrangement
from signalnode.panels.keyboard import Keyboard, keyboard
from signalnode.panels.keys import Controls
from signalnode.panels.terminal import plain_lines, screen, ways
from signalnode.panels.view import PanelView

FRAME_S = 0.25  # between two drawings on a terminal
KEYS_S = 0.05  # between two looks at the keyboard
PLAIN_S = 2.0  # between two lines of one market elsewhere
EVENT_BYTES_MAX = 65_536  # of events read between two drawings


Notes = Callable[[], Mapping[str, str]]  # where each market's events come from, by the config as it is now


class EventPipe:
    """Lines of JSON on a pipe from the running node; `over` when it closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.over = False
        os.set_blocking(descriptor, False)

    def new(self) -> Iterator[Mapping[str, object]]:
        """The events that came since the last call."""
        try:
            data = os.read(self._descriptor, EVENT_BYTES_MAX)
        except BlockingIOError:
            return
        self.over = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # cut at the pipe's limit
            if isinstance(event, dict):
                yield event


def watch(
    endpoint: str,
    notes: Notes,
    events: EventPipe | None,
    keys: Path | None = None,
    *,
    config_option: str = "",
    page: str = "",
) -> int:
    """Show the panel until SIGTERM, Ctrl-C or the end of the events; returns 0. `notes` is asked again after
    a reload; `config_option` is what a command needs to find the same node, `page` where its web page is.
    """
    panel = PanelView(endpoint, started_ns=clock.monotonic_ns(), busy="starting" if events else "")
    panel.config_option, panel.page = config_option, page
    panel.expect(notes())
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # beside `run` we draw from a background process group
    show = _on_terminal if sys.stdout.isatty() else _on_pipe
    with (
        contextlib.suppress(KeyboardInterrupt),
        subscribe(endpoint=endpoint, kinds=KINDS, max_age_s=None, newest=True, keys=keys) as heard,
    ):
        show(panel, heard, events, notes)
    return 0


def _on_terminal(panel: PanelView, heard: Subscription, events: EventPipe | None, notes: Notes) -> None:
    console = Console()
    with contextlib.nullcontext() if events else keyboard() as keys:
        controls, arrangement = Controls(has_keys=keys is not None), Arrangement()

        def draw() -> Group:
            now_ns, width, height = clock.monotonic_ns(), console.width, console.height
            return screen(panel, now_ns, width, height, controls=controls, arrangement=arrangement)

        with Live(draw(), console=console, auto_refresh=False) as live:
            follower = Follower(panel, heard, events, notes, controls=controls, keys=keys)
            follower.follow(FRAME_S, lambda: live.update(draw(), refresh=True))


def _on_pipe(panel: PanelView, heard: Subscription, events: EventPipe | None, notes: Notes) -> None:
    print(_time(), ways(panel), flush=True)

    def draw() -> None:
        for line in plain_lines(panel, clock.monotonic_ns(), _time()):
            print(line)
        sys.stdout.flush()

    Follower(panel, heard, events, notes).follow(PLAIN_S, draw)


class Follower:
    """What a panel listens to: messages, events of the node beside it, keys."""

    def __init__(
        self,
        panel: PanelView,
        heard: Subscription,
        events: EventPipe | None,
        notes: Notes,
        *,
        controls: Controls | None = None,
        keys: Keyboard | None = None,
    ) -> None:
        self._panel, self._heard, self._events, self._notes = panel, heard, events, notes
        self._controls, self._keys = controls or Controls(), keys

    def follow(self, period_s: float, draw: Callable[[], None]) -> None:
        """Draw each `period_s` and at once after a key, until the end."""
        due_ns = clock.monotonic_ns()
        while not (self._events is not None and self._events.over) and not self._controls.is_over:
            is_asked = self._listen(clock.monotonic_ns() + int(FRAME_S * clock.NS_PER_S))
            for event in self._events.new() if self._events else ():
                self._panel.tell(event, _time())
                if event.get("event") == "reloaded":
                    self._panel.expect(self._notes())
            is_due = clock.monotonic_ns() >= due_ns
            if is_due:
                due_ns += int(period_s * clock.NS_PER_S)
            if is_due or is_asked:
                self._panel.count({name: counts.missed for name, counts in self._heard.counts().items()})
                draw()
        draw()

    def _listen(self, until_ns: int) -> bool:
        """Take what comes until then, or until a key was pressed: whether one was."""
        look_ns = 0
        while (now_ns := clock.monotonic_ns()) < until_ns:
            if self._keys is not None and now_ns >= look_ns:
                look_ns = now_ns + int(KEYS_S * clock.NS_PER_S)
                if pressed := self._keys.new():
                    for key in pressed:
                        self._controls.press(key)
                    return True
            wait_ns = min(until_ns, look_ns or until_ns) - now_ns
            message = self._heard.receive(max(wait_ns, 0) / clock.NS_PER_S)
            if message is not None:
                self._panel.take(message, clock.monotonic_ns())
        return False


def _time() -> str:
    return clock.local_time(clock.wall_ns())


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
