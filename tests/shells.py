"""Real shells at a terminal: what Tab makes of a line."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import termios
from pathlib import Path
from types import TracebackType

from tests.effort import PATIENCE_S

COLUMNS = 4_000  # so wide that no line is ever broken
STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "bind 'set enable-bracketed-paste off'"),
    "zsh": (["zsh", "-f", "-i"], "unset zle_bracketed_paste; autoload -Uz compinit; compinit -D -u"),
}


class Typist:
    """An interactive bash or zsh, with somebody who types."""

    def __init__(self, shell: str, script: Path, folder: Path, environment: dict[str, str]) -> None:
        command, prepare = STARTS[shell]
        self._terminal, line = pty.openpty()
        fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            command,
            stdin=line,
            stdout=line,
            stderr=line,
            cwd=folder,
            env={**environment, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(line)
        self._enter(f"PS1=; {prepare}; source {shlex.quote(str(script))}; echo rea'dy'", r"(ready)\r\n")

    def __enter__(self) -> Typist:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def last_word(self, line: str) -> str:
        """The last word of the line after Tab, unquoted."""
        whole = f"{line}\t\x01LINE='\x05'"  # Ctrl-A and Ctrl-E: what was completed becomes a text
        self._enter(whole, "")
        return shlex.split(self._enter("printf '<%s>\\n' \"$LINE\"", r"<([^%>\r]*)>\r\n"))[-1]

    def _enter(self, line: str, awaited: str) -> str:
        os.write(self._terminal, line.encode() + b"\r")
        said = ""
        while awaited and not (found := re.search(awaited, said)):
            assert select.select([self._terminal], [], [], PATIENCE_S)[0], f"nothing after {said!r}"
            said += os.read(self._terminal, 65536).decode(errors="replace")
        return found[1] if awaited and found else ""


def fish_offers(script: Path, folder: Path, environment: dict[str, str], line: str) -> list[str]:
    """What fish offers for the last word of a line; descriptions are cut off."""
    command = f"source {shlex.quote(str(script))}; complete -C {shlex.quote(line)}"
    done = subprocess.run(
        ["fish", "--no-config", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stderr == ""
    return [each.split("\t")[0] for each in done.stdout.splitlines()]
