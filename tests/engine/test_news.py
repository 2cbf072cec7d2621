"""What a live engine waits for, in one poll."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest
import zmq

from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.engine.news import News

STOPS = (signal.SIGUSR1,)
LONG_NS = 60 * NS_PER_S


@pytest.fixture
def ends() -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    context = zmq.Context()
    down, up = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    down.bind("inproc://news")
    up.connect("inproc://news")
    yield down, up
    context.destroy(linger=0)


@pytest.fixture
def taken() -> Iterator[list[int]]:
    """The signals that came, blocked until there is a `News`."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: numbers.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    yield numbers
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGUSR1, before)
    signal.set_wakeup_fd(-1)


def test_a_signal_from_before_the_wait_ends_it(ends, taken):
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    assert not taken
    news = News(ends[0], STOPS)
    assert taken == [signal.SIGUSR1]
    since_ns = monotonic_ns()
    news.wait(LONG_NS, listen=False)
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    news.wait(LONG_NS, listen=True)
    assert taken == [signal.SIGUSR1] * 2
    assert monotonic_ns() - since_ns < LONG_NS


def test_news_end_a_wait_that_listens_and_stay_to_be_read(ends, taken):
    news = News(ends[0], STOPS)
    ends[1].send(b"frame")
    since_ns = monotonic_ns()
    news.wait(LONG_NS, listen=True)
    assert monotonic_ns() - since_ns < LONG_NS
    assert ends[0].recv(zmq.NOBLOCK) == b"frame"


def test_news_do_not_end_a_wait_that_does_not_listen(ends, taken):
    news = News(ends[0], STOPS)
    ends[1].send(b"frame")
    since_ns = monotonic_ns()
    news.wait(NS_PER_S // 100, listen=False)
    assert monotonic_ns() - since_ns >= NS_PER_S // 100


def test_who_is_served_meanwhile_is_no_news(ends, taken):
    class Served:
        def __init__(self):
            self.fd, self.end = os.pipe()
            self.count = 0

        def serve(self):
            os.read(self.fd, 1)
            self.count += 1

    served = Served()
    news = News(ends[0], STOPS, served)
    os.write(served.end, b"12")
    since_ns = monotonic_ns()
    news.wait(NS_PER_S // 50, listen=True)
    assert monotonic_ns() - since_ns >= NS_PER_S // 50
    assert served.count == 2
    os.write(served.end, b"3")
    ends[1].send(b"frame")
    news.wait(LONG_NS, listen=True)
    assert monotonic_ns() - since_ns < LONG_NS


def test_who_always_wants_to_be_served_holds_nothing_up(ends):
    class Insatiable:
        def __init__(self):
            self.fd, end = os.pipe()
            os.write(end, b"1")
            self.count = 0

        def serve(self):
            self.count += 1
            assert self.count < 1_000_000

    insatiable = Insatiable()
    news = News(ends[0], STOPS, insatiable)
    news.wait(0, listen=True)
    assert insatiable.count == 1
    news.wait(NS_PER_S // 1_000, listen=True)
