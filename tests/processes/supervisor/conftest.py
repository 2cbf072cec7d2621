from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.supervisor.harness import Node


@pytest.fixture
def node() -> Iterator[Callable[..., Node]]:
    """Make nodes; whatever they leave is swept away."""
    made: list[Node] = []

    def make(*specs: dict[str, Any], **settings: Any) -> Node:
        made.append(Node(*specs, **settings))
        return made[-1]

    yield make
    for one in made:
        one.sweep()
