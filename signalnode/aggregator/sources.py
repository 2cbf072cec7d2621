"""Other aggregators that this one hears: the digest of each, and streams of markets that somebody asked for.

What is heard is named by `sources`, and by the lines of `sources_file`, which is looked at again and again:
whoever places markets need not restart anybody. A market's full stream stays where it is made: when a
subscriber here asks for it, it is asked for there, and let go with the last who asked.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection, Iterable
from pathlib import Path

import zmq

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.digests import DigestWriter
from signalnode.aggregator.journal import journal_dir
from signalnode.aggregator.republisher import Republisher
from signalnode.bus.curve import secure_client
from signalnode.bus.digest import DIGEST_BYTES_MAX
from signalnode.bus.sockets import RECONNECT_MS, prepare, receive, waits
from signalnode.bus.topics import DIGEST, STREAMS
from signalnode.errors import ConfigError
from signalnode.files import ensure_directory, replace_file
from signalnode.logs import Logger
from signalnode.names import connect_address, name_fault, source_fault, source_parts
from signalnode.settings import AggregatorSettings, NodeSettings
from signalnode.settings.model import SOURCES_MAX

FILE_BYTES_MAX = 262_144  # of `sources_file`: SOURCES_MAX lines of an address and a key
DIGESTS_WAITING_MAX = 16  # of one source; each is whole, so the newest makes good what was lost
RECONNECT_MAX_MS = 1_000
DRAIN_MAX = 500  # messages of a stream taken before anything else gets its turn
DIGESTS_DRAIN_MAX = 64
NAME_BYTES = 8
HOST_CHARS_MAX = 64


def digest_writer(node: NodeSettings) -> DigestWriter:
    """What writes this node's digests: under its shard's name, or one of its own for good."""
    host = os.uname().nodename[:HOST_CHARS_MAX]
    if node.shard is not None:
        return DigestWriter(node.shard.name, host)
    path = journal_dir(node.state_dir) / "source"
    try:
        name = path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        name = ""
    if not name or name_fault(name):
        name = secrets.token_hex(NAME_BYTES)
        with contextlib.suppress(OSError):  # then it is another source after its next start
            ensure_directory(path.parent)
            replace_file(path, name.encode())
    return DigestWriter(name, host)


class Sources:
    """Two sockets: digests of all sources, and streams. Nothing is done where there is no source."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], settings: AggregatorSettings, log: Logger
    ) -> None:
        self._settings, self._log = settings, log
        self._digests = self._socket(context, DIGESTS_WAITING_MAX, DIGEST_BYTES_MAX)
        self._digests.subscribe(DIGEST)
        self._streams = self._socket(context, settings.receive_queue_max, settings.message_bytes_max)
        self.sockets = [self._digests, self._streams]
        self._connected: set[str] = set()
        self._asked: set[bytes] = set()  # of the streams
        self._changes = 0  # of what is asked of the republisher, when it was looked at
        self._seen: tuple[int, int] | None = None  # of the file: when it was changed, and its size
        self._listed: list[str] = []
        self._told = ""
        self._caught_up_ns: int | None = None  # when no digest waited
        self.look()

    def follow(self, settings: AggregatorSettings) -> None:
        """Take another config."""
        self._settings, self._seen = settings, None
        self.look()

    def look(self) -> None:
        """Hear those that are named now, and no others."""
        path = self._settings.sources_file
        if path is not None:
            self._read(path)
        wanted = {*self._settings.sources, *(self._listed if path is not None else ())}
        for source in self._connected - wanted:
            self._part(source)
        for source in wanted - self._connected:
            self._join(source)

    def serve(
        self, core: Aggregator, republisher: Republisher, ready: Collection[object], now_ns: int
    ) -> None:
        """Take what waits, and ask for what is asked for here."""
        if self._digests not in ready:
            self._caught_up_ns = now_ns
        else:
            self._take_digests(core, now_ns)
        if self._streams in ready:
            for _ in range(DRAIN_MAX):
                if not waits(self._streams):
                    break
                frames = receive(self._streams)
                if core.take_stream(frames):
                    republisher.publish(frames)
        if republisher.asked_changes != self._changes:
            self._changes = republisher.asked_changes
            self._ask(core, streams_meant(republisher.asked))

    def _take_digests(self, core: Aggregator, now_ns: int) -> None:
        caught_up_ns = now_ns if self._caught_up_ns is None else self._caught_up_ns
        for _ in range(DIGESTS_DRAIN_MAX):
            if not waits(self._digests):
                self._caught_up_ns = now_ns
                return
            core.take_digest(receive(self._digests), now_ns, now_ns - caught_up_ns)

    def close(self) -> None:
        """Let go of the sockets."""
        for socket in self.sockets:
            socket.close()

    def _socket(
        self, context: zmq.Context[zmq.Socket[bytes]], queue_max: int, bytes_max: int
    ) -> zmq.Socket[bytes]:
        socket = context.socket(zmq.SUB)
        for option, value in (
            (zmq.RCVHWM, queue_max),
            (zmq.MAXMSGSIZE, bytes_max),
            (zmq.RECONNECT_IVL, RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS),
            (zmq.LINGER, 0),
        ):
            socket.setsockopt(option, value)
        return socket

    def _ask(self, core: Aggregator, topics: set[bytes]) -> None:
        for topic in topics - self._asked:
            self._streams.subscribe(topic)
        for topic in self._asked - topics:
            self._streams.unsubscribe(topic)
        if self._asked - topics:
            core.let_go_but(topics)
        self._asked = topics

    def _read(self, path: Path) -> None:
        """The file's lines, where it has changed; one that cannot be read leaves those before."""
        try:
            found = path.stat()
            seen = (found.st_mtime_ns, found.st_size)
            if seen == self._seen:
                return
            text = path.read_text("utf-8") if found.st_size <= FILE_BYTES_MAX else None
        except (OSError, UnicodeDecodeError) as error:
            self._tell(f"{path}: cannot be read ({error})")
            return
        self._seen = seen
        lines = [line.strip() for line in text.splitlines() if line.strip()] if text is not None else []
        if text is None or len(lines) > SOURCES_MAX:
            self._tell(f"{path}: names more than {SOURCES_MAX} sources; the first of them are heard")
        self._listed = lines[:SOURCES_MAX]

    def _join(self, source: str) -> None:
        has_keys = self._settings.keys_dir is not None
        if fault := source_fault(source, has_keys=has_keys):
            self._tell(f"source {source[:80]!r}: {fault}")
            return
        endpoint, key = source_parts(source)
        try:
            for socket in self.sockets:
                if self._settings.keys_dir is not None:
                    secure_client(socket, self._settings.keys_dir, key)
                prepare(socket, endpoint)
                socket.connect(connect_address(endpoint))
        except (ConfigError, zmq.ZMQError) as error:
            self._tell(f"source {source[:80]!r}: {error}")
            return
        self._connected.add(source)
        self._log.info("source joined", endpoint=endpoint)

    def _part(self, source: str) -> None:
        endpoint, _ = source_parts(source)
        for socket in self.sockets:
            with contextlib.suppress(zmq.ZMQError):
                socket.disconnect(connect_address(endpoint))
        self._connected.discard(source)
        self._log.info("source parted", endpoint=endpoint)

    def _tell(self, reason: str) -> None:
        """Once, until it is another."""
        if reason != self._told:
            self._log.warning("a source is not heard", reason=reason)
        self._told = reason


def streams_meant(asked: Iterable[bytes]) -> set[bytes]:
    """What to ask below for these subscriptions: messages of markets alone, and not views or digests for one
    who subscribes to everything.
    """
    longest = [(topic, kind) for topic in asked for kind in STREAMS]
    return {
        max(topic, kind, key=len)
        for topic, kind in longest
        if topic.startswith(kind) or kind.startswith(topic)
    }
