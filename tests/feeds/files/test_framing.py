"""Lines of a capture and what they hold."""

from __future__ import annotations

import pytest

from signalnode.feeds.files.framing import Held, line_of, unwrap


@pytest.mark.parametrize(
    "held",
    [
        Held(12, b'{"a": 1}', connection="3"),
        Held(12, b"\xff\xfe no text", connection="3"),
        Held(12, b'{"lastUpdateId": 1}', "https://api/depth?symbol=A&limit=5", "3"),
        Held(12, b"", connection="3", address="wss://venue/public"),
        Held(12, b"", connection="3", turn="beside"),
        Held(12, b"", connection="3", turn="moved"),
        Held(12, b"", connection="", turn="moved"),
    ],
)
def test_what_a_gateway_passed_on_is_read_back_to_the_nanosecond(held):
    line = line_of(held)
    assert line.endswith(b"\n")
    assert unwrap(line[:-1]) == held


def test_a_frame_of_several_lines_is_one_line_of_a_capture():
    for held in (Held(1, b'{\r\n"a": 1}', connection="1"), Held(1, b"{\n}", "https://a/b", "1")):
        line = line_of(held)
        assert line.count(b"\n") == 1
        assert unwrap(line[:-1]) == held


@pytest.mark.parametrize("line", [b"x@1 {}", b"@1 {}", b"12@\xff {}"])
def test_a_line_of_neither_form_is_told(line):
    with pytest.raises(ValueError):  # noqa: PT011 - of int and of Unicode
        unwrap(line)
