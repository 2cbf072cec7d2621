"""Messages of a cluster as bytes: what one version of the code wrote another may have to read."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from signalnode.errors import ClusterError

MESSAGE_BYTES_MAX = 4_194_304  # a report of 1,000 markets is below 100 kB

_Message = TypeVar("_Message")


def encoded(message: object) -> bytes:
    """Any message of `messages`, or a Status."""
    return msgspec.msgpack.encode(message)


def decoded(content: bytes, kind: type[_Message]) -> _Message:
    """Raises ClusterError where it is no such message."""
    if len(content) > MESSAGE_BYTES_MAX:
        raise ClusterError(f"a message of {len(content)} bytes, over {MESSAGE_BYTES_MAX}; it is left out")
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise ClusterError(
            f"a {kind.__name__} cannot be read ({error}); do all hosts run one version?"
        ) from None
