"""What a live engine waits for, in one poll."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from signalnode.clock import NS_PER_S, monotonic_ns
from signalnode.engine.news import News

STOPS = (signal.SIGUSR1,)
LONG_NS = 60 * NS_PER_S
NEVER_NS = 1 << 62


class Inlet:
    """What news come in by: a pipe."""

    def __init__(self):
        self.fd, self._end = os.pipe()
        self.due_ns, self.holds, self.retries = NEVER_NS, False, 0

    def send(self, news):
        os.write(self._end, news)

    def retry(self):
        self.retries, self.due_ns = self.retries + 1, NEVER_NS

    def close(self):
        os.close(self.fd)
        os.close(self._end)


@pytest.fixture
def inlet() -> Iterator[Inlet]:
    made = Inlet()
    yield made
    made.close()


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


def test_a_signal_from_before_the_wait_ends_it(inlet, taken):
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    assert not taken
    news = News(inlet, STOPS)
    assert taken == [signal.SIGUSR1]
    since_ns = monotonic_ns()
    news.wait_until(monotonic_ns() + LONG_NS, listen=False)
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    news.wait_until(monotonic_ns() + LONG_NS, listen=True)
    assert taken == [signal.SIGUSR1] * 2
    assert monotonic_ns() - since_ns < LONG_NS


def test_news_end_a_wait_that_listens_and_stay_to_be_read(inlet, taken):
    news = News(inlet, STOPS)
    inlet.send(b"frame")
    since_ns = monotonic_ns()
    news.wait_until(monotonic_ns() + LONG_NS, listen=True)
    assert monotonic_ns() - since_ns < LONG_NS
    assert os.read(inlet.fd, 10) == b"frame"


def test_news_do_not_end_a_wait_that_does_not_listen(inlet, taken):
    news = News(inlet, STOPS)
    inlet.send(b"frame")
    since_ns = monotonic_ns()
    news.wait_until(monotonic_ns() + NS_PER_S // 100, listen=False)
    assert monotonic_ns() - since_ns >= NS_PER_S // 100


def test_who_is_served_meanwhile_is_no_news(inlet, taken):
    class Served:
        def __init__(self):
            self.fd, self.end = os.pipe()
            self.count = 0

        def serve(self):
            os.read(self.fd, 1)
            self.count += 1

    served = Served()
    news = News(inlet, STOPS, served)
    os.write(served.end, b"12")
    since_ns = monotonic_ns()
    news.wait_until(monotonic_ns() + NS_PER_S // 50, listen=True)
    assert monotonic_ns() - since_ns >= NS_PER_S // 50
    assert served.count == 2
    os.write(served.end, b"3")
    inlet.send(b"frame")
    news.wait_until(monotonic_ns() + LONG_NS, listen=True)
    assert monotonic_ns() - since_ns < LONG_NS


def test_who_always_wants_to_be_served_holds_nothing_up(inlet):
    class Insatiable:
        def __init__(self):
            self.fd, end = os.pipe()
            os.write(end, b"1")
            self.count = 0

        def serve(self):
            self.count += 1
            assert self.count < 1_000_000

    insatiable = Insatiable()
    news = News(inlet, STOPS, insatiable)
    news.wait_until(monotonic_ns() + 0, listen=True)
    assert insatiable.count == 1
    news.wait_until(monotonic_ns() + NS_PER_S // 1_000, listen=True)


def test_what_was_read_and_not_taken_is_news(inlet, taken):
    news, inlet.holds = News(inlet, STOPS), True
    since_ns = monotonic_ns()
    news.wait_until(monotonic_ns() + LONG_NS, listen=True)
    assert monotonic_ns() - since_ns < LONG_NS
    news.wait_until(monotonic_ns() + NS_PER_S // 100, listen=False)


def test_who_is_not_there_is_looked_for_when_that_is_due_and_it_is_no_news(inlet, taken):
    news = News(inlet, STOPS)
    inlet.due_ns = monotonic_ns() + NS_PER_S // 200
    since_ns = monotonic_ns()
    news.wait_until(monotonic_ns() + NS_PER_S // 50, listen=False)
    assert monotonic_ns() - since_ns >= NS_PER_S // 50
    assert inlet.retries == 1


def test_who_is_not_there_is_looked_for_by_an_engine_that_is_always_late_as_well(inlet, taken):
    news = News(inlet, STOPS)
    inlet.due_ns = late_ns = monotonic_ns()
    news.wait_until(late_ns, listen=False)
    assert inlet.retries == 1
