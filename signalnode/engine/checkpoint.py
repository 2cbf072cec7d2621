"""Checkpoints that survive whatever kills the writer.

Two files take turns, each written over in its place: it carries its length, a checksum and a serial number. A
write torn by kill -9 or a full disk leaves the other file as it was, and that is the last good one. Written
aside and renamed, a checkpoint cost seven times as much, and waited for the disk. What a loss of power leaves
is what the disk has of the two: up to half a minute old, for only a planned stop waits until it has all. A
file of another identity (formulas, parameters, signals) or format is refused, with the reason.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec

from signalnode.errors import CheckpointError
from signalnode.files import ensure_directory, write_over

MAGIC = b"signalnode checkpoint\n"
FORMAT = 2
HEAD = struct.Struct(">III")  # after MAGIC: the format, and length and CRC-32 of the body
HEAD_BYTES = len(MAGIC) + HEAD.size
SLOTS = ("checkpoint.0", "checkpoint.1")
CHECKPOINT_BYTES_MAX = 16_000_000  # far above any engine's state; a larger file is not ours


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine needs to go on: who may use it, its state, and where its feed stood."""

    identity: str  # SignalEngine.identity() and the feed's
    serial: int  # one more for each written
    state: bytes  # SignalEngine.state()
    health: bytes  # ChannelHealth.state
    position: dict[str, Any]  # Feed.position


class CheckpointFile:
    """The two slots of one market in `directory`, made if need be. Held by one process at a time."""

    def __init__(self, directory: Path, identity: str) -> None:
        self._paths = [directory / name for name in SLOTS]
        self._names = [str(path) for path in self._paths]
        self._identity = identity
        self._serial = 0
        self.refused: list[str] = []  # why files that are there were not used, a line each

    def load(self) -> Checkpoint | None:
        """The newest usable checkpoint, or None to start cold; `refused` says what was wrong with others."""
        found = []
        for path in self._paths:
            try:
                found.append(_read(path, self._identity))
            except FileNotFoundError:
                continue
            except CheckpointError as error:
                self.refused.append(str(error))
        newest = max(found, key=lambda checkpoint: checkpoint.serial, default=None)
        self._serial = newest.serial if newest else 0
        return newest

    def save(self, state: bytes, health: bytes, position: dict[str, Any], *, durable: bool = False) -> None:
        """Write one more. `durable` waits until the disk has it, against a loss of power; a kill -9 needs
        none of that.

        Raises CheckpointError where it can't be written; the one before stays usable.
        """
        checkpoint = Checkpoint(
            identity=self._identity, serial=self._serial + 1, state=state, health=health, position=position
        )
        body = msgspec.msgpack.encode(checkpoint)
        content = MAGIC + HEAD.pack(FORMAT, len(body), zlib.crc32(body)) + body
        path = self._names[(self._serial + 1) % len(SLOTS)]
        try:
            try:
                write_over(path, content, durable=durable)
            except FileNotFoundError:  # a first start on a full disk, or somebody removed the directory
                ensure_directory(Path(path).parent)
                write_over(path, content, durable=durable)
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be written ({error.strerror}); make room or mend its mode"
            ) from None
        self._serial += 1


def _read(path: Path, identity: str) -> Checkpoint:
    try:
        with path.open("rb") as file:
            content = file.read(CHECKPOINT_BYTES_MAX)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); mend its mode; starting without it"
        ) from None
    if content[: len(MAGIC)] != MAGIC or len(content) < HEAD_BYTES:
        raise CheckpointError(f"{path}: not a checkpoint; starting without it")
    number, length, checksum = HEAD.unpack_from(content, len(MAGIC))
    body = content[HEAD_BYTES : HEAD_BYTES + length]
    if number != FORMAT:
        raise CheckpointError(f"{path}: of another format than this version's; starting without it")
    if len(body) != length or zlib.crc32(body) != checksum:
        raise CheckpointError(f"{path}: torn or altered; starting without it")
    try:
        checkpoint = msgspec.msgpack.decode(body, type=Checkpoint)
    except msgspec.MsgspecError:
        raise CheckpointError(f"{path}: no checkpoint of this version; starting without it") from None
    if checkpoint.identity != identity:
        raise CheckpointError(f"{path}: made with other parameters or another version; starting without it")
    return checkpoint
