"""The panel's process: one HTTP and WebSocket server, and a SUB socket on the bus. asyncio stands here.

It reads and never writes: no request changes anything in the node. What a browser is shown is made once for
all of them, when a view comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from signalnode import logs
from signalnode.bus.wire import DecisionMessage, Message, Score, ViewMessage
from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.errors import ConfigError, EndpointError, SignalnodeError
from signalnode.names import host_and_port
from signalnode.panels.metrics import Facts, Totals
from signalnode.panels.web.access import Access, token_fault
from signalnode.panels.web.asked import REQUEST_BYTES_MAX, asked
from signalnode.panels.web.board import Board
from signalnode.panels.web.clients import Client, send_all
from signalnode.panels.web.connections import Connection
from signalnode.panels.web.ears import Ears
from signalnode.panels.web.files import page_files
from signalnode.panels.web.hosts import cluster_facts
from signalnode.panels.web.market import (
    decision_facts,
    market_facts,
    points,
    process_facts,
)
from signalnode.panels.web.pages import Pages
from signalnode.panels.web.relations import ask_relations, relation_facts
from signalnode.settings import NodeSettings, node_of
from signalnode.settings.arguments import Link

OPEN_S, CLOSE_S, PING_S = 5.0, 1.0, 20.0
DECISIONS_MAX = 200  # newest, told to whoever comes
POINTS_MAX = 1_000  # scores of open markets between two frames
OPENED_MAX = 16  # markets open at once, of all browsers; the scores of further ones come with the view alone
CHILDREN_S = 5.0  # between two questions to the supervisor, while anybody wants to know
RELATIONS_S = 5.0  # between two questions to Layer 5 for all relations, while anybody looks at them
STRONGEST_MAX = 20  # couples told in words
AGED_S = 1.0  # without a view the page is told how old its data is, this often

Children = Callable[[], Sequence[Mapping[str, Any]]]

_JSON = msgspec.json.Encoder()


def main(link: Link, args: Mapping[str, Any], children: Children) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status. `args`: see `settings.panel_args`; `children`
    asks the supervisor, raising OSError where it gives no answer.
    """
    logs.configure()
    log = logs.logger(panel="panel")
    try:
        node = node_of(args)
        panel = Panel(node, children, _token(node))
        _run(panel, link)
    except SignalnodeError as error:
        log.error("cannot run", reason=str(error))  # noqa: TRY400 (one line: the user can mend it)
        return error.exit_status
    return 0


