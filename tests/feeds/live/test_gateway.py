"""Real gateway processes against venues of our own, over TLS, side by side: what engines score live is what
replay scores from the frames that were passed on, whatever happens on the way.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from signalnode.clock import NS_PER_S, monotonic_ns, pause
from signalnode.feeds.live import envelope
from signalnode.settings import LIVE_VENUES
from tests.effort import only_long, reach
from tests.venues import faults
from tests.venues.gateways import Gateways, gateway_name, gateways
from tests.venues.listening import WAIT_S, Listener
from tests.venues.proxy import Proxy
from tests.venues.server import Running, Server

Start = Callable[..., None]
STEPS_PER_S = 20.0  # of each venue; all share a thread


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def started() -> Iterator[Gateways]:
    with gateways() as made:
        yield made


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    return tls


@pytest.fixture
def running(authority: trustme.CA) -> Iterator[Running]:
    """dYdX alone."""
    with Running(Server("dydx", steps_per_s=100.0), tls=tls_of(authority.issue_cert("localhost"))) as servers:
        yield servers


@pytest.fixture
def gateway(running: Running, started: Gateways, trusted: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts dYdX's; with what it shall see of the environment, or another address."""

    def start(url: str = "", **environment: str) -> None:
        started.start(running.servers[0], tmp_path, trusted | environment, url=url)

    yield start
    started.kill_all()


def listening_to(server: Server, directory: Path) -> Listener:
    name = server.venue.protocol.name
    endpoint = envelope.frames_endpoint(directory, gateway_name(name))
    made = Listener(endpoint, gateway_name(name), name, next(iter(server.venue.listings)))
    list(made.feed.prepare())
    return made


@pytest.fixture
def listener(running: Running, tmp_path: Path) -> Iterator[Listener]:
    made = listening_to(running.servers[0], tmp_path)
    yield made
    made.close()


