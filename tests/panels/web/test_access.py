"""Who may ask for the page."""

from __future__ import annotations

import pytest

from signalnode.panels.web.access import TOKEN_COOKIE, Access, token_fault

TOKEN = "abcdefgh12345678"
LOCAL = Access("127.0.0.1:7480")
FAR = Access("0.0.0.0:7480", hosts=("panel.example.com",), token=TOKEN)
COOKIE = f"{TOKEN_COOKIE}_7480"


@pytest.mark.parametrize("host", ["127.0.0.1:7480", "localhost:7480", "[::1]:7480", "LOCALHOST:7480"])
def test_this_machine_may_ask_by_its_own_names(host: str) -> None:
    assert LOCAL.refusal("/", {"host": host}, is_socket=False) is None
    origin = {"host": host, "origin": f"http://{host}"}
    assert LOCAL.refusal("/ws", origin, is_socket=True) is None


@pytest.mark.parametrize("host", ["evil.example:7480", "127.0.0.1.evil.example", "", "127.0.0.1:7481"])
def test_a_name_that_only_resolves_to_us_is_refused(host: str) -> None:
    refusal = LOCAL.refusal("/metrics", {"host": host}, is_socket=False)
    assert refusal is not None
    assert refusal.status == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9999", "https://", "http://[::1"]
)
def test_another_page_in_the_same_browser_hears_nothing(origin: str) -> None:
    refusal = LOCAL.refusal("/ws", {"host": "localhost:7480", "origin": origin}, is_socket=True)
    assert refusal is not None
    assert refusal.status == 403


def test_beyond_this_machine_a_token_is_asked_for() -> None:
    host = {"host": "panel.example.com"}
    for headers in (
        host,
        {**host, "authorization": "Bearer wrong"},
        {**host, "cookie": f"{COOKIE}=wrong"},
        {**host, "cookie": ";;="},
        {**host, "authorization": "Bearer \udcff\udcfe"},  # bytes beyond ASCII, as they come off the wire
        {**host, "cookie": f"{COOKIE}=\udcff"},
    ):
        refusal = FAR.refusal("/", headers, is_socket=False)
        assert refusal is not None
        assert refusal.status == 401
        assert TOKEN not in refusal.text
    assert FAR.refusal("/", {**host, "authorization": f"Bearer {TOKEN}"}, is_socket=False) is None
    for others in ("a=b", 'a={"b":1}', "a[0]@=1", '="', "a"):  # of other programs on the same host
        cookies = f"{others}; {COOKIE}={TOKEN}; c=d"
        assert FAR.refusal("/ws", {**host, "cookie": cookies}, is_socket=True) is None


@pytest.mark.parametrize("word", ["wrong", "\udcff", "%ff", "%0d%0aSet-Cookie:x", ""])
def test_a_link_with_another_word_leaves_nothing(word: str) -> None:
    refusal = FAR.refusal(f"/?token={word}", {"host": "panel.example.com"}, is_socket=False)
    assert refusal is not None
    assert (refusal.status, refusal.headers) == (401, {})


def test_the_link_with_the_token_leaves_a_cookie_that_scripts_cannot_read() -> None:
    entered = FAR.refusal(f"/?token={TOKEN}", {"host": "panel.example.com"}, is_socket=False)
    assert entered is not None
    assert (entered.status, entered.headers["Location"]) == (303, "/")
    assert "HttpOnly" in entered.headers["Set-Cookie"]
    assert "SameSite=Lax" in entered.headers["Set-Cookie"]


def test_a_token_that_can_be_guessed_is_refused() -> None:
    assert token_fault("short")
    assert token_fault("with blanks in between them")
    assert token_fault(TOKEN) is None


def test_two_nodes_on_one_host_keep_a_cookie_each() -> None:
    host = {"host": "panel.example.com"}
    other = Access("0.0.0.0:7481", ("panel.example.com",), "another-token-of-its-own")
    cookies = f"{COOKIE}={TOKEN}; {TOKEN_COOKIE}_7481=another-token-of-its-own"
    for access in (FAR, other):
        assert access.refusal("/", {**host, "cookie": cookies}, is_socket=False) is None
    assert other.refusal("/", {**host, "cookie": f"{COOKIE}={TOKEN}"}, is_socket=False) is not None
