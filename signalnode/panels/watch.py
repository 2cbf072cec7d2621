"""The loop of a panel: messages and events in, a drawing out. Meaning is in `view`, looks in `terminal`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import FrameType

from rich.console import Console, Group
from rich.live import Live

from signalnode import clock
from signalnode.bus.subscriber import Subscription, subscribe
from signalnode.bus.wire import KINDS
from signalnode.panels.terminal import plain_lines, screen
from signalnode.panels.view import PanelView

FRAME_S = 0.25  # between two drawings on a terminal
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

    def draw() -> Group:
        return screen(panel, clock.monotonic_ns(), console.width, console.height)

    with Live(draw(), console=console, auto_refresh=False) as live:
        _follow(panel, heard, events, notes, period_s=FRAME_S, draw=lambda: live.update(draw(), refresh=True))


def _on_pipe(panel: PanelView, heard: Subscription, events: EventPipe | None, notes: Notes) -> None:
    def draw() -> None:
        for line in plain_lines(panel, clock.monotonic_ns(), _time()):
            print(line)
        sys.stdout.flush()

    _follow(panel, heard, events, notes, period_s=PLAIN_S, draw=draw)


def _follow(
    panel: PanelView,
    heard: Subscription,
    events: EventPipe | None,
    notes: Notes,
    *,
    period_s: float,
    draw: Callable[[], None],
) -> None:
    due_ns = clock.monotonic_ns()
    while events is None or not events.over:
        _listen(panel, heard, clock.monotonic_ns() + int(FRAME_S * clock.NS_PER_S))
        for event in events.new() if events else ():
            panel.tell(event, _time())
            if event.get("event") == "reloaded":
                panel.expect(notes())
        if clock.monotonic_ns() >= due_ns:
            due_ns += int(period_s * clock.NS_PER_S)
            panel.count({name: counts.missed for name, counts in heard.counts().items()})
            draw()
    draw()


def _listen(panel: PanelView, heard: Subscription, until_ns: int) -> None:
    while (now_ns := clock.monotonic_ns()) < until_ns:
        message = heard.receive((until_ns - now_ns) / clock.NS_PER_S)
        if message is not None:
            panel.take(message, clock.monotonic_ns())


def _time() -> str:
    return datetime.fromtimestamp(clock.wall_ns() / clock.NS_PER_S).astimezone().strftime("%H:%M:%S")


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
