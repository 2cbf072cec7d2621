"""A real aggregator, real ZeroMQ, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import msgpack
import zmq

from signalnode.aggregator.journal import read_journal
from signalnode.bus.curve import allow, new_keys, trust_server
from signalnode.bus.wire import DecisionMessage, Heartbeat, Score, ViewMessage
from tests.aggregator.conftest import DEADLINE_S, THRESHOLD, Scene, joined, stderr_of, until
from tests.bus.messages import now_moment, send
from tests.effort import drawn
from tests.forked import Forked

ENGINE = """
import sys, time
from signalnode.bus.publisher import Publisher
from tests.bus.messages import now_moment, send
publisher = Publisher(sys.argv[1], sys.argv[2], int(sys.argv[3]), queue_max=1_000)
print("up", flush=True)
while True:
    send(publisher)
    publisher.heartbeat(**now_moment())
    time.sleep(0.01)
"""
LISTENER = """
import sys, signalnode
for message in signalnode.subscribe("A", endpoint=sys.argv[1], max_age_s=None):
    print(message.seq, flush=True)
"""


def engine(scene: Scene, market: str, epoch: int) -> Forked:
    """A process that publishes until it is killed."""
    endpoint = f"ipc://{scene.directory}/{market}.scores"
    process = Forked(ENGINE, [endpoint, market, str(epoch)], os.environ)
    scene.processes.append(process)
    assert process.stdout.readline() == "up\n"
    return process


def test_every_score_comes_through_once_and_in_order_and_sigterm_leaves_nothing(scene: Scene) -> None:
    scene.configure("A", "B")
    process = scene.start()
    publishers = [scene.publisher(market) for market in "AB"]
    with scene.subscribe() as heard:
        for publisher in publishers:
            joined(heard, publisher)
        before = {market: counts.missed for market, counts in heard.counts().items()}  # while they joined
        for publisher in publishers:
            send(publisher, 500)
        last = {p.market: p.seq for p in publishers}
        seqs: dict[str, list[int]] = {"A": [], "B": []}
        while any(not seqs[m] or seqs[m][-1] < last[m] for m in seqs):
            message = heard.receive(DEADLINE_S)
            assert isinstance(message, Score)
            seqs[message.market].append(message.seq)
        for each in seqs.values():
            assert each == list(range(each[0], each[0] + len(each)))
        assert {market: counts.missed for market, counts in heard.counts().items()} == before
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    assert {path.name for path in scene.directory.iterdir()} >= {"markets", "state"}
    assert not [p for p in scene.directory.iterdir() if p.name.startswith(("out", "aggregator"))]


def test_ten_lines_of_plain_pyzmq_and_msgpack_are_a_subscriber_even_a_late_one(scene: Scene) -> None:
    scene.configure("BTC-USDT")
    scene.start()
    publisher = scene.publisher("BTC-USDT")
    with scene.subscribe() as heard:
        joined(heard, publisher)
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.RCVTIMEO, int(DEADLINE_S * 1e3))
        sub.subscribe(b"score.BTC-USDT")
        sub.connect(scene.endpoint)
        topic, payload = sub.recv_multipart()
    assert topic == b"score.BTC-USDT"
    assert msgpack.unpackb(payload)["seq"] == publisher.seq


def test_a_port_in_use_is_one_line_and_status_7(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        scene.configure("A", aggregator=f'endpoint = "tcp://127.0.0.1:{port}"')
        process = scene.start()
        assert process.wait(DEADLINE_S) == 7
    (line,) = stderr_of(process)
    assert f"tcp://127.0.0.1:{port}: Address already in use" in line["reason"]


def test_a_second_aggregator_is_refused_with_status_6(scene: Scene) -> None:
    scene.configure("A")
    first = scene.start()
    second = scene.start()
    assert second.wait(DEADLINE_S) == 6
    (line,) = stderr_of(second)
    assert f"held by process {first.pid}" in line["reason"]
    assert first.poll() is None


def test_a_subscriber_that_was_too_slow_gets_back_what_the_ring_has_and_counts_the_rest(
    scene: Scene, monkeypatch: Any
) -> None:
    monkeypatch.setattr("signalnode.bus.subscriber.RECEIVE_QUEUE_MAX", 20)
    scene.configure("A", aggregator="send_queue_max = 20\nring_messages_max = 1000")
    scene.start()
    publisher = scene.publisher("A")
    with scene.subscribe("A", kinds=("score", "heartbeat")) as slow:
        first = joined(slow, publisher)[0].seq
        send(publisher, drawn(2_500, 20_000))  # into queues of 20: most of it is lost

        def is_last(message: Any) -> bool:
            publisher.heartbeat(**now_moment())
            return isinstance(message, Heartbeat) and message.seq == publisher.seq

        until(slow, is_last)
        while not slow.counts()["A"].recovered:  # nothing yet: the ring had lost it by the time it was asked
            send(publisher, 500)
            until(slow, is_last)
        counts = slow.counts()["A"]
        assert counts.missed > 0
        assert counts.received + counts.missed == publisher.seq - first + 1


def test_kill_9_of_the_aggregator_is_a_gap_that_is_counted_and_nothing_is_received_twice(
    scene: Scene,
) -> None:
    scene.configure("A")
    process = scene.start()
    publisher = scene.publisher("A")
    with scene.subscribe("A") as heard:
        got = joined(heard, publisher)
        send(publisher, 50)
        got += [heard.receive(DEADLINE_S) for _ in range(50 - (got[-1].seq - publisher.seq + 50))]
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE_S)
        send(publisher, 50)
        scene.start()
        got += joined(heard, publisher)
        seqs = [message.seq for message in got]
        assert seqs == sorted(set(seqs))
        counts = heard.counts()["A"]
        assert counts.missed >= 50
        assert len(seqs) + counts.missed == publisher.seq - seqs[0] + 1


def test_kill_9_of_an_engine_and_a_planned_stop_are_told_apart_and_old_epochs_stay_dead(scene: Scene) -> None:
    scene.configure("A", "B", aggregator="silent_after_s = 0.5")
    scene.start()
    crashing, stopping = engine(scene, "A", 1), scene.publisher("B")
    with scene.subscribe(kinds=("score", "view")) as heard:
        until(heard, lambda m: isinstance(m, Score) and m.market == "A" and m.seq > 10)
        joined(heard, stopping)
        stopping.end(**now_moment())
        stopping.close()
        joined(heard, scene.publisher("B", epoch=2))
        crashing.kill()
        crashing.wait(DEADLINE_S)
        again = engine(scene, "A", 2)  # binds the path whose socket file the dead one left
        until(heard, lambda m: isinstance(m, Score) and (m.market, m.epoch) == ("A", 2))
        again.kill()
        again.wait(DEADLINE_S)
        ghost = scene.publisher("A", epoch=1)

        def is_silent(message: Any) -> bool:
            send(ghost)
            return isinstance(message, ViewMessage) and message.markets["A"].state == "silent"

        until(heard, is_silent)
        counts = heard.counts()
        assert (counts["A"].crashes, counts["A"].planned_stops) == (1, 0)
        assert (counts["B"].crashes, counts["B"].planned_stops) == (0, 1)


def test_kill_9_of_a_subscriber_costs_the_others_nothing(scene: Scene) -> None:
    scene.configure("A")
    scene.start()
    publisher = scene.publisher("A")
    victim = Forked(LISTENER, [scene.endpoint], os.environ)
    scene.processes.append(victim)
    with scene.subscribe("A") as heard:
        joined(heard, publisher)
        assert victim.stdout.readline()
        before = heard.counts()["A"].missed  # while they joined
        send(publisher, 500)
        victim.kill()
        victim.wait(DEADLINE_S)
        send(publisher, 500)
        until(heard, lambda m: m.seq == publisher.seq)
        assert heard.counts()["A"].missed == before


def test_hostile_messages_are_counted_and_the_good_ones_go_on(scene: Scene) -> None:
    scene.configure("A", "B")
    process = scene.start()
    good = scene.publisher("A")
    with zmq.Context() as context, context.socket(zmq.PUB) as bad, scene.subscribe() as heard:
        bad.bind(f"ipc://{scene.directory}/B.scores")
        joined(heard, good)
        before, rejected = heard.counts()["A"].missed, 0  # while it joined
        for payload in (b"\x80\x04pickle", bytes(100_000), b"\xc1"):
            counted = rejected
            while rejected <= counted:  # until this one is counted as well
                bad.send_multipart([b"score.B", payload])
                rejected = scene.beat(process)["rejected"]
        send(good, 50)
        until(heard, lambda m: m.seq == good.seq)
        assert heard.counts()["A"].missed == before
        assert heard.rejected() == {}


def test_a_market_that_was_cut_off_for_a_flood_of_bytes_is_heard_again(scene: Scene) -> None:
    scene.configure("A", aggregator="silent_after_s = 0.2")
    scene.start(sound_out_s=0.3)
    publisher = scene.publisher("A")
    with scene.subscribe() as heard:
        joined(heard, publisher)
        publisher._socket.send(b"score.A", bytes(5_000_000))
        seq = publisher.seq
        assert joined(heard, publisher)[0].seq > seq


def test_a_market_that_never_speaks_is_named(scene: Scene) -> None:
    scene.configure("A", "B")
    process = scene.start(sound_out_s=0.3)
    publisher = scene.publisher("A")
    with scene.subscribe(kinds=("score", "view")) as heard:
        joined(heard, publisher)
        view = until(heard, lambda m: isinstance(m, ViewMessage) and m.markets["A"].state == "fresh")
    assert view.markets["B"].state == "unheard"
    warning = {"reason": ""}
    while warning["reason"] != "unheard B":  # on a busy machine A may have been waited for as well, at first
        warning = json.loads(process.stderr.readline())  # type: ignore[union-attr]
        assert warning["event"] == "markets are not heard"
        assert "B" in warning["reason"]


def test_reload_brings_and_takes_markets_and_strategies_without_losing_the_board(scene: Scene) -> None:
    scene.configure("A", "B", strategies="[strategies.ranking]")
    process = scene.start()
    a, b, c = (scene.publisher(market) for market in "ABC")
    with scene.subscribe(kinds=("score", "view")) as heard:
        joined(heard, a)
        joined(heard, b)
        scene.configure("A", "C", strategies=THRESHOLD)
        process.send_signal(signal.SIGHUP)
        joined(heard, c)
        view = until(heard, lambda m: isinstance(m, ViewMessage) and "C" in m.markets)
        assert view.markets["A"].seq == a.seq
        assert set(view.markets) == {"A", "C"}
        assert set(view.strategies) == {"threshold"}
        scene.config.write_text("[aggregator]\nnonsense = 1\n")
        process.send_signal(signal.SIGHUP)
        send(a, 10)
        until(heard, lambda m: isinstance(m, Score) and m.market == "A" and m.seq == a.seq)
        assert process.poll() is None


def test_a_reload_that_would_relate_markets_elsewhere_says_what_it_takes(scene: Scene) -> None:
    scene.configure("A", aggregator='relations = "joined"')
    process = scene.start()
    b = scene.publisher("B")
    scene.configure("A", "B", aggregator='relations = "apart"')
    process.send_signal(signal.SIGHUP)
    with scene.subscribe() as heard:
        joined(heard, b)  # so it has reloaded
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    told = {each["event"]: each.get("reason", "") for each in stderr_of(process)}
    assert "restart aggregator" in told["markets are related as at the start"]


def test_decisions_are_published_and_on_disk_with_their_views(scene: Scene) -> None:
    scene.configure("A", aggregator="view_interval_ms = 20", strategies=THRESHOLD)
    scene.start()
    publisher = scene.publisher("A")
    heard_decisions: list[DecisionMessage] = []
    with scene.subscribe(kinds=("score", "decision")) as heard:
        joined(heard, publisher)
        for level in (95.0, 5.0, 95.0):
            while not heard_decisions or heard_decisions[-1].scores["A"]["momentum_long"] != level:
                send(publisher, scores={"momentum_long": level, "momentum_short": 0.0})
                message = heard.receive(0.1)
                if isinstance(message, DecisionMessage):
                    heard_decisions.append(message)
    journaled = list(read_journal(scene.directory / "state" / "aggregator"))
    assert [each.decision for each in journaled] == heard_decisions
    assert [d.action for d in heard_decisions] == ["enter", "exit", "enter"]
    assert all(each.view.seq == each.decision.view_seq for each in journaled)


def test_async_iteration_brings_the_same(scene: Scene) -> None:
    scene.configure("A")
    scene.start()
    publisher = scene.publisher("A")

    async def listen() -> list[int]:
        seqs: list[int] = []
        async with scene.subscribe("A") as heard:
            joined(heard, publisher)
            start = publisher.seq
            send(publisher, 300)
            async for message in heard:
                assert isinstance(message, Score)
                seqs.append(message.seq)
                if message.seq == start + 150:
                    await asyncio.sleep(0)
                if message.seq == publisher.seq:
                    return seqs
        return seqs

    seqs = asyncio.run(asyncio.wait_for(listen(), DEADLINE_S))
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_with_keys_only_allowed_subscribers_hear_and_repair_works_for_them(
    scene: Scene, tmp_path: Path
) -> None:
    node, alice = tmp_path / "node", tmp_path / "alice"
    trust_server(alice, new_keys(node))
    allow(node, "alice", new_keys(alice))
    scene.configure("A", aggregator=f'keys_dir = "{node}"')
    scene.start()
    publisher = scene.publisher("A")
    with scene.subscribe("A", keys=alice) as allowed, scene.subscribe("A") as keyless:
        joined(allowed, publisher)
        send(publisher, 10)
        until(allowed, lambda m: m.seq == publisher.seq)
        assert keyless.receive(0.2) is None
        assert keyless.state("A") == "unheard"
