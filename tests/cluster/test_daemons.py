"""Ray's daemons: why one of them ends, in our words."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalnode.cluster.daemons import RefusedError, check_let_in

HEAD = "10.0.0.1:6379"


def test_a_token_that_is_not_the_heads_is_said_and_not_tried_for_ever(tmp_path: Path) -> None:
    output = tmp_path / "host.log"
    check_let_in(output, HEAD)
    output.write_text("a node that ended\n")
    check_let_in(output, HEAD)
    output.write_text(
        "Unauthenticated: RPC error: InvalidAuthToken: Authentication token is missing or incorrect\n"
    )
    with pytest.raises(
        RefusedError, match=r"^the head at 10.0.0.1:6379 refuses this machine's token; copy it"
    ):
        check_let_in(output, HEAD)
