"""The matrix of relations: in blocks, bounded, and asked of a real socket."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import zmq

from signalnode.aggregator.core import Aggregator
from signalnode.aggregator.republisher import Republisher
from signalnode.aggregator.runner import StrategyRunner
from signalnode.bus.relations import decode_relations, encode_relations
from signalnode.panels.web.relations import SHOWN_MAX, ask_relations, in_blocks, relation_facts
from signalnode.settings import AggregatorSettings
from tests.bus.conftest import short_dir
from tests.effort import PATIENCE_MS

__all__ = ["short_dir"]


def shuffled_blocks(sizes: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix of blocks in disorder, and of each row its block."""
    dice = np.random.default_rng(seed)
    blocks = dice.permutation(np.repeat(np.arange(len(sizes)), sizes))
    rho = np.where(blocks[:, None] == blocks, 0.7, 0.1) + dice.uniform(-0.08, 0.08, (len(blocks),) * 2)
    rho = (rho + rho.T) / 2
    np.fill_diagonal(rho, np.nan)
    return rho, blocks


@pytest.mark.parametrize("seed", range(5))
def test_markets_that_move_together_stand_together(seed: int) -> None:
    rho, blocks = shuffled_blocks((7, 4, 12, 2), seed)
    order = in_blocks(rho)
    assert sorted(order) == list(range(25))
    assert (np.diff(blocks[order]) != 0).sum() == 3


def test_in_a_block_the_most_alike_touch() -> None:
    line = np.array([0.0, 1.0, 2.0, 3.0, 4.0])[np.array([3, 0, 4, 2, 1])]
    rho = 1.0 - np.abs(line[:, None] - line) / 5
    assert [line[at] for at in in_blocks(rho)] in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_markets_have_an_order_too(count: int) -> None:
    assert sorted(in_blocks(np.full((count, count), np.nan))) == list(range(count))


def test_of_too_many_the_most_related_are_shown_and_the_rest_is_counted() -> None:
    rho, _ = shuffled_blocks((SHOWN_MAX, 30), 1)
    rho[:10] = rho[:, :10] = np.nan  # never heard together with anybody
    names = [f"M{at}" for at in range(len(rho))]
    facts = relation_facts(decode_relations(encode_relations(names, 0.5, rho, 0 * rho, rho)))
    assert len(facts["markets"]) == SHOWN_MAX
    assert not set(facts["markets"]) & set(names[:10])
    assert facts["more"] == 30
    assert len(facts["correlation"]) == len(facts["lead"]) == SHOWN_MAX**2


def test_an_aggregator_is_asked_and_one_that_is_not_there_gives_none(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = AggregatorSettings(endpoint=f"ipc://{short_dir}/out")
    with zmq.Context() as context:
        republisher = Republisher(context, settings)
        core = Aggregator(settings, ["A", "B"], StrategyRunner({}), 1, 0)
        answers = []
        monkeypatch.setattr("signalnode.panels.web.relations.WAIT_MS", PATIENCE_MS)
        asking = threading.Thread(target=lambda: answers.append(ask_relations(settings.endpoint, None)))
        asking.start()
        assert republisher.sockets[1].poll(PATIENCE_MS)
        republisher.serve(core, 0, republisher.sockets)
        asking.join()
        republisher.close()
    (found,) = answers
    assert found is not None
    assert found.markets == ()  # nothing was measured so far
    monkeypatch.setattr("signalnode.panels.web.relations.WAIT_MS", 50)
    assert ask_relations(settings.endpoint, None) is None
