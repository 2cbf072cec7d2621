from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from signalnode.errors import DataError
from signalnode.events import DEPTH, QUOTE, TRADE
from signalnode.feeds import load_events, load_events_with_faults, open_decoding
from signalnode.feeds.files import capture as capture_module
from tests.feeds.frames import START_NS, STEP_NS, capture, depth, line, load, quote, snapshot, trade

CLEAN = [trade(1), quote(), trade(2), quote("99.98")]


def spoiled(path: Path, bad: object) -> Path:
    """Clean frames with one bad line, the fifth, among them."""
    return capture(path, [*CLEAN, bad, trade(4), quote()])


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (b'{"stream":"btcusdt@trade","data":{"e":"trade","E":17231', "line_corrupt"),
        (b"17231612540 garbage\n", "line_corrupt"),
        (b"garbage\n", "line_corrupt"),
        (b"\x00\xff\xfe\n", "line_corrupt"),
        ({"stream": "btcusdt@kline_1m", "data": {}}, "frame_unknown"),
        ({"stream": "btcusdt@trade", "data": {"s": "BTCUSDT"}}, "frame_malformed"),
        (trade(3, "cheap"), "frame_malformed"),
        (trade(3, "NaN"), "value_absurd"),
        (trade(3, "-5"), "value_absurd"),
        (trade(3, "0"), "value_absurd"),
        (trade(3, "1e300"), "value_absurd"),
        (trade(3, "100", "-1"), "value_absurd"),
        (trade(3, "100", "inf"), "value_absurd"),
        (trade(3, "100", "0"), "value_absurd"),
        (trade(3, "1001"), "price_jump"),
        (quote("100.02", "100.01"), "quote_crossed"),
        (quote("100.01", "100.01"), "quote_crossed"),
        (quote("NaN"), "value_absurd"),
        (quote(B="0"), "value_absurd"),
        (trade(1), "trade_repeated"),
        (line(4, quote(), time_ns=17), "time_absurd"),
        (line(4, quote(), time_ns=START_NS * 5), "time_absurd"),
        (line(4, quote(), time_ns=2**64), "time_absurd"),
        (line(4, quote(), time_ns=-(2**64)), "time_absurd"),
        (line(4, quote(), time_ns=START_NS - 10**12), "time_backwards"),
        (line(4, quote(), time_ns=START_NS + 3 * 86_400 * 10**9), "time_jump"),
        (line(4, quote(), time_ns=START_NS + 3_600 * 10**9), "time_jump"),
        (line(4, quote(), time_ns=START_NS + 2 * 10**9), "time_jump"),
    ],
)
def test_a_bad_line_is_named_and_costs_itself_alone(tmp_path: Path, bad: object, fault: str) -> None:
    path = spoiled(tmp_path / "a.txt", bad)
    events, faults = load(path)
    assert events["kind"].tolist() == [TRADE, QUOTE, TRADE, QUOTE, TRADE, QUOTE]
    assert faults.counts[fault] == 1
    assert faults.examples[fault][0].startswith(f"{path}:5: ")


@pytest.mark.parametrize("time_ms", [2**62, -(2**62)])
def test_a_venue_time_beyond_64_bits_gives_way_to_the_receive_time(tmp_path: Path, time_ms: int) -> None:
    events, faults = load(spoiled(tmp_path / "a.txt", trade(3, T=time_ms)))
    assert faults.counts == {"event_time_absurd": 1}
    assert events["time_event_ns"][4] == events["time_received_ns"][4]


def test_a_wild_time_in_the_first_line_loses_nothing_after_it(tmp_path: Path) -> None:
    first = line(0, quote(), time_ns=START_NS + 86_400 * 10**9)
    events, faults = load(capture(tmp_path / "a.txt", [first, *CLEAN]))
    assert len(events) == len(CLEAN)
    assert faults.counts == {"time_jump": 1}


def test_a_silence_costs_nothing(tmp_path: Path) -> None:
    frames = [line(0, quote(), time_ns=START_NS + n * 3_600 * 10**9) for n in range(20)]
    events, faults = load(capture(tmp_path / "a.txt", frames))
    assert len(events) == 20
    assert faults.counts == {}


