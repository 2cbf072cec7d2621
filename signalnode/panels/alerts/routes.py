"""Where messages go, each a thread of its own: a webhook hangs or a program does, and nobody waits for it.

A webhook is posted to over the stream that venues are asked by: the proxy of the environment, certificates
always verified, no redirect followed. Of its URL nothing but the host is ever told, for the rest is a secret.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from signalnode.errors import VenueError
from signalnode.feeds.live.reasons import reason_of
from signalnode.feeds.live.rest import Reply, TooLongError, exchange, seconds_of
from signalnode.panels.alerts.message import Message, one_line
from signalnode.settings import AlertSettings
from signalnode.settings.addresses import webhook_fault, webhook_in
from signalnode.settings.environment import environment_with

WEBHOOK_S_MAX = 15.0  # for an answer, beside what it takes to make a stream
ANSWER_BYTES_MAX = 65_536
SAID_BYTES_MAX = 200  # of an answer, to be repeated
SECRET_CHARS_MIN = 6  # what is shorter in a URL is no secret
COMMAND_S_MAX = 15.0  # a program that takes longer is killed, with all that it has started


class Outcome(NamedTuple):
    """How a try ended; `fault` is "" where the receiver has taken the message."""

    fault: str
    retry_after_s: float = 0.0


Deliver = Callable[[Message], Outcome]


def receivers(settings: AlertSettings) -> dict[str, Deliver]:
    """Whoever is told, by the names that `status` and the log have for them."""
    found: dict[str, Deliver] = {}
    if settings.webhook:
        found["webhook"] = lambda message: post(settings.webhook, message)
    elif settings.webhook_file is not None:
        file = settings.webhook_file
        found["webhook"] = lambda message: _post_by(file, message)
    if settings.command:
        found["command"] = lambda message: run(settings.command, message)
    return found


def post(url: str, message: Message) -> Outcome:
    """POST it as JSON; any 2xx is a yes."""
    host = urlsplit(url).hostname
    try:
        reply = exchange(
            url,
            message.json,
            within_s=WEBHOOK_S_MAX,
            bytes_max=ANSWER_BYTES_MAX,
            silent_s_max=WEBHOOK_S_MAX,
        )
    except VenueError as error:
        fault = str(error)  # of a stream, which goes to a host: it knows no more of the URL
    except TimeoutError:
        fault = f"{host}: no answer within {WEBHOOK_S_MAX:g} s"
    except (TooLongError, http.client.HTTPException, ValueError):
        fault = f"{host}: no answer as HTTP has it"
    except OSError as error:
        fault = f"{host}: {reason_of(error)}"
    else:
        return Outcome(_refusal(url, reply), seconds_of(reply.headers.get("retry-after", "")))
    return Outcome(fault)


def _post_by(file: Path, message: Message) -> Outcome:
    """POST it to the address in a file, which may be another one by now."""
    try:
        url = webhook_in(file)
    except OSError as error:
        return Outcome(f"alerts.webhook_file cannot be read ({error.strerror})")
    if fault := webhook_fault(url):
        return Outcome(f"alerts.webhook_file: what it holds {fault}")
    return post(url, message)


def _refusal(url: str, reply: Reply) -> str:
    """Why an answer is no yes, with its first words; not where they repeat what of the URL is secret."""
    if 200 <= reply.status < 300:
        return ""
    parts = urlsplit(url)
    if 300 <= reply.status < 400:
        return f"{parts.hostname}: HTTP {reply.status}, it is elsewhere; a redirect is not followed"
    said = one_line(reply.body[:SAID_BYTES_MAX].decode(errors="replace"))
    secrets = re.split(r"[/?&=]", f"{parts.path}?{parts.query}")
    repeats = any(len(each) >= SECRET_CHARS_MIN and unquote(each) in unquote(said) for each in secrets)
    return f"{parts.hostname}: HTTP {reply.status}{f': {said}' if said and not repeats else ''}"


def run(command: tuple[str, ...], message: Message) -> Outcome:
    """Run it with the text on stdin; exit status 0 is a yes. What it prints goes where our own words go."""
    name = os.path.basename(command[0])
    environment = environment_with(SIGNALNODE_ALERT=message.json.decode())
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)
    except OSError as error:
        return Outcome(f"{name}: cannot be run ({error.strerror})")
    try:
        process.communicate(f"{message.text}\n".encode(), COMMAND_S_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # it is not waited for yet, so the group is still its own
        process.wait()
        return Outcome(f"{name}: did not end within {COMMAND_S_MAX:g} s")
    status = process.returncode
    return Outcome("" if status == 0 else f"{name}: exit status {status}")


class Courier:
    """Takes one message at a time to one receiver, in a thread of its own."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def send(self, message: Message) -> None:
        """Try it; how that ends is told by `outcome`. At most one at a time."""
        self._messages.put(message)

    def outcome(self) -> Outcome | None:
        """How the try ended; None as long as it has not."""
        with contextlib.suppress(queue.Empty):
            return self._outcomes.get_nowait()
        return None

    def _work(self) -> None:
        while True:
            message = self._messages.get()
            try:
                outcome = self._deliver(message)
            except Exception as error:  # whatever it is, the next message is tried
                outcome = Outcome(f"could not be tried: {type(error).__name__}")
            self._outcomes.put(outcome)
