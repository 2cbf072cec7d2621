"""What is asked over HTTP: the page's files, metrics, health; and whether a WebSocket may be opened.

| path | answer |
|---|---|
| `/`, its files | the page |
| `/ws` | what the page listens to |
| `/metrics` | the node in numbers: `panels/metrics.py` |
| `/healthz` | 200 while this process turns and hears Layer 5; markets are no matter of it |
| `/readyz` | 200 with at least one market to be relied on, else 503 and why not |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from signalnode.panels.metrics import (
    OPENMETRICS_TYPE,
    PROMETHEUS_TYPE,
    READY_AGE_S_MAX,
    Facts,
    exposition,
    not_ready,
)
from signalnode.panels.web.access import HEADERS, Access, Refusal
from signalnode.panels.web.files import PageFile

SOCKET_PATH = "/ws"
FULL_AGAIN_S = 5  # a browser too many is told to come again after this


class Pages:
    """`facts` gives the node's numbers, with processes asked for anew where `True`; `is_full` says that no
    further browser is taken.
    """

    def __init__(
        self,
        access: Access,
        files: Mapping[str, PageFile],
        facts: Callable[[bool], Awaitable[Facts]],
        is_full: Callable[[], bool],
    ) -> None:
        self._access, self._files, self._facts, self._is_full = access, files, facts, is_full

    async def answer(self, request: Request) -> Response | None:
        """The answer, None where a WebSocket may be opened."""
        refusal = _malformed(request)
        parts = urlsplit("" if refusal else request.path)
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        is_socket = parts.path == SOCKET_PATH
        refusal = refusal or self._access.refusal(request.path, headers, is_socket=is_socket)
        if refusal is not None:
            return response(refusal.status, refusal.text.encode(), more=refusal.headers)
        if is_socket:
            return self._no_socket()
        if parts.path == "/metrics":
            return await self._metrics(headers.get("accept", ""))
        if parts.path == "/healthz":
            return _health((await self._facts(False)).age_s)
        if parts.path == "/readyz":
            facts = await self._facts(False)
            return _readiness(not_ready(facts.view, facts.age_s))
        return self._file(parts.path, headers.get("if-none-match", ""))

    def _no_socket(self) -> Response | None:
        if not self._files:
            return response(HTTPStatus.NOT_FOUND, b"there is no page here: panel.page = false\n")
        if self._is_full():
            text = b"enough browsers are here already (panel.clients_max)\n"
            return response(HTTPStatus.SERVICE_UNAVAILABLE, text, more={"Retry-After": str(FULL_AGAIN_S)})
        return None

    async def _metrics(self, accept: str) -> Response:
        openmetrics = "application/openmetrics-text" in accept
        body = exposition(await self._facts(True), openmetrics=openmetrics)
        return response(HTTPStatus.OK, body, OPENMETRICS_TYPE if openmetrics else PROMETHEUS_TYPE)

    def _file(self, path: str, known_tag: str) -> Response:
        file = self._files.get(path)
        if file is None:
            return response(HTTPStatus.NOT_FOUND, b"there is no such page\n")
        if known_tag == file.tag:
            return response(HTTPStatus.NOT_MODIFIED, b"", file.type, {"ETag": file.tag})
        return response(HTTPStatus.OK, file.body, file.type, {"ETag": file.tag})


def response(
    status: HTTPStatus,
    body: bytes,
    type_: str = "text/plain; charset=utf-8",
    more: Mapping[str, str] | None = None,
) -> Response:
    """A whole answer, after which the connection is closed."""
    headers = Headers({**HEADERS, "Content-Type": type_, **(more or {})})
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, body)


def _malformed(request: Request) -> Refusal | None:
    """What no browser and no Prometheus sends."""
    try:
        named = urlsplit(request.path).netloc
    except ValueError:  # an IPv6 address without its end, say
        return Refusal(HTTPStatus.BAD_REQUEST, "that is no address\n", {})
    hosts = request.headers.get_all("Host")
    if len(hosts) > 1 or (named and [named] != hosts):  # RFC 9112, 3.2; a whole address names a host as well
        return Refusal(HTTPStatus.BAD_REQUEST, "one Host, please\n", {})
    return None


def _health(age_s: float | None) -> Response:
    if age_s is not None and age_s <= READY_AGE_S_MAX:
        return response(HTTPStatus.OK, b"ok\n")
    since = "so far" if age_s is None else f"for {age_s:.1f} s"
    return response(HTTPStatus.SERVICE_UNAVAILABLE, f"nothing heard of Layer 5 {since}\n".encode())


def _readiness(reasons: list[str]) -> Response:
    if not reasons:
        return response(HTTPStatus.OK, b"ok\n")
    return response(HTTPStatus.SERVICE_UNAVAILABLE, ("\n".join(reasons) + "\n").encode())