def test_time_that_steps_back_a_little_is_held_and_never_runs_backwards(tmp_path: Path) -> None:
    events, faults = load(spoiled(tmp_path / "a.txt", line(0, quote(), time_ns=START_NS + 3 * STEP_NS - 5)))
    assert events["time_received_ns"].tolist()[3:5] == [START_NS + 3 * STEP_NS] * 2
    assert faults.counts["time_clamped"] == 1


def test_a_pause_of_days_between_files_costs_one_line(tmp_path: Path) -> None:
    later = START_NS + 3 * 86_400 * 10**9
    second = [line(index, frame, time_ns=later + index) for index, frame in enumerate(CLEAN)]
    events, faults = load(capture(tmp_path / "a.gz", CLEAN), capture(tmp_path / "b.gz", [trade(9), *second]))
    assert faults.counts["time_jump"] == 1
    assert events["time_received_ns"][-1] == later + 3


def test_wild_times_apart_from_each_other_do_not_vouch_for_each_other(tmp_path: Path) -> None:
    later = START_NS + 3 * 86_400 * 10**9
    wild = [line(0, quote(), time_ns=later + index) for index in range(3)]
    frames = [part for one in wild for part in (one, quote(), trade(1))]
    events, faults = load(capture(tmp_path / "a.gz", [quote(), *frames]))
    assert faults.counts["time_jump"] == 3
    assert events["time_received_ns"][-1] < later


def test_wild_prices_apart_from_each_other_do_not_vouch_for_each_other(tmp_path: Path) -> None:
    events, faults = load(
        capture(tmp_path / "a.gz", [trade(n, "5000" if n % 2 else "100") for n in range(2, 80)])
    )
    assert faults.counts == {"price_jump": 39}
    assert set(events["price"].tolist()) == {100.0}


def test_a_new_price_level_costs_one_row(tmp_path: Path) -> None:
    frames = [trade(number, "100" if number < 10 else "5000") for number in range(1, 60)]
    events, faults = load(capture(tmp_path / "a.gz", frames))
    assert faults.counts == {"price_jump": 1}
    assert (events["price"] == 5000.0).sum() == 49


def test_after_a_truncated_file_the_next_one_goes_on(tmp_path: Path, excerpts: tuple[Path, Path]) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(excerpts[0].read_bytes()[:-20_000])
    events, faults = load(cut, excerpts[1])
    alone, _ = load(excerpts[1])
    assert faults.counts["file_damaged"] == 1
    assert faults.counts["book_gap"] == 1
    assert events[-len(alone) :].tobytes() == alone.tobytes()


def test_a_gap_and_its_mending_lose_no_trade_and_no_quote(tmp_path: Path) -> None:
    frames = [snapshot(5), depth(6, 6), trade(1), depth(9, 9), quote(), snapshot(8), depth(10, 10), trade(2)]
    events, faults = load(capture(tmp_path / "a.gz", frames))
    assert events["kind"].tolist() == [DEPTH, TRADE, QUOTE, DEPTH, DEPTH, TRADE]
    assert faults.counts == {"book_gap": 1}


def gaps_of(path: Path) -> list[int]:
    """The gaps of one capture, in steps after START_NS."""
    decoding = open_decoding([path], venue="binance", market="BTC-USDT")
    decoding.gather()
    return [(time_ns - START_NS) // STEP_NS for time_ns in decoding.gaps]


@pytest.mark.parametrize(
    ("broken_ns", "mended_ns", "steps"),
    [
        (START_NS + 3 * STEP_NS, START_NS + 5 * STEP_NS, [3, 5]),
        (START_NS + STEP_NS, START_NS + 5 * STEP_NS, [2, 5]),  # a clock set back: kernel time stands still
        (17, START_NS * 5, [2, 4]),  # times that cannot be: that of the newest event stands in
        (START_NS + 3 * 86_400 * 10**9, START_NS + 5 * STEP_NS, [2, 5]),
    ],
)
def test_a_gap_is_placed_in_kernel_time_whatever_its_frames_say(
    tmp_path: Path, broken_ns: int, mended_ns: int, steps: list[int]
) -> None:
    frames = [
        *(snapshot(5), quote(), trade(1)),
        line(3, depth(8, 8), time_ns=broken_ns),
        quote(),
        line(5, snapshot(8), time_ns=mended_ns),
        trade(2),
    ]
    assert gaps_of(capture(tmp_path / "a.gz", frames)) == steps


def test_however_often_the_book_breaks_a_bounded_number_of_gaps_is_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "GAPS_MAX", 2)
    frames = [part for n in range(11, 60, 10) for part in (snapshot(n - 5), quote(), depth(n + 5, n + 5))]
    path = capture(tmp_path / "a.gz", frames)
    assert gaps_of(path) == [2, 3, 5, 6]
    assert load(path)[1].counts == {"book_gap": 5}


