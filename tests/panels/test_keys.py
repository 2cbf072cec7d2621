"""The keys of the terminal panel: a key in, a view out, without a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable

import msgspec
import pytest
from rich.console import Console

from signalnode.bus.wire import SCORE_NAMES, Channel, Health, ProcessState
from signalnode.panels.arrange import CALM_NS, Arrangement, interest, most_needed
from signalnode.panels.keys import FILTER_CHARS_MAX, NEED, Controls, keys_in
from signalnode.panels.terminal import screen
from signalnode.panels.view import PanelView
from tests.bus.messages import score
from tests.panels.web.made import decision

HEIGHT, WIDTH = 24, 120


class Screen:
    """A panel of some markets, and whoever sits before it."""

    def __init__(self, markets: int) -> None:
        self.panel = PanelView("tcp://127.0.0.1:7450")
        self.controls, self.arrangement = Controls(has_keys=True), Arrangement()
        self.now_ns = 0
        self.panel.expect({f"M{at:03d}": "" for at in range(markets)})
        for at in range(markets):
            self.hear(f"M{at:03d}", 50.0)
        self.lines()

    def hear(self, market: str, momentum: float, seq: int = 1, **said: object) -> None:
        scores = {**dict.fromkeys(SCORE_NAMES, 50.0), "momentum_long": momentum}
        made = msgspec.structs.replace(score(market, seq), scores=scores, **said)
        self.panel.take(made, self.now_ns)

    def press(self, *keys: str) -> list[str]:
        for key in keys:
            self.controls.press(key)
        return self.lines()

    def lines(self) -> list[str]:
        text = io.StringIO()
        drawn = screen(
            self.panel, self.now_ns, WIDTH, HEIGHT, controls=self.controls, arrangement=self.arrangement
        )
        Console(file=text, width=WIDTH, force_terminal=False).print(drawn)
        return text.getvalue().splitlines()

    def markets(self) -> list[str]:
        return [line[:4] for line in self.lines() if line[0:1] == "M" and line[1:4].isdigit()]


def test_what_a_terminal_sends_are_keys() -> None:
    assert keys_in(b"\x1b[A\x1bOBs\r\x7f/\xc3\xa9\x1b") == [
        "up",
        "down",
        "s",
        "enter",
        "backspace",
        "/",
        "é",
        "escape",
    ]
    assert keys_in(b"\x1b[5~\x1b[6~\x1b[1~\x1bOF") == ["page up", "page down", "home", "end"]


@pytest.mark.parametrize("data", [b"", b"\x1b[12;5R", b"\x1b[200~", b"\xff\xfe", b"\x00\x01\x1bOP"])
def test_what_is_no_key_of_ours_is_none(data: bytes) -> None:
    assert keys_in(data) == []


def test_of_many_markets_those_in_trouble_and_the_most_interesting_come_first() -> None:
    seen = Screen(60)
    seen.hear("M050", 99.0, 2)
    seen.hear("M051", 2.0, 2)
    seen.hear("M055", 50.0, 2, status="stale")
    seen.now_ns += CALM_NS
    for at in range(60):
        if at not in (50, 51, 55):
            seen.hear(f"M{at:03d}", 50.0, 2)
    assert seen.markets()[:2] == ["M055", "M050"]
    shown = len(seen.markets())
    assert f"and {60 - shown} more: {60 - shown} live" in seen.lines()


def test_an_order_by_need_stays_while_it_is_read() -> None:
    seen = Screen(60)
    before = seen.markets()
    seen.hear("M059", 100.0, 2)
    assert seen.markets() == before
    seen.now_ns += CALM_NS
    seen.hear("M059", 100.0, 3)
    assert "M059" in seen.markets()


def test_where_most_are_in_trouble_half_of_the_room_is_for_the_others() -> None:
    seen = Screen(40)
    for at in range(30):
        seen.hear(f"M{at:03d}", 50.0, 2, status="stale")
    rows = seen.panel.rows(0)
    chosen = most_needed(rows, 10)
    assert [row.status for row in chosen] == ["stale"] * 5 + ["live"] * 5
    assert len(most_needed(rows[:32], 10)) == 10
    assert most_needed(rows, 100) == rows


def test_only_scores_that_may_be_relied_on_are_interesting() -> None:
    seen = Screen(2)
    seen.hear("M000", 95.0, 2)
    live, other = seen.panel.rows(0)
    assert interest(live) > interest(other) > 0
    seen.hear("M000", 95.0, 3, status="stale")
    assert interest(seen.panel.rows(0)[0]) == 0


def test_arrows_select_and_what_is_selected_stays_in_sight() -> None:
    seen = Screen(100)
    names = list(seen.controls.names)
    seen.press(*["down"] * 40)
    assert seen.controls.selected == names[39]
    assert seen.markets()[-1] == names[39]
    seen.press("page up", "up")
    assert seen.controls.selected in seen.markets()
    seen.press("end")
    assert seen.markets()[-1] == names[-1]
    seen.press("g", "k")
    assert seen.controls.selected == names[0]


def test_enter_opens_a_market_and_escape_goes_back() -> None:
    seen = Screen(5)
    health = Health(trades=Channel(age_ms=400, limit_ms=2_000, gaps=1), reason="book is read anew")
    seen.hear("M002", 88.0, 2, status="degraded", health=health)
    seen.panel.markets["M002"].process = ProcessState(state="up", restarts=2, why="SIGKILL")
    seen.panel.take(msgspec.structs.replace(decision(), markets=["M002"]), 0)
    text = "\n".join(seen.press("down", "down", "down", "enter"))
    for expected in (
        "M002  degraded",
        "momentum_long",
        "88",
        "trades",
        "at most 2.0s; 1 gap",
        "2 restarts: SIGKILL",
        "book is read anew",
        "threshold enter ▲ long M002 83",
    ):
        assert expected in text
    assert len(seen.press("escape")) > 5
    assert seen.controls.shows == "board"
    assert seen.controls.selected == "M002"


def test_a_market_that_leaves_while_it_is_open_is_told_gone() -> None:
    seen = Screen(2)
    seen.press("down", "enter")
    del seen.panel.markets["M000"]
    assert "M000 has left the config" in seen.lines()[0]


def test_sorting_goes_through_the_columns_and_turns_round() -> None:
    seen = Screen(4)
    for at, momentum in enumerate((10.0, 90.0, 40.0, 70.0)):
        seen.hear(f"M{at:03d}", momentum, 2)
    seen.press("s", "s", "s", "s")
    assert seen.controls.sort == "momentum_long"
    assert seen.markets() == ["M001", "M003", "M002", "M000"]
    seen.press("r")
    assert seen.markets() == ["M000", "M002", "M003", "M001"]
    seen.press("S", "S", "S")
    assert (seen.controls.sort, seen.markets()) == ("market", ["M000", "M001", "M002", "M003"])
    seen.press("S")
    assert seen.controls.sort == NEED


def test_a_filter_is_typed_kept_and_cleared() -> None:
    seen = Screen(30)
    seen.hear("M017", 50.0, 2, status="stale")
    seen.press("/", "q", "backspace", "0", "1")
    assert not seen.controls.is_over
    assert seen.markets() == [f"M{at:03d}" for at in (1, *range(10, 20))]
    seen.press("enter", "/", *"x" * 100)
    assert len(seen.controls.filter) == FILTER_CHARS_MAX
    seen.press("escape", "/", *"stale")
    assert seen.markets() == ["M017"]
    seen.press("enter", "escape")
    assert seen.controls.filter == ""


def test_a_filter_that_nothing_passes_has_nothing_to_open() -> None:
    seen = Screen(3)
    seen.press("/", "z", "enter", "down", "enter")  # at one stroke: nothing was seen in between
    assert seen.controls.shows == "board"
    assert seen.markets() == []
    seen.press("down", "enter")
    assert seen.controls.shows == "board"


def test_decisions_are_grouped_with_reasons_and_scores_and_scroll() -> None:
    seen = Screen(3)
    assert "none since this panel began" in "\n".join(seen.press("d"))
    for seq in range(1, 31):
        seen.panel.take(msgspec.structs.replace(decision(seq), markets=[f"M{seq % 15:03d}"]), 0)
    lines = seen.lines()
    assert len(lines) < HEIGHT
    assert "threshold enter ▲ long M000 83 ×2" in lines[2]
    assert lines[3].strip() == "momentum_long 95.8 reached entry 90"
    assert lines[4].strip().startswith("rests on BTC-USD: momentum_long 95.8")
    before = lines[2]
    assert before not in seen.press("page down")
    seen.press("end", "down", "down")
    assert seen.press("up") != seen.press("home")
    assert before in seen.lines()


def test_problems_are_all_told_however_many() -> None:
    seen = Screen(12)
    assert "none: every market and strategy is well" in "\n".join(seen.press("p"))
    seen.panel.failing = ["strategy mine fails, 3 in a row: KeyError: 'mid'"]
    seen.panel.tell({"event": "died", "child": "M001", "level": "error"}, "12:00:01")
    for at in range(6):
        gone = ProcessState(state="given_up", restarts=6, why="gave up")
        seen.panel.markets[f"M{at:03d}"].process = gone
        seen.panel.markets[f"M{at:03d}"].told_ns = 1
    text = "\n".join(seen.lines())
    assert text.count("given up, 6 restarts: gave up") == 6
    assert "strategy mine fails" in text
    assert "12:00:01 M001 died" in text


def test_q_ends_it_and_where_there_are_no_keys_none_are_told() -> None:
    seen = Screen(2)
    assert any("q quit" in line for line in seen.lines())
    seen.press("q")
    assert seen.controls.is_over
    seen.controls.has_keys = False
    assert not any("q quit" in line for line in seen.lines())


@pytest.mark.parametrize("keys", [["up", "up"], ["end"], ["s"] * 30, ["x", "\t"], ["page down"] * 9 + ["r"]])
def test_no_key_breaks_a_panel_without_markets(keys: Iterable[str]) -> None:
    assert Screen(0).press(*keys, "enter", "p", "d", "escape")
