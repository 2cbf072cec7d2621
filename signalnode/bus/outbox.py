"""What waits for the user of a subscription: all of it in order, or of each market the newest only."""

from __future__ import annotations

from itertools import count

from signalnode.bus.wire import Heartbeat, Message, Score, ViewMessage, topic_of

STANDINGS = (Score, Heartbeat, ViewMessage)  # a newer one says all that an older one did; others are events


class Outbox:
    """A queue of messages. With `newest`, a standing takes the place in it that an older one of its topic
    had, so that whoever waits longest comes next and nobody waits for ever. Events all stay, in order.
    """

    def __init__(self, newest: bool = False) -> None:
        self._newest = newest
        self._messages: dict[bytes | int, Message] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> Message | None:
        """Add `message`; returns the older one that is passed over for it, if any."""
        if not self._newest or not isinstance(message, STANDINGS):
            self._messages[next(self._numbers)] = message
            return None
        topic = topic_of(message)
        older = self._messages.get(topic)
        if older is not None and older.epoch != message.epoch:
            del self._messages[topic]  # behind the end of its epoch, which may wait as well
        self._messages[topic] = message
        return older

    def pop(self) -> Message | None:
        """Take the next one; None if there is none."""
        for key in self._messages:
            return self._messages.pop(key)
        return None