class Crowd:
    """A market of each venue, listened to at once."""

    def __init__(self, listeners: list[Listener]) -> None:
        self.listeners = listeners

    def turn(self) -> None:
        for each in self.listeners:
            each.turn(monotonic_ns())
        pause(NS_PER_S // 50)

    def until(self, holds: Callable[[Listener], bool], what: str) -> None:
        """Until each has held once."""
        end_ns, waiting = monotonic_ns() + int(2 * WAIT_S * NS_PER_S), list(self.listeners)
        while waiting:
            assert monotonic_ns() < end_ns, [(what, w.venue, w.feed.outage, w.feed.faults) for w in waiting]
            self.turn()
            waiting = [each for each in waiting if not holds(each)]

    def until_sound(self) -> None:
        self.until(lambda each: each.is_sound, "a sound book")
        counts = {each.venue: each.quotes for each in self.listeners}
        self.until(lambda each: each.is_sound and each.quotes > counts[each.venue] + 3, "quotes")


@pytest.fixture
def everywhere(authority: trustme.CA) -> Iterator[Running]:
    servers = [Server(name, steps_per_s=STEPS_PER_S) for name in LIVE_VENUES[:: reach(5, 1)]]
    with Running(*servers, tls=tls_of(authority.issue_cert("localhost"))) as running:
        yield running


@pytest.fixture
def crowd(everywhere: Running, started: Gateways, trusted: dict[str, str], tmp_path: Path) -> Iterator[Crowd]:
    for server in everywhere.servers:
        started.start(server, tmp_path, trusted)
    made = Crowd([listening_to(server, tmp_path) for server in everywhere.servers])
    yield made
    for each in made.listeners:
        each.close()
    started.kill_all()


def test_what_is_scored_live_is_what_replay_scores_from_the_frames_with_faults_in_between(
    everywhere, crowd, started, trusted, tmp_path
):
    crowd.until_sound()
    venues = [server.venue for server in everywhere.servers]
    for fault_of in (faults.broken_off, lambda symbol: faults.number_put(symbol, b"NaN"), faults.lost):
        before = {each.venue: sum(each.feed.faults.values()) for each in crowd.listeners}
        for venue in venues:
            venue.script.faults.append(fault_of(next(iter(venue.listings))))
        crowd.until(lambda _: not any(venue.script.faults for venue in venues), "frames to spoil")
        if fault_of is faults.broken_off:
            told = before
            crowd.until(lambda each: sum(each.feed.faults.values()) > told[each.venue], "the fault")  # noqa: B023
        crowd.until_sound()
    for each in crowd.listeners:
        each.forget()
    everywhere.do(lambda: [venue.close_all(1012) for venue in venues])
    crowd.until(lambda each: each.was_told("1012"), "the close")
    crowd.until_sound()
    killed = Crowd(crowd.listeners[:2])
    for each, server in zip(killed.listeners, everywhere.servers, strict=False):
        each.forget()
        started.kill(server.venue.protocol.name)
        started.start(server, tmp_path, trusted)
    killed.until(lambda each: each.was_told("heard"), "the new gateway's word")
    crowd.until_sound()
    started.kill_all()
    for each in crowd.listeners:
        each.drain()
        each.check_replay(tmp_path / "passed_on")
    for venue in venues:
        assert not venue.broken_rules, venue.protocol.name


def test_a_refusal_is_told_with_its_reason_and_not_tried_again(running, gateway, listener):
    venue = running.servers[0].venue
    venue.script.status = 403
    gateway()
    listener.until(lambda: listener.feed.outage == "refused: HTTP 403", "the refusal")
    assert venue.connects == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(running, gateway, listener, tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    gateway(SSL_CERT_FILE=str(tmp_path / "other.pem"))
    listener.until(lambda: "its certificate " in listener.feed.outage, "the refusal")
    assert running.servers[0].venue.connects == 0


@pytest.mark.parametrize("what", ["expired", "of another host"])
def test_a_certificate_that_is_wrong_is_refused(what, authority, started, trusted, tmp_path):
    day = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = authority.issue_cert("localhost", not_after=day)
    if what != "expired":
        certificate = authority.issue_cert("elsewhere.example")
    with Running(Server("dydx"), tls=tls_of(certificate)) as running:
        listener = listening_to(running.servers[0], tmp_path)
        started.start(running.servers[0], tmp_path, trusted)
        listener.until(lambda: "its certificate " in listener.feed.outage, "the refusal")
        assert running.servers[0].venue.connects == 0
        listener.close()
        started.kill_all()


def test_a_redirect_is_told_and_not_followed(running, gateway, listener):
    venue = running.servers[0].venue
    venue.script.status, venue.script.location = 302, "wss://localhost:1/elsewhere"
    gateway()
    listener.until(lambda: "302" in listener.feed.outage, "the refusal")
    assert venue.connects == 1


def test_a_frame_larger_than_is_borne_closes_and_is_made_good(running, gateway, listener):
    gateway()
    listener.until_sound()
    running.servers[0].venue.script.faults.append(faults.huge(listener.symbol))
    listener.until(lambda: listener.was_told("1009"), "the close")
    listener.until_sound()


def losses_of(listener: Listener) -> dict[str, int]:
    """What became of the data; how a busy machine's clock runs is no matter here."""
    return {name: count for name, count in listener.feed.faults.items() if "clock" not in name}


def test_a_connection_that_is_about_to_be_closed_is_replaced_and_nobody_notices(
    authority, started, trusted, tmp_path
):
    server = Server("binance", steps_per_s=STEPS_PER_S)
    with Running(server, tls=tls_of(authority.issue_cert("localhost"))) as running:
        listener = listening_to(server, tmp_path)
        started.start(server, tmp_path, trusted)
        listener.until_sound()
        taken, before = listener.feed.connection, losses_of(listener)
        running.do(lambda: [peer.send({"e": "serverShutdown", "E": 1}) for peer in server.venue.peers])
        troubles, seen = set[str](), 0

        def has_moved() -> bool:
            nonlocal seen
            troubles.add(listener.feed.trouble)
            new, seen = listener.lines[seen:], len(listener.lines)
            return any(line.partition(b" ")[0].rstrip().endswith(b"=") for line in new)

        listener.until(has_moved, "the new connection to take over")
        listener.until_comparable()
        started.kill_all()
        listener.drain()
        assert troubles == {""}
        assert listener.feed.connection > taken
        assert losses_of(listener) == before
        listener.check_replay(tmp_path / "passed_on")
        listener.close()
    assert not server.venue.broken_rules


class Handovers:
    """Binance's gateway under a listener, restarted as a supervisor does it where that is planned."""

    def __init__(self, server: Server, started: Gateways, trusted: dict[str, str], directory: Path) -> None:
        self.server, self.started, self.trusted, self.directory = server, started, trusted, directory
        self.listener = listening_to(server, directory)
        started.start(server, directory, trusted)
        self.listener.until_sound()
        self.before, self.seen = losses_of(self.listener), set[str]()

    def begin(self) -> tuple[int, Path]:
        """Pid of the old one, and the file that is there when the new one is ready."""
        old = self.started.pids["binance"]
        return old, self.started.start(self.server, self.directory, self.trusted, relieves=old)

    def notices(self) -> bool:
        """What the engine sees of it is kept; always False."""
        self.seen |= {self.listener.feed.trouble, self.listener.feed.outage}
        return False

    def finish(self) -> None:
        """Nothing was noticed, and live is replay."""
        self.listener.until_comparable()
        self.started.kill_all()
        self.listener.drain()
        assert self.seen == {""}
        assert losses_of(self.listener) == self.before
        self.listener.check_replay(self.directory / "passed_on")
        self.listener.close()
        assert not self.server.venue.broken_rules


@pytest.fixture
def handovers(
    authority: trustme.CA, started: Gateways, trusted: dict[str, str], tmp_path: Path
) -> Iterator[Handovers]:
    server = Server("binance", steps_per_s=STEPS_PER_S)
    with Running(server, tls=tls_of(authority.issue_cert("localhost"))):
        yield Handovers(server, started, trusted, tmp_path)
    started.kill_all()


def test_a_planned_restart_of_the_gateway_is_a_handover_that_nobody_notices(handovers):
    for _ in range(2):  # by either of the two names
        old, ready = handovers.begin()
        number = handovers.listener.feed.connection
        handovers.listener.until(lambda: handovers.notices() or ready.exists(), "the new one to be ready")  # noqa: B023
        handovers.started.end(old)
        handovers.listener.until(
            lambda: handovers.notices() or handovers.listener.feed.connection > number,  # noqa: B023
            "frames of the new one",
        )
    handovers.finish()


def test_an_old_gateway_that_dies_amid_its_handover_is_relieved_and_one_that_stays_goes_on(handovers):
    listener, server = handovers.listener, handovers.server
    server.venue.script.status = 503  # whoever comes is not let in
    old, ready = handovers.begin()
    young = handovers.started.pids["binance"]
    listener.until(lambda: handovers.notices() or server.venue.connects >= 2, "the new one to try")
    handovers.started.kill("binance")
    assert young != old
    assert not ready.exists()
    handovers.finish()


@only_long("a minute of silence, which the laws have in virtual time")
def test_a_half_open_connection_is_found_out_and_made_anew(running, gateway, listener, tmp_path):
    server = running.servers[0]
    port = int(server.ws_url.partition("localhost:")[2].partition("/")[0])
    with Proxy(port) as proxy:
        gateway(url=server.ws_url.replace(str(port), str(proxy.port)))
        listener.until_sound()
        proxy.hold()
        listener.until(lambda: bool(listener.feed.outage), "the outage", wait_s=120.0)
        proxy.release()
        listener.until_comparable()
        listener.check_replay(tmp_path / "passed_on")
