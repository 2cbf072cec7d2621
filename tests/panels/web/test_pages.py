"""What is answered over HTTP, without a socket."""

from __future__ import annotations

import asyncio

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from signalnode.panels.metrics import Facts, Totals
from signalnode.panels.web.access import Access
from signalnode.panels.web.files import page_files
from signalnode.panels.web.pages import Pages
from tests.panels.web.made import market, view

FILES = page_files()


def asked(
    path: str, *, facts: Facts | None = None, full: bool = False, files: bool = True, **headers: str
) -> Response | None:
    told = facts or Facts(view=view(A=market()), age_s=0.1, totals=Totals())

    async def given(_with_processes: bool) -> Facts:
        return told

    pages = Pages(Access("127.0.0.1:7480"), FILES if files else {}, given, lambda: full)
    named = {"Host": "127.0.0.1:7480", **{name.replace("_", "-"): each for name, each in headers.items()}}
    return asyncio.run(pages.answer(Request(path, Headers(named))))


def status(path: str, **options: object) -> int:
    answer = asked(path, **options)  # type: ignore[arg-type]
    return 101 if answer is None else answer.status_code


def test_the_page_and_all_that_it_names_are_served_with_rules_against_strange_scripts() -> None:
    for path in ("/", "/page.js", "/page.css", "/vendor/uplot.js", "/icon.svg"):
        answer = asked(path)
        assert answer is not None
        assert answer.status_code == 200
        rule = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in rule
        assert "unsafe" not in rule
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"<script>" not in FILES["/"].body
    assert b"style=" not in FILES["/"].body


@pytest.mark.parametrize(
    "path", ["/../x.py", "/page", "/etc/passwd", "/page.py", "/vendor/uplot.LICENSE", "/%2e%2e/x"]
)
def test_nothing_else_is_served(path: str) -> None:
    assert status(path) == 404


def test_a_whole_address_names_the_host_that_the_request_does() -> None:
    assert status("http://127.0.0.1:7480/metrics") == 200
    for other in ("http://evil.example/metrics", "http://evil.example/ws", "//evil.example/ws"):
        assert status(other) == 400


def test_what_the_browser_has_already_is_not_sent_again() -> None:
    first = asked("/page.js")
    assert first is not None
    assert status("/page.js", If_None_Match=first.headers["ETag"]) == 304


def test_a_socket_is_opened_while_there_is_room_and_a_page() -> None:
    assert status("/ws") == 101
    assert status("/ws", full=True) == 503
    assert status("/ws", files=False) == 404
    assert status("/ws", Origin="http://evil.example") == 403
    assert status("/metrics", files=False) == 200


def test_alive_is_who_hears_layer_5_and_ready_who_has_a_market() -> None:
    deaf = Facts(view=view(A=market()), age_s=9.0, totals=Totals())
    dark = Facts(view=view(A=market("stale")), age_s=0.1, totals=Totals())
    new = Facts(view=None, age_s=None, totals=Totals())
    assert [status("/healthz", facts=each) for each in (None, dark, deaf, new)] == [200, 200, 503, 503]
    assert [status("/readyz", facts=each) for each in (None, dark, deaf, new)] == [200, 503, 503, 503]


@pytest.mark.parametrize("path", ["http://[::1/metrics", "//[", "/metrics"])
def test_what_no_browser_sends_is_refused_in_a_line(path: str) -> None:
    headers = Headers([("Host", "evil.example"), ("Host", "127.0.0.1:7480")])
    pages = Pages(
        Access("127.0.0.1:7480"), FILES, lambda _: pytest.fail("nobody is to be asked"), lambda: False
    )
    answer = asyncio.run(pages.answer(Request(path, headers)))
    assert answer is not None
    assert answer.status_code == 400