def _run(panel: Panel, link: Link) -> None:
    """On uvloop, or on asyncio's own loop where it cannot be had."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(panel.run(link))
    else:
        uvloop.run(panel.run(link))


class Panel:
    """One server. `board` and the rest of what is shown change when a message comes."""

    def __init__(self, node: NodeSettings, children: Children, token: str) -> None:
        self._node, self._children = node, children
        self._clients: set[Client] = set()
        self._pages = Pages(
            Access(node.panel.endpoint, node.panel.hosts, token),
            page_files() if node.panel.page else {},
            self._facts,
            lambda: len(self._clients) >= node.panel.clients_max,
        )
        self._board = Board()
        self._decisions: deque[dict[str, Any]] = deque(maxlen=DECISIONS_MAX)
        self._new_decisions: deque[dict[str, Any]] = deque(maxlen=DECISIONS_MAX)
        self._points: deque[Score] = deque(maxlen=POINTS_MAX)
        self._told_facts = b""
        self._viewed_ns = 0  # when the newest view came
        self._totals = Totals()
        self._processes: list[Mapping[str, Any]] = []
        self._told_relations = ""
        self._looked_at = asyncio.Event()  # relations are
        self._asked_ns = 0  # when the supervisor was asked last

    async def run(self, link: Link) -> None:
        """Serve until told to stop."""
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        self._ears = Ears(self._node.aggregator.endpoint, self._node.aggregator.keys_dir)
        tasks: list[asyncio.Task[None]] = []
        try:
            async with await self._served():
                link.ready(page=f"http://{self._node.panel.endpoint}/")
                work = (self._listen(), self._keep_time(link), self._relate())
                tasks = [asyncio.create_task(each) for each in work]
                await asyncio.wait(
                    [*tasks, asyncio.create_task(stopped.wait())], return_when=asyncio.FIRST_COMPLETED
                )
                for task in tasks:
                    if task.done():
                        task.result()
        finally:
            for task in tasks:
                task.cancel()
            self._ears.close()

    async def _served(self) -> Server:
        address = host_and_port(f"tcp://{self._node.panel.endpoint}")
        assert address is not None
        host, port = address[0].strip("[]"), address[1]
        try:
            return await serve(
                self._serve_client,
                None if host == "*" else host,
                port,
                process_request=self._answer,
                compression=None,
                server_header=None,
                open_timeout=OPEN_S,
                close_timeout=CLOSE_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                max_size=REQUEST_BYTES_MAX,
                max_queue=4,
                create_connection=Connection,
                logger=logs.silent(),
            )
        except OSError as error:
            raise EndpointError(
                f"panel.endpoint: {self._node.panel.endpoint} cannot be bound ({error.strerror}); free it or "
                "choose another"
            ) from None

    async def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        return await self._pages.answer(request)

    async def _facts(self, with_processes: bool) -> Facts:
        if with_processes:
            await self._ask_children()
        return Facts(
            view=self._board.view,
            age_s=self._age_s(),
            totals=self._totals,
            processes=self._processes,
            with_scores=self._node.panel.scores,
            clients=len(self._clients),
        )

    # A browser's connection

    async def _serve_client(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        connection.settle()
        client = Client(connection)
        self._clients.add(client)
        writer = asyncio.create_task(client.write())
        try:
            self._welcome(client)
            async for message in connection:
                request = asked(message)
                if request is None or not client.may_ask():
                    await connection.close(1008, "that is none of the page's requests")
                    return
                if client.take(request):
                    self._open(client, request.id)
                if request.show is UNSET:
                    continue
                if client.shows == "relations":
                    self._looked_at.set()
                if client.shows == "processes":
                    await self._ask_children()
                    self._tell_processes([client])
                elif client.shows == "hosts":
                    self._tell_cluster([client])
                elif client.shows == "relations" and self._told_relations:
                    client.send(self._told_relations)
        except ConnectionClosed:
            pass
        finally:
            writer.cancel()
            self._clients.discard(client)
            self._want()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writer

    def _welcome(self, client: Client) -> None:
        if self._board.view is None:
            client.send(_json({"kind": "age", "age_s": None}))
            return
        client.is_new = False
        client.send(
            _json(self._board.layout()),
            self._board.strips(),
            _json(self._board.facts()),
            _json({"kind": "decisions", "decisions": list(self._decisions)}),
        )
        client.begin(self._board.frame)
        client.send(_json({"kind": "age", "age_s": self._age_s()}))

    def _open(self, client: Client, number: int) -> None:
        view, name = self._board.view, client.opened
        if view is None or name is None or name not in view.markets:
            client.opened = None
        else:
            client.send(self._board.past(name, number), _json(market_facts(name, view.markets[name])))
            if (told := self._board.outcomes(name)) is not None:
                client.send(told)
        self._want()

    def _want(self) -> None:
        opened = {client.opened for client in self._clients if client.opened is not None}
        self._ears.want(set(sorted(opened)[:OPENED_MAX]))

    # What comes by itself

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ears.stirred.wait(), AGED_S)
            self._ears.stirred.clear()
            for message in self._ears.look():
                self._take(message)

    def _take(self, message: Message) -> None:
        if isinstance(message, ViewMessage):
            self._viewed_ns = monotonic_ns()
            self._totals.take(message)
            self._show(message)
        elif isinstance(message, DecisionMessage):
            facts = decision_facts(message)
            self._decisions.append(facts)
            self._new_decisions.append(facts)
        elif isinstance(message, Score):
            self._points.append(message)

    def _show(self, view: ViewMessage) -> None:
        """Send the view to every browser, and what came since the last one."""
        is_other = self._board.take(view)
        for client in [each for each in self._clients if each.is_new]:
            self._welcome(client)
        if is_other:
            send_all(self._clients, _json(self._board.layout()), self._board.strips())
        if self._new_decisions:
            send_all(self._clients, _json({"kind": "decisions", "decisions": list(self._new_decisions)}))
            self._new_decisions.clear()
        for name in view.outcomes:
            looking = [client for client in self._clients if client.opened == name]
            if looking and (told := self._board.outcomes(name)) is not None:
                send_all(looking, told)
        if self._points:
            self._tell_points()
        for client in self._clients:
            client.send_frame(self._board.frame)

    def _tell_points(self) -> None:
        by_market: dict[str, list[Score]] = {}
        for score in self._points:
            by_market.setdefault(score.market, []).append(score)
        self._points.clear()
        for name, scores in by_market.items():
            shown = points(scores, self._board.history.columns)
            message = _json({"kind": "points", "market": name, "points": shown})
            send_all([client for client in self._clients if client.opened == name], message)

    async def _keep_time(self, link: Link) -> None:
        """Once a second: what changes seldom, and how old the data is when nothing comes."""
        while True:
            link.beat(browsers=len(self._clients))
            await asyncio.sleep(AGED_S)
            for client in self._clients:
                client.next_second()
            age_s = self._age_s()
            if age_s is None or age_s > AGED_S:
                send_all(self._clients, _json({"kind": "age", "age_s": age_s}))
            if self._board.view is None:
                continue
            facts = _JSON.encode(self._board.facts())
            if facts != self._told_facts:
                self._told_facts = facts
                send_all(self._clients, facts.decode())
            await self._tell_details()

    async def _tell_details(self) -> None:
        view = self._board.view
        assert view is not None
        for name in {client.opened for client in self._clients if client.opened in view.markets}:
            assert name is not None
            message = _json(market_facts(name, view.markets[name]))
            send_all([client for client in self._clients if client.opened == name], message)
        shows = [client for client in self._clients if client.shows == "processes"]
        if shows and await self._ask_children():
            self._tell_processes(shows)
        if any(client.shows == "relations" for client in self._clients):
            self._looked_at.set()
        self._tell_cluster([client for client in self._clients if client.shows == "hosts"])

    def _tell_cluster(self, clients: Sequence[Client]) -> None:
        if clients and self._board.view is not None:
            send_all(clients, _json(cluster_facts(self._board.view.cluster)))

    async def _relate(self) -> None:
        """Ask for all relations while anybody looks at them, and order them: not in the loop's time."""
        while True:
            await self._looked_at.wait()
            told = await asyncio.to_thread(self._asked_relations)
            strongest = self._board.view.relations[:STRONGEST_MAX] if self._board.view else []
            self._told_relations = _json({**told, "strongest": strongest})
            send_all((each for each in self._clients if each.shows == "relations"), self._told_relations)
            await asyncio.sleep(RELATIONS_S)
            self._looked_at.clear()

    def _asked_relations(self) -> dict[str, Any]:
        settings = self._node.aggregator
        matrices = ask_relations(settings.endpoint, settings.keys_dir)
        return {"kind": "relations", "is_answered": False} if matrices is None else relation_facts(matrices)

    def _tell_processes(self, clients: Sequence[Client]) -> None:
        processes = [process_facts(child) for child in self._processes]
        send_all(clients, _json({"kind": "processes", "processes": processes}))

    async def _ask_children(self) -> bool:
        """Ask the supervisor, unless it was asked lately; whether it was asked."""
        now_ns = monotonic_ns()
        if self._asked_ns and now_ns - self._asked_ns < CHILDREN_S * NS_PER_S:
            return False
        self._asked_ns = now_ns
        try:
            self._processes = list(await asyncio.to_thread(self._children))
        except OSError:
            self._processes = []
        return True

    def _age_s(self) -> float | None:
        """Since the newest view came; None before the first."""
        return (monotonic_ns() - self._viewed_ns) / NS_PER_S if self._viewed_ns else None


def _token(node: NodeSettings) -> str:
    path: Path | None = node.panel.token_file
    if path is None:
        return ""
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"panel.token_file: {path}: {error}; mend its path or its permissions"]) from None
    fault = token_fault(token)
    if fault:
        raise ConfigError([f"panel.token_file: {path}: {fault}"])
    return token


def _json(content: Mapping[str, Any]) -> str:
    return _JSON.encode(content).decode()
