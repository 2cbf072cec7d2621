"""The matrix of relations as the page shows it: asked of Layer 5, and in an order in which blocks show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

from signalnode.bus.curve import secure_client
from signalnode.bus.relations import RELATIONS_BYTES_MAX, UNKNOWN, Matrices, decode_relations
from signalnode.bus.snapshot import RingRequest, decode_reply, encode_request
from signalnode.bus.sockets import prepare
from signalnode.bus.wire import WireError
from signalnode.names import connect_address, snapshot_endpoint

SHOWN_MAX = 200  # markets of a matrix; of more, those most related
WAIT_MS = 2_000  # for the answer

Floats = npt.NDArray[np.float64]


def ask_relations(endpoint: str, keys: Path | None) -> Matrices | None:
    """What the aggregator at `endpoint` knows; None where it gives no answer in WAIT_MS. Blocks."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.RCVTIMEO, WAIT_MS),
            (zmq.SNDTIMEO, WAIT_MS),
            (zmq.MAXMSGSIZE, RELATIONS_BYTES_MAX),
        ):
            socket.setsockopt(option, value)
        address = connect_address(snapshot_endpoint(endpoint))
        prepare(socket, address)
        if keys is not None:
            secure_client(socket, keys)
        socket.connect(address)
        try:
            socket.send(encode_request(RingRequest(id=1, ask="relations")))
            _, found = decode_reply(socket.recv_multipart())
            return decode_relations(found[0][1])
        except (zmq.ZMQError, WireError, IndexError):
            return None


def relation_facts(matrices: Matrices) -> dict[str, Any]:
    """Those of SHOWN_MAX markets, in blocks; as JSON, signed bytes row after row are base64."""
    correlation = np.where(matrices.correlation == UNKNOWN, np.nan, matrices.correlation / 100)
    np.fill_diagonal(correlation, np.nan)
    known = np.flatnonzero(np.isfinite(correlation).any(axis=1))
    sums = np.nansum(np.abs(correlation[known]), axis=1)
    most = np.sort(known[np.argsort(-sums, kind="stable")[:SHOWN_MAX]])
    order = most[in_blocks(correlation[np.ix_(most, most)])]
    grid = np.ix_(order, order)
    return {
        "kind": "relations",
        "markets": [matrices.markets[at] for at in order],
        "more": len(matrices.markets) + matrices.more - len(order),
        "step_s": matrices.step_s,
        "correlation": matrices.correlation[grid].tobytes(),
        "lead": matrices.lead[grid].tobytes(),
    }


def in_blocks(correlation: Floats) -> list[int]:
    """An order of the rows of a matrix (n, n), NaN where unknown, in which those that go together stand
    together: the leaves of a tree by average linkage of 1 − ρ, its branches turned to have the most
    alike touch.

    Nearest-neighbour chains (Murtagh, 1983), n² steps; turning after Bar-Joseph et al. (2001), greedily.
    """
    count = len(correlation)
    alike = np.nan_to_num(correlation)
    distance = 1.0 - alike
    np.fill_diagonal(distance, np.inf)
    leaves = [[at] for at in range(count)]
    chain: list[int] = []
    for _ in range(count - 1):
        if not chain:
            chain = [next(at for at, each in enumerate(leaves) if each)]
        while True:
            here = chain[-1]
            near = int(np.argmin(distance[here]))
            if len(chain) > 1 and distance[here, chain[-2]] <= distance[here, near]:
                break
            chain.append(near)
        first, other = chain.pop(), chain.pop()
        _merge(distance, leaves, first, other)
        leaves[first] = _joined(leaves[first], leaves[other], alike)
        leaves[other] = []
    return next((each for each in leaves if each), [])


def _merge(distance: Floats, leaves: list[list[int]], first: int, other: int) -> None:
    sizes = len(leaves[first]), len(leaves[other])
    mean = (sizes[0] * distance[first] + sizes[1] * distance[other]) / sum(sizes)
    distance[first], distance[:, first] = mean, mean
    distance[other], distance[:, other] = np.inf, np.inf
    distance[first, first] = np.inf


def _joined(first: list[int], other: list[int], alike: Floats) -> list[int]:
    ways = [(left, right) for left in (first, first[::-1]) for right in (other, other[::-1])]
    left, right = max(ways, key=lambda way: alike[way[0][-1], way[1][0]])
    return left + right
