"""The page of an evaluation: whole in itself, small, and as true as the numbers."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

import signalnode
from signalnode.research.evaluation import Evaluation
from signalnode.research.report import page_of
from signalnode.research.svg import Frame, rounded, span_of
from tests.research.walks import walk

NAN = float("nan")


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return signalnode.evaluate({name: walk(1, 900.0, events_per_s=1.0) for name in ("A-USD", "C-USD")})


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself(found: Evaluation) -> None:
    page = page_of(found)
    tags = _Tags()
    tags.feed(page)
    assert not tags.open
    assert not tags.seen & {"script", "link", "img", "iframe", "object"}
    assert "http" not in page
    assert "url(" not in page
    assert len(page.encode()) < 120_000
    assert not re.search(r"\b(nan|inf)\b", page.lower())


def test_the_page_says_what_the_numbers_say(found: Evaluation) -> None:
    page = page_of(found)
    for market in found.markets:
        assert f"<b>{market.market}</b>" in page
        for score in market.scores:
            assert score.words in page
        assert page.count(f'<td data-of="{market.market}">') == len(market.scores)  # whose it is, on a phone
    assert f"{found.claims} claims were looked at, {found.looks} with" in page
    assert "prefers-color-scheme:dark" in page


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [(0.0, 1.0, [0.0, 0.5, 1.0]), (-0.13, 0.2, [0.0, 0.2]), (NAN, 1.0, []), (1.0, 1.0, [])],
)
def test_an_axis_has_round_numbers(low: float, high: float, marks: list[float]) -> None:
    assert rounded(low, high) == marks


def test_a_drawing_leaves_out_what_is_not_known() -> None:
    frame = Frame("A & B", (0.0, 10.0), span_of([NAN, 1.0], about=0.0))
    frame.line([(0.0, 1.0), (5.0, NAN), (10.0, 0.0)])
    frame.band([(0.0, NAN, NAN)])
    drawn = frame.svg()
    assert drawn.count("M") == 2
    assert "inf" not in drawn
    assert "A &amp; B" in drawn
    assert span_of([NAN]) == (0.0, 1.0)
