"""What strategies hold, as a file of its own: of a Layer 5 that begins on another host when its own is lost.

A journal stays where it was written, and is large; this is the one thing of it that the next start needs, so
that nothing is decided again. The file is replaced with every record, after it. Of file and journal the newer
one counts: a kill may come between the two, and a file may have been brought from another host.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

import msgspec

from signalnode.aggregator.core import Outcome
from signalnode.aggregator.journal import newest_states
from signalnode.files import ensure_directory, replace_file

BYTES_MAX = 16_777_216  # 64 strategies with the largest states


class KeptStates(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the file: the states by strategy after the decisions on the view of that place."""

    v: Literal[1] = 1
    epoch: int
    seq: int
    states: dict[str, msgspec.Raw] = {}


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(KeptStates)


def states_path(directory: Path) -> Path:
    """Beside the journal."""
    return directory / "states.msgpack"


def keep(directory: Path, outcome: Outcome) -> None:
    """Put the states of a view that was decided on into their file."""
    view = outcome.view
    kept = KeptStates(epoch=view.epoch, seq=view.seq, states=outcome.states)
    with contextlib.suppress(OSError):  # the journal has it, and says where a disk takes nothing
        ensure_directory(directory)
        replace_file(states_path(directory), _ENCODER.encode(kept))


def begun(directory: Path) -> dict[str, msgspec.Raw]:
    """The newest states of strategies, from journal or file; none where there are none of this version."""
    place, states = newest_states(directory)
    with contextlib.suppress(OSError, msgspec.MsgspecError), states_path(directory).open("rb") as file:
        kept = _DECODER.decode(file.read(BYTES_MAX))
        if (kept.epoch, kept.seq) > place:
            return kept.states
    return states
