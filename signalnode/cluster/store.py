"""Where checkpoints are kept between hosts: any address that fsspec knows. This file alone imports it.

Every question has a time limit. A store that does not answer is away for that long and no longer: markets run
on without it, and whoever asked is told in one line.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any, TypeVar

from signalnode.errors import ClusterError, in_words

ANSWER_S_MAX = 5.0  # of one question; an object of 124 kB takes a store of the other end of the world 0.5 s
WAITING_MAX = 2  # questions without an answer yet, each a thread of its own: a store that hangs gets no more

_Answer = TypeVar("_Answer")


def kind_fault(address: str) -> str:
    """What is wrong with an address of no kind that fsspec knows; '' also where it is not installed."""
    try:
        import fsspec
    except ImportError:
        return ""
    kind = address.partition("://")[0]
    if kind in fsspec.available_protocols():
        return ""
    return f"{kind}:// is no kind of store; write it like file:///DIRECTORY or s3://BUCKET/PREFIX"


class CheckpointStore:
    """Objects by name below one address: `file:///srv/checkpoints`, `s3://bucket/prefix`, `memory://x`.

    Every method raises ClusterError where the store is away.
    """

    def __init__(self, address: str, answer_s_max: float = ANSWER_S_MAX) -> None:
        self.address = address
        self._answer_s_max = answer_s_max
        self._waiting = threading.BoundedSemaphore(WAITING_MAX)
        self._opened: tuple[Any, str] | None = None

    def names(self) -> list[str]:
        """Of every object, with slashes, sorted."""
        return self._asked("listed", self._names)

    def read(self, name: str) -> bytes:
        """The whole object."""

        def cat() -> bytes:
            files, root = self._files()
            return bytes(files.cat_file(f"{root}/{name}"))

        return self._asked(f"read ({name})", cat)

    def write(self, name: str, content: bytes) -> None:
        """Put an object; half of one may stay where this fails, which its own digest shows."""

        def pipe() -> None:
            files, root = self._files()
            files.pipe_file(f"{root}/{name}", content)

        self._asked(f"written ({name})", pipe)

    def remove(self, names: Collection[str]) -> None:
        """Remove objects; that one is gone already is well."""

        def remove_each() -> None:
            files, root = self._files()
            for name in names:
                try:
                    files.rm_file(f"{root}/{name}")
                except FileNotFoundError:
                    continue

        self._asked("cleared", remove_each)

    def _files(self) -> tuple[Any, str]:
        if self._opened is None:
            try:
                import fsspec
            except ImportError:
                raise ClusterError(
                    "fsspec is not installed; run: pip install 'signalnode[cluster]'"
                ) from None
            is_local = self.address.startswith("file:")  # the one kind that has to make its directories
            options = {"auto_mkdir": True} if is_local else {"use_listings_cache": False}
            files, root = fsspec.core.url_to_fs(self.address, **options)
            self._opened = files, str(root).rstrip("/")
        return self._opened

    def _names(self) -> list[str]:
        files, root = self._files()
        try:
            found = files.find(root)
        except FileNotFoundError:
            return []
        return sorted(str(path)[len(root) :].lstrip("/") for path in found)

    def _asked(self, what: str, question: Callable[[], _Answer]) -> _Answer:
        away = f"cluster.checkpoints: {self.address} cannot be {what}"
        if not self._waiting.acquire(blocking=False):
            raise ClusterError(f"{away}: earlier questions still wait for an answer; look after the store")
        answer: Future[_Answer] = Future()

        def ask() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:
                answer.set_exception(error)
            finally:
                self._waiting.release()

        threading.Thread(target=ask, name="store", daemon=True).start()
        try:
            return answer.result(self._answer_s_max)
        except TimeoutError:
            raise ClusterError(f"{away} within {self._answer_s_max:g} s; look after the store") from None
        except ClusterError:
            raise
        except ImportError as error:
            raise ClusterError(f"{away}: {error}; install what fsspec wants for it") from None
        except Exception as error:
            raise ClusterError(f"{away} ({in_words(error)}); look after the store") from None
