"""Checkpoints that survive whatever kills the writer.

Two files take turns. Each write goes to a temporary name first and takes its place whole, by rename; each
file carries its length, a checksum and a serial number. A write torn by kill -9 or a full disk leaves the
last good file as it was, and should the newest be torn by a loss of power, the one before it is there. A file
of another identity (formulas, parameters, signals) or format is refused, with the reason.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import msgspec

from signalnode.errors import CheckpointError
from signalnode.files import replace_file

MAGIC = b"signalnode checkpoint\n"
FORMAT = 1
SLOTS = ("checkpoint.0", "checkpoint.1")
CHECKPOINT_BYTES_MAX = 16_000_000  # far above any engine's state; a larger file is not ours
CHECKSUM_BYTES = 4


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine needs to go on: who may use it, its state, and where its feed stood."""

    format: int = FORMAT
    identity: str  # SignalEngine.identity() and the feed's
    serial: int  # one more for each written
    state: bytes  # SignalEngine.state()
    health: bytes  # ChannelHealth.state
    position: dict[str, Any]  # Feed.position


class CheckpointFile:
    """The two slots of one market in `directory`, which exists. Held by one process at a time."""

    def __init__(self, directory: Path, identity: str) -> None:
        self._directory = directory
        self._identity = identity
        self._serial = 0
        self.refused: list[str] = []  # why files that are there were not used, a line each

    def load(self) -> Checkpoint | None:
        """The newest usable checkpoint, or None to start cold; `refused` then says what was wrong with those
        there.
        """
        found = []
        for name in SLOTS:
            path = self._directory / name
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
        """Write one more. `durable` waits until the disk has it, against a loss of power; kill -9 needs no
        waiting.

        Raises CheckpointError where it can't be written; the one before stays usable.
        """
        checkpoint = Checkpoint(
            identity=self._identity, serial=self._serial + 1, state=state, health=health, position=position
        )
        body = msgspec.msgpack.encode(checkpoint)
        path = self._directory / SLOTS[(self._serial + 1) % len(SLOTS)]
        try:
            checksum = zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "big")
            replace_file(path, MAGIC + checksum + body, durable=durable)
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
    head = len(MAGIC) + CHECKSUM_BYTES
    if content[: len(MAGIC)] != MAGIC:
        raise CheckpointError(f"{path}: not a checkpoint; starting without it")
    body = content[head:]
    if zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "big") != content[len(MAGIC) : head]:
        raise CheckpointError(f"{path}: torn or altered; starting without it")
    try:
        checkpoint = msgspec.msgpack.decode(body, type=Checkpoint)
    except msgspec.MsgspecError:
        raise CheckpointError(f"{path}: of another format than this version's; starting without it") from None
    if checkpoint.format != FORMAT or checkpoint.identity != identity:
        raise CheckpointError(f"{path}: made with other parameters or another version; starting without it")
    return checkpoint
