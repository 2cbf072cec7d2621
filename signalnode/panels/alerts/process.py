"""The process that sends alerts: it listens to the bus and to the supervisor's file, and changes nothing.

What receivers were told, and not yet that it is over, is kept in `state_dir/alerts/told.json`: so a process
started anew tells nothing twice, and leaves nobody waiting for the word that it is over.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from signalnode import logs
from signalnode.bus.supervision import Supervision
from signalnode.bus.wire import DecisionMessage, ViewMessage
from signalnode.clock import monotonic_ns, wall_ns
from signalnode.errors import SignalnodeError
from signalnode.files import ensure_directory, replace_file
from signalnode.names import ALERTS
from signalnode.panels.alerts.events import Now
from signalnode.panels.alerts.incidents import Incidents
from signalnode.panels.alerts.outbox import Outbox
from signalnode.panels.alerts.routes import Courier, receivers
from signalnode.panels.hearing import Hearing
from signalnode.settings import NodeSettings, node_of
from signalnode.settings.arguments import Link

TURN_S = 0.25  # the longest that anything waits to be looked at
TOLD_BYTES_MAX = 1_048_576

Told = dict[str, dict[str, str]]  # by receiver, then by subject


def main(link: Link, args: Mapping[str, Any]) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status. `args`: see `settings.alerts_args`."""
    logs.configure()
    log = logs.logger(alerts=ALERTS)
    try:
        node = node_of(args)
        _Alerts(node, log).run(link)
    except SignalnodeError as error:
        log.error("cannot run", reason=str(error))  # noqa: TRY400 (one line: the user can mend it)
        return error.exit_status
    return 0


class _Alerts:
    def __init__(self, node: NodeSettings, log: logs.Logger) -> None:
        self._node, self._log = node, log
        self._path = told_path(node)
        told = read_told(self._path)
        host = socket.gethostname()
        found = receivers(node.alerts)
        self._outboxes = {name: Outbox(name, host, dict(told.get(name, {}))) for name in found}
        self._couriers = {name: Courier(deliver) for name, deliver in found.items()}
        known = {subject: kind for each in self._outboxes.values() for subject, kind in each.told.items()}
        self._incidents = Incidents(node.alerts, _now(), known)
        self._kept = self._told()
        self._supervision = Supervision(node.standing_path)
        self._is_stopped = False

    def run(self, link: Link) -> None:
        """Listen, and tell."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        hearing = Hearing(self._node.aggregator.endpoint, self._node.aggregator.keys_dir)
        try:
            link.ready()
            while not self._is_stopped:
                hearing.wait(TURN_S)
                self._listen(hearing)
                self._turn(_now(), link)
        finally:
            hearing.close()

    def _turn(self, now: Now, link: Link) -> None:
        for event in self._incidents.turn(now):
            for outbox in self._outboxes.values():
                outbox.take(event, now)
        for name in self._outboxes:
            self._send(name, now)
        self._keep()
        link.beat(**self._facts(now))

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopped = True

    def _listen(self, hearing: Hearing) -> None:
        for message in hearing.look():
            if isinstance(message, ViewMessage):
                self._incidents.take_view(message, _now())
            elif isinstance(message, DecisionMessage):
                self._incidents.take_decision(message)
        if (processes := self._supervision.news()) is not None:
            self._incidents.take_processes(processes, _now())

    def _send(self, name: str, now: Now) -> None:
        outbox, courier = self._outboxes[name], self._couriers[name]
        outcome = courier.outcome()
        if outcome is not None and not outcome.fault:
            if outbox.failures:
                self._log.info("delivers again", receiver=name, after_tries=outbox.failures)
            outbox.delivered()
        elif outcome is not None:
            if outcome.fault != outbox.fault:
                self._log.warning("not delivered", receiver=name, reason=outcome.fault)
            outbox.failed(outcome.fault, now, outcome.retry_after_s)
        message = outbox.next(now)
        if message is not None:
            courier.send(message)

    def _facts(self, now: Now) -> dict[str, object]:
        """Of the receiver that is worst off, with what all of them had."""
        each = [outbox.facts(now) for outbox in self._outboxes.values()]
        worst = max(each, key=lambda facts: float(str(facts.get("outage_s", -1.0))))
        counts = {
            "sent": sum(outbox.sent for outbox in self._outboxes.values()),
            "lost": sum(outbox.lost for outbox in self._outboxes.values()),
        }
        return {"outage": "", **worst, **counts}

    def _told(self) -> Told:
        return {name: dict(outbox.told) for name, outbox in self._outboxes.items()}

    def _keep(self) -> None:
        if (told := self._told()) == self._kept:
            return
        self._kept = told
        try:
            ensure_directory(self._path.parent)
            replace_file(self._path, msgspec.json.encode(told))
        except OSError as error:
            self._log.warning("what was told is not kept", reason=error.strerror)


def told_path(node: NodeSettings) -> Path:
    """Where it is kept what receivers were told."""
    return node.state_dir / ALERTS / "told.json"


def read_told(path: Path) -> Told:
    """What receivers were told; nothing where there is no such file, or it is no such file."""
    with contextlib.suppress(OSError, msgspec.MsgspecError), path.open("rb") as file:
        return msgspec.json.decode(file.read(TOLD_BYTES_MAX), type=Told)
    return {}


def _now() -> Now:
    return Now(monotonic_ns(), wall_ns())