def test_book_updates_without_a_snapshot_are_told(excerpts: tuple[Path, Path]) -> None:
    events, faults = load(excerpts[1])
    assert (events["kind"] != DEPTH).all()
    assert faults.counts == {"book_unsynced": 1}


def test_a_book_with_an_absurd_level_is_not_known_until_its_next_snapshot(tmp_path: Path) -> None:
    spoiled = depth(6, 6, [("NaN", "1"), ("-3", "1")], [(100, "-2")])
    frames = [quote(), snapshot(5), spoiled, depth(7, 7), snapshot(7)]
    events, faults = load(capture(tmp_path / "a.gz", frames))
    assert [event["kind"] for event in events] == [QUOTE, DEPTH, DEPTH]
    assert faults.counts == {"level_absurd": 1, "book_gap": 1}


def test_a_crossed_book_gives_no_depth(tmp_path: Path) -> None:
    events, faults = load(
        capture(tmp_path / "a.gz", [quote(), snapshot(5), depth(6, 6, [(102, 1)]), depth(7, 7, [(102, 0)])])
    )
    assert len(events) == 3
    assert faults.counts == {"book_crossed": 1}


def test_faults_are_bounded_however_bad_the_file(tmp_path: Path) -> None:
    _, faults = load(capture(tmp_path / "a.gz", [*CLEAN * 125, *[b"x" * 5_000 + b"\n"] * 500]))
    assert faults.counts["line_corrupt"] == 500
    assert len(faults.examples["line_corrupt"]) == 3
    assert all(len(example) <= 200 for example in faults.examples["line_corrupt"])


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([quote("-1")] * 5, r"5 of its 9 rows cannot be used \(value_absurd .*, first at .*a\.gz:5"),
        ([b"no frame\n"] * 5, r"5 of its 9 lines cannot be used \(line_corrupt, first at .*a\.gz:5"),
        (
            [line(n, quote(), time_ns=START_NS - n * 10**10) for n in range(1, 6)],
            "5 of its 9 .*time_backwards",
        ),
    ],
    ids=["prices", "lines", "order"],
)
def test_a_capture_most_of_which_is_unsound_is_refused(tmp_path: Path, bad: list[object], told: str) -> None:
    with pytest.raises(DataError, match=told):
        load(capture(tmp_path / "a.gz", [*CLEAN, *bad]))
    assert len(load(capture(tmp_path / "a.gz", [*CLEAN, *bad[:4]]))[0]) == 4


def test_a_capture_of_another_symbol_is_refused_unless_it_is_named(tmp_path: Path) -> None:
    path = capture(tmp_path / "a.gz", [snapshot(5), *CLEAN, b"garbage\n"])
    with pytest.raises(
        DataError, match=r"no event of WRONG-USD in it; it holds BTCUSDT: .* `symbol` .* to BTCUSDT"
    ):
        load(path, market="WRONG-USD")
    for named in ({"market": "M01", "symbol": "BTC-USDT"}, {"market": ""}):
        events, faults = load_events_with_faults(path, venue="binance", **named)
        assert events.tobytes() == load(path)[0].tobytes()
        assert faults.counts == {"line_corrupt": 1}


def test_one_of_several_captures_that_is_of_another_symbol_is_told(tmp_path: Path) -> None:
    ours = capture(tmp_path / "ours.gz", CLEAN)
    theirs = capture(tmp_path / "theirs.gz", [trade(1, "3000", s="ETHUSDT")])
    events, faults = load(ours, theirs)
    assert len(events) == 4
    assert faults.lines() == [f"1 x symbol_differs, first at {theirs}: not one frame of BTC-USDT"]


def test_of_several_symbols_only_the_markets_own_is_played(tmp_path: Path) -> None:
    others = [trade(1, "3000", s="ETHUSDT"), quote("2999", "3001", s="ETHUSDT")]
    path = capture(tmp_path / "a.gz", [*others, *CLEAN])
    events, faults = load(path)
    assert len(events) == 4
    assert faults.counts == {}
    with pytest.raises(DataError, match="BTCUSDT, ETHUSDT"):
        load(path, market="DOGE-USDT")


