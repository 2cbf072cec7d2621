"""How the panel looks: one line a market, at any width, in a file too."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from signalnode.bus.wire import SCORE_NAMES, SILENT_AFTER_S, Health, ProcessState, Score
from signalnode.panels.keys import Controls
from signalnode.panels.terminal import HEADS, plain_lines, screen
from signalnode.panels.view import PanelView
from tests.bus.messages import score
from tests.panels.test_cluster import AT_WORK
from tests.panels.test_view import view

SILENT_NS = int((SILENT_AFTER_S + 1) * 1e9)


def shown(panel: PanelView, width: int, now_ns: int = 0, height: int = 40) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width, force_terminal=False).print(screen(panel, now_ns, width, height))
    return text.getvalue().splitlines()


@pytest.fixture
def panel() -> PanelView:
    panel = PanelView("tcp://127.0.0.1:7450")
    panel.expect({"BTC-USDT": "replay", "SOL-USD": "synthetic"})
    panel.take(
        Score(
            v=1,
            market="BTC-USDT",
            epoch=1,
            seq=1234,
            time_event_ns=0,
            time_received_ns=0,
            time_published_ns=0,
            mid=61_805.2,
            warm=0.42,
            status="warming",
            scores=dict(zip(SCORE_NAMES, (97.0, 3.0, 50.0, 50.0, 0.0, 100.0, 12.6), strict=True)),
        ),
        0,
    )
    return panel


@pytest.mark.parametrize("width", [80, 100, 200])
def test_each_market_has_one_line_that_fits(panel: PanelView, width: int) -> None:
    lines = shown(panel, width)
    (bitcoin,) = [line for line in lines if "BTC-USDT" in line]
    (solana,) = [line for line in lines if "SOL-USD" in line]
    assert max(len(line) for line in lines) <= width
    for expected in ("replay", "warming", "61,805.20", "97", "100", "13", "42%"):
        assert expected in bitcoin
    assert "synthetic" in solana
    assert "waiting" in solana


@pytest.mark.parametrize(("width", "left_out"), [(100, []), (85, ["seq"]), (80, ["seq", "replay"])])
def test_a_narrow_terminal_loses_ornaments_and_no_number(
    panel: PanelView, width: int, left_out: list[str]
) -> None:
    score = panel.markets["BTC-USDT"].score
    assert score is not None
    more = {**score.scores, "calm": 71.4}
    panel.take(msgspec.structs.replace(score, seq=1235, scores=more), 0)
    lines = shown(panel, width)
    (bitcoin,) = [line for line in lines if "BTC-USDT" in line]
    (head,) = [line for line in lines if line.startswith("market")]
    for expected in ("warming", "61,805.20", "97", "100", "13", "71", "42%", "0.0s"):
        assert expected in bitcoin
    assert "calm" in head
    assert not any(each in head + bitcoin for each in left_out)
    assert "…" not in head + bitcoin


@pytest.mark.parametrize(("width", "kept"), [(60, 6), (40, 2), (24, 0)])
def test_a_terminal_that_is_narrower_still_loses_whole_columns(
    panel: PanelView, width: int, kept: int
) -> None:
    lines = shown(panel, width)
    (bitcoin,) = [line for line in lines if line.startswith("BTC-USDT")]
    (head,) = [line for line in lines if line.startswith("market ")]
    assert [each for each in HEADS.values() if each in head] == list(HEADS.values())[:kept]
    assert "…" not in head + bitcoin
    assert ("61,805.20" in bitcoin) == (kept > 0)


def test_the_panel_says_how_to_subscribe_and_how_to_stop(panel: PanelView) -> None:
    text = "\n".join(shown(panel, 120))
    assert "signalnode subscribe" in text
    assert "Ctrl-C" in text


def test_regime_and_decisions_stand_beside_the_scores(panel: PanelView) -> None:
    panel.regime = {"trending": 34.4, "mean_reverting": 61.0}
    panel.decisions.append("threshold: enter long BTC-USDT 83, because " + "x" * 200)
    lines = shown(panel, 100)
    assert "regime  trending 34  mean reverting 61" in lines
    assert any(line.startswith("threshold: enter long BTC-USDT 83") for line in lines)
    assert max(len(line) for line in lines) <= 100


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("markets", [12, 13, 14, 30, 300])
def test_markets_beyond_the_height_are_counted_and_what_stands_below_them_is_kept(
    panel: PanelView, width: int, markets: int
) -> None:
    panel.expect({f"M{number:03d}": "" for number in range(markets - 2)})
    for number in range(markets - 2):
        panel.take(score(f"M{number:03d}"), SILENT_NS if number != markets - 3 else 0)
    panel.take(score("SOL-USD"), SILENT_NS)
    panel.regime = {"trending": 34.4}
    panel.decisions.extend(["first", "second", "third"])
    panel.tell({"event": "died", "child": "A", "level": "error"}, "12:00:01")
    lines = shown(panel, width, SILENT_NS, 24)
    assert len(lines) <= 24
    assert {"regime  trending 34", "first", "second", "third", "12:00:01 A died"} <= set(lines)
    assert lines[-1].startswith("subscribe:")
    silent = [line for line in lines if " silent " in line and line.startswith(("BTC", "M"))]
    assert len(silent) == 2, "those that need somebody are shown before the others"
    seen = sum(line.startswith(("M0", "M1", "M2", "BTC", "SOL")) for line in lines)
    more = markets - seen
    assert not more or f"and {more} more: {more} live" in lines


def test_what_a_minus_beside_the_status_means_is_told_where_there_is_one(panel: PanelView) -> None:
    assert "missed" not in " ".join(shown(panel, 100))
    panel.take(score("SOL-USD", 1), 0)
    panel.count({"SOL-USD": 2})
    lines = " ".join(shown(panel, 100))
    assert "live −2" in lines
    assert "−1 one score missed" in lines


def test_the_first_start_shows_what_it_does_and_that_it_goes_on(panel: PanelView) -> None:
    panel.busy = "compiling the kernel, once"
    early, late = shown(panel, 120, 0), shown(panel, 120, 12_100_000_000)
    assert any("compiling the kernel, once" in line for line in early)
    assert early != late
    assert any("12s" in line for line in late)


def test_a_file_gets_one_line_a_market_without_colours(panel: PanelView) -> None:
    lines = plain_lines(panel, 0, "12:00:00")
    assert len(lines) == 2
    assert lines[0].startswith("12:00:00 BTC-USDT (replay) warming mid 61,805.20 mom↑ 97 mom↓ 3")
    assert lines[0].endswith("warm 42% age 0.0s seq 1234")
    assert "\033" not in "".join(lines)


def test_the_command_shown_finds_the_node_of_the_panel(panel: PanelView) -> None:
    assert "subscribe: signalnode subscribe --json   stop: Ctrl-C" in shown(panel, 100)
    panel.config_option = " --config x/signalnode.toml"
    assert "subscribe: signalnode subscribe --json --config x/signalnode.toml   stop" in shown(panel, 100)[-1]


def test_a_score_without_evidence_is_a_dash(panel: PanelView) -> None:
    panel.take(score("SOL-USD", mid=0.0, status="warming", unknown=SCORE_NAMES), 0)
    (solana,) = [line for line in shown(panel, 120) if line.startswith("SOL-USD")]
    assert solana.split()[3:-3] == ["-"] * (1 + len(SCORE_NAMES))
    assert "vola - volu - liqu - warm" in plain_lines(panel, 0, "12:00:00")[1]


def test_the_title_says_how_many_are_stale_and_where_all_events_come_from(panel: PanelView) -> None:
    market = panel.markets["BTC-USDT"]
    assert market.score is not None
    market.last = msgspec.structs.replace(market.score, status="stale")
    market.note = "at localhost"
    panel.markets = {"BTC-USDT": market}
    assert "1 of 1 markets speaking, 1 stale · at localhost · " in shown(panel, 80)[0]


@pytest.mark.parametrize("width", [80, 120])
def test_why_a_process_is_gone_or_was_started_again_stands_below(panel: PanelView, width: int) -> None:
    panel.markets["BTC-USDT"].process = ProcessState(state="up", restarts=2, why="SIGKILL")
    gone = ProcessState(
        state="given_up", restarts=6, why="gave up after 6 failures in 60 s, the last: SIGKILL"
    )
    panel.markets["SOL-USD"].process = gone
    lines = shown(panel, width)
    assert any(line.startswith("BTC-USDT") and "warming r2" in line for line in lines)
    assert any(line.startswith("SOL-USD") and "given up r6" in line for line in lines)
    causes = [line for line in lines if "restarts:" in line]
    assert causes[0].startswith("SOL-USD given up, 6 restarts: gave up after 6 failures in 60 s")
    assert causes[1].rstrip() == "BTC-USDT warming, 2 restarts: SIGKILL"
    assert max(len(line) for line in lines) <= width
    assert plain_lines(panel, 0, "12:00:00")[0].endswith("seq 1234, 2 restarts: SIGKILL")


def test_why_a_markets_data_is_stale_stands_below_and_in_its_line(panel: PanelView) -> None:
    health = Health(reason="trades silent for 7.1 s, over 4.8")
    panel.take(score(market="BTC-USDT", seq=1235, status="stale", health=health), 0)
    assert "BTC-USDT stale: trades silent for 7.1 s, over 4.8" in shown(panel, 120)
    assert any("(trades silent for 7.1 s, over 4.8)" in line for line in plain_lines(panel, 0, "12:00:00"))


def test_a_strategy_that_fails_is_told_below_and_until_it_is_well(panel: PanelView) -> None:
    states = {"calm": {"failures": 0, "error": ""}, "mine": {"failures": 3, "error": "KeyError: 'mid'"}}
    told = "strategy mine fails, 3 in a row: KeyError: 'mid'"
    panel.take(msgspec.structs.replace(view("BTC-USDT"), strategies=states), 0)
    assert told in [line.rstrip() for line in shown(panel, 120)]
    assert plain_lines(panel, 0, "12:00:00")[-1] == f"12:00:00 {told}"
    panel.take(view("BTC-USDT"), 0)
    assert not [line for line in shown(panel, 120) if "fails" in line]


def test_where_no_node_speaks_the_panel_says_so_until_one_does() -> None:
    lonely = PanelView("tcp://127.0.0.1:7450", config_option=" --config x.toml")
    lonely.expect({"BTC-USDT": ""})
    told = "nothing heard yet; is the node running? See signalnode status --config x.toml"
    assert told not in [line.rstrip() for line in shown(lonely, 120)]
    assert told in [line.rstrip() for line in shown(lonely, 120, SILENT_NS)]
    assert plain_lines(lonely, SILENT_NS, "12:00:00")[-1] == f"12:00:00 {told}"
    lonely.take(view("BTC-USDT"), SILENT_NS)
    assert not [line for line in shown(lonely, 120, 2 * SILENT_NS) if "nothing heard" in line]


def test_a_cluster_has_a_line_under_the_table_and_a_screen_of_its_own(panel: PanelView) -> None:
    assert not [line for line in shown(panel, 120) if "cluster" in line]
    panel.take(msgspec.structs.replace(view("BTC-USDT"), cluster=AT_WORK), 0)
    whole = "cluster up, 1 host, 1 of 2 shards up, 2 of 3 markets ready"
    assert whole in shown(panel, 120)
    assert f"12:00 {whole}" in plain_lines(panel, 0, "12:00")
    controls = Controls(has_keys=True)
    controls.press("h")
    text = io.StringIO()
    Console(file=text, width=120, force_terminal=False).print(
        screen(panel, 2_000_000_000, 120, 40, controls=controls)
    )
    lines = text.getvalue().splitlines()
    assert lines[0] == whole
    assert any(line.split()[:4] == ["10.0.0.3", "bbbbbbbb", "lost", "6.0s"] for line in lines), lines
    assert lines[-1].startswith("Esc back   d decisions   p problems   h hosts")
