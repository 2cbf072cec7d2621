"""A replay's rows, many at a time: the same as one by one, and the same as the Python they were made of."""

from __future__ import annotations

import numpy as np
import pytest

from signalnode import SignalEngine
from signalnode.compiled import Lane, read_by, sqrt, where
from signalnode.features import FAMILIES
from signalnode.feeds import synthetic_events
from signalnode.signals import SIGNALS
from signalnode.signals import rows as module
from signalnode.signals.extra import shapes_of
from signalnode.signals.kernel import SCORING
from signalnode.signals.parameters import parameters_of
from signalnode.signals.rows import ASKED, BLOCK, COLUMNS, LANES, ROWS, replay
from tests.compiled.rows import Row, Rows

INTERVAL_NS = 100_000_000
EVENTS = synthetic_events(seed=3, count=400, events_per_s=25.0)


@pytest.mark.parametrize("rows", [0, 1, LANES - 1, LANES + 1, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS])
def test_however_many_rows_there_are_each_is_what_an_engine_says_then(rows: int) -> None:
    events = EVENTS[EVENTS["time_received_ns"] <= EVENTS["time_received_ns"][0] + rows * INTERVAL_NS]
    table = SignalEngine("A-USD").replay(events, INTERVAL_NS)
    engine, taken = SignalEngine("A-USD"), 0
    for row in table:
        until = int(np.searchsorted(events["time_received_ns"], row["time_ns"], "right"))
        engine.ingest(events[taken:until])
        taken = until
        scores = engine.scores_at(int(row["time_ns"]))
        assert [row[name].item() for name in scores] == list(scores.values())
        assert row["warm"] == engine.warm


def test_rows_in_plain_python_are_those_of_the_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read", module.read.function)
    monkeypatch.setattr(module, "rate", module.rate.function)
    scoring, block = np.zeros(1, SCORING), np.zeros(1, BLOCK)
    scoring["parameters"] = parameters_of({})
    scoring["shapes"][0] = shapes_of(SIGNALS)
    expected = SignalEngine("A-USD").replay(EVENTS, INTERVAL_NS)
    table, unknown = np.zeros((len(expected), len(COLUMNS))), np.zeros(len(expected), np.int64)
    first_ns, times = int(expected["time_ns"][0]), table.view(np.int64)
    with np.errstate(all="ignore"):
        out = replay.function(
            Rows(scoring), Rows(EVENTS), first_ns, INTERVAL_NS, table, times, unknown, Rows(block)
        )
    assert out == -1
    assert times[:, 0].tolist() == expected["time_ns"].tolist()
    for column, name in enumerate(COLUMNS[1:], 1):
        assert table[:, column] == pytest.approx(expected[name], abs=1e-9, nan_ok=True), name


def test_a_lane_is_a_row_of_columns() -> None:
    columns = np.zeros(1, [("a", "<f8", (3,)), ("b", "<i8", (3,))])
    lane = Lane(Row(columns[0]), 1)
    lane.a, lane.b = 2.5, 7
    assert (lane.a, lane.b) == (2.5, 7)
    assert columns["a"][0].tolist() == [0.0, 2.5, 0.0]
    assert columns["b"][0].tolist() == [0, 7, 0]


def test_a_row_takes_along_what_some_family_measures_with_and_leaves_the_rest() -> None:
    for family in FAMILIES:
        since = {weight.since for weight in [*getattr(family, "KEPT", ()), *getattr(family, "SEEN", ())]}
        assert since | (read_by(family.measure) & {name for name, _ in family.STATE}) <= set(ASKED)
    assert {"bid", "ask", "has_price", "samples"} <= set(ASKED)
    assert not {"square_earlier", "size_before", "events_sampled"} & set(ASKED)


def test_where_and_sqrt_are_what_python_makes_of_them() -> None:
    assert (where(True, 1.0, 2.0), where(False, 1.0, 2.0), sqrt(2.0)) == (1.0, 2.0, 2.0**0.5)