@pytest.mark.parametrize("stranger", [4, 5_000_000], ids=["behind", "ahead"])
@pytest.mark.parametrize("place", range(10))
def test_a_snapshot_of_another_symbol_is_known_by_its_number(
    tmp_path: Path, stranger: int, place: int
) -> None:
    ours = [
        *(depth(101, 104), quote(), snapshot(107), depth(105, 110, [(99, 5)]), quote("99.98")),
        *(depth(120, 125), snapshot(123), depth(126, 130, [(99.5, 2)]), quote("99.97")),
    ]
    timed = [line(index, frame) for index, frame in enumerate(ours)]
    theirs = [trade(1, "3000", s="ETHUSDT"), snapshot(stranger, ((3_000, 700),), ((3_001, 900),))]
    mixed = [*timed[:place], *(line(place, frame) for frame in theirs), *timed[place:]]
    events, _ = load(capture(tmp_path / "mixed.txt", mixed))
    alone, _ = load(capture(tmp_path / "alone.txt", timed))
    assert (alone["kind"] == DEPTH).sum() == 3
    assert events.tobytes() == alone.tobytes()


def test_snapshots_fetched_before_all_else_wait_for_the_updates_that_tell_whose_they_are(
    tmp_path: Path,
) -> None:
    images = [snapshot(900, ((3_000, 7),), ((3_001, 9),)), snapshot(3, ((5, 1),), ((6, 1),)), snapshot(107)]
    updates = [depth(101, 104), quote(), depth(105, 108), depth(109, 109)]
    events, faults = load(capture(tmp_path / "a.gz", [*images, *updates]))
    assert events["kind"].tolist() == [QUOTE, DEPTH, DEPTH]
    assert faults.counts == {}


def test_snapshots_without_any_updates_give_depth_all_the_same(tmp_path: Path) -> None:
    events, _ = load(capture(tmp_path / "a.gz", [quote(), snapshot(5), trade(1), snapshot(9)]))
    assert events["kind"].tolist() == [QUOTE, DEPTH, TRADE, DEPTH]


def test_a_capture_without_one_event_is_refused_with_its_first_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello\nworld\n")
    with pytest.raises(DataError, match=r"no event of BTC-USDT in it.*2 x line_corrupt") as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["plain", "gzip"])
def test_an_empty_capture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no event"):
        load(path)


def test_a_missing_capture_is_refused_before_any_is_decoded(
    tmp_path: Path, excerpts: tuple[Path, Path]
) -> None:
    with pytest.raises(DataError, match=r"none\.gz: there is no such file"):
        next(open_decoding([excerpts[0], tmp_path / "none.gz"], venue="binance", market="BTC-USDT").slices())


def test_a_missing_file_and_a_zip_archive_are_told_before_a_venue_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nope: there is no such file"):
        load_events([tmp_path / "nope"])
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"a\.zip: a zip archive: `signalnode import` makes a recording"):
        load_events(tmp_path / "a.zip")


def test_a_capture_of_no_venue_is_refused_with_those_that_are_known(excerpts: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match=r"whose frames are in it.* binance, .*coinbase"):
        load_events(excerpts, market="BTC-USDT")


def test_an_unknown_venue_is_refused_with_those_that_are_known(excerpts: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match=r"'nasdaq': one of .*binance"):
        load_events(excerpts, venue="nasdaq", market="BTC-USDT")


def test_decoding_comes_in_slices_that_tell_how_far_it_is(excerpts: tuple[Path, Path]) -> None:
    done = [piece.done for piece in open_decoding(excerpts, venue="binance", market="BTC-USDT").slices()]
    assert done == sorted(done)
    assert len(done) >= 3
    assert done[-1] == 1.0


def test_brackets_nested_too_deep_are_a_corrupt_line(tmp_path):
    nested = b"%d %s\n" % (START_NS, b'{"stream":"btcusdt@trade","data":' + b"[" * 100_000)
    events, faults = load(capture(tmp_path / "a", [trade(1), nested, trade(2)]))
    assert len(events) == 2
    assert faults.counts == {"line_corrupt": 1}
