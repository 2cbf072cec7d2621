"""Up to when a gateway has passed on all that came: one page of memory that it writes and its engines read.

A market's kernel time goes on while nothing comes, as far as the gateway says that nothing older will follow.
Said over the socket ten times a second, that cost a gateway of 200 markets more than their frames, and each
engine as many wakes.

The file: 64 bytes, of which the second word is that time; then a slot for each market, its newest message's
time and 24 bytes of a digest of its name. All words are i64 of this machine's byte order, and times are of
the gateway's clock. An engine whose newest message is its slot's has all there is; one that looks between a
message and its time is behind at worst, for the page's time is read first.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
from collections.abc import Sequence
from pathlib import Path

from signalnode.feeds.live.envelope import TOPICS_MAX
from signalnode.files import replace_file

WORD, DIGEST_BYTES = 8, 24
HEAD_WORDS, SLOT_WORDS = 8, 4
SPARE_WORD = 7  # of the head: written where a market has no slot, and never read
TIME_WORD = 1
PAGE_BYTES = (HEAD_WORDS + SLOT_WORDS * TOPICS_MAX) * WORD


def passed_path(endpoint: str) -> Path:
    """Where the page of a gateway at that endpoint is, or of its process at that socket."""
    gateway, _, rest = endpoint.removeprefix("ipc://").rpartition(".frames")
    return Path(f"{gateway}.passed{rest}")


def _digest(symbol: str) -> bytes:
    return hashlib.blake2b(symbol.encode(), digest_size=DIGEST_BYTES).digest()


class PassedPage:
    """The gateway's end: one at a time, as of the socket beside it. Raises OSError."""

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size != PAGE_BYTES:  # else kept: engines may have it open
            replace_file(path, bytes(PAGE_BYTES), writer=str(os.getpid()))
        self._path = path
        self._open()
        self._page[HEAD_WORDS * WORD :] = bytes(PAGE_BYTES - HEAD_WORDS * WORD)
        self._slots: dict[str, int] = {}
        self._free = list(range(HEAD_WORDS, PAGE_BYTES // WORD, SLOT_WORDS))[::-1]

    def want(self, symbol: str) -> None:
        """Give a market a slot, where there is one for it."""
        if symbol in self._slots or not self._free:
            return
        word = self._slots[symbol] = self._free.pop()
        self._page[(word + 1) * WORD : (word + SLOT_WORDS) * WORD] = _digest(symbol)

    def drop(self, symbol: str) -> None:
        """Let another market have its slot."""
        word = self._slots.pop(symbol, None)
        if word is not None:
            self._page[word * WORD : (word + SLOT_WORDS) * WORD] = bytes(SLOT_WORDS * WORD)
            self._free.append(word)

    def sent(self, messages: Sequence[tuple[str, int, bytes]]) -> None:
        """These were sent, each as market, time and what it was, and everybody what came before the last."""
        words, slots = self._words, self._slots
        for symbol, time_ns, _ in messages:
            words[slots.get(symbol, SPARE_WORD)] = time_ns
        if messages:
            words[TIME_WORD] = messages[-1][1]  # when each slot says so: who reads it then reads a slot

    def all_sent(self, time_ns: int) -> None:
        """All that came before this time has been sent."""
        self._words[TIME_WORD] = time_ns

    def put_back(self) -> bool:
        """Make the file again where somebody removed it; whether that was so. Engines have it by the next
        beat, as one of another gateway.
        """
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                return False
        words, page = self._words, self._page
        try:
            replace_file(self._path, bytes(self._page), writer=str(os.getpid()))
            self._open()
        except OSError:  # no room, or the directory is gone as well, for now
            return False
        words.release()
        page.close()
        return True

    def _open(self) -> None:
        with self._path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), PAGE_BYTES)
            self._inode = os.fstat(file.fileno()).st_ino
        self._words = memoryview(self._page).cast("q")

    def close(self) -> None:
        """Let go of it; the file stays."""
        self._words.release()
        self._page.close()


class Passed:
    """An engine's end, of one market. A page that is not there, or not any more, says nothing."""

    def __init__(self, path: Path, symbol: str) -> None:
        self._path, self._digest = path, _digest(symbol)
        self._page: mmap.mmap | None = None
        self._words: memoryview | None = None
        self._at = -1  # the market's slot, in bytes; −1: not found
        self._inode = 0

    def open(self) -> None:
        """Map the page where that has not been done, or where another one is there by now."""
        try:
            told = self._path.stat()
            if told.st_ino == self._inode or told.st_size != PAGE_BYTES:
                return
            with self._path.open("rb") as file:
                page = mmap.mmap(file.fileno(), PAGE_BYTES, access=mmap.ACCESS_READ)
        except OSError:
            return
        self.close()
        self._page, self._words, self._inode = page, memoryview(page).cast("q"), told.st_ino

    def time_ns(self) -> int:
        """Up to when all is sent; 0 where that is not known. To be read before the socket is."""
        return 0 if self._words is None else self._words[TIME_WORD]

    def is_newest(self, time_ns: int) -> bool:
        """Whether the market's newest message is the one of this time."""
        if self._page is None or self._words is None:
            return False
        end = self._at + SLOT_WORDS * WORD
        if self._at < 0 or self._page[self._at + WORD : end] != self._digest:
            self._at = self._page.find(self._digest, HEAD_WORDS * WORD) - WORD
            if self._at < 0 or self._at % WORD:
                self._at = -1
                return False
        return self._words[self._at // WORD] == time_ns

    def close(self) -> None:
        """Let go of it."""
        if self._words is not None and self._page is not None:
            self._words.release()
            self._page.close()
        self._page, self._words, self._at, self._inode = None, None, -1, 0
