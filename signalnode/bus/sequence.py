"""What a reader knows of one market's numbering: the rules of epoch and seq, for board and subscriber."""

from __future__ import annotations

DROP = -1  # the message must not be used: a duplicate, or of an older epoch


class SequenceTracker:
    """Epoch and seq of the newest message taken, and counts of what was not as it should be.

    Invariant: (epoch, seq) never falls. `missed` counts scores that were sent while this reader was
    listening (or was away between two messages it got) and never came; what was sent before the first
    message is not missed.
    """

    __slots__ = ("crashes", "duplicates", "ended", "epoch", "epochs", "missed", "older", "seq")

    def __init__(self) -> None:
        self.epoch = -1  # none seen
        self.seq = 0
        self.ended = False  # the publisher said it would stop
        self.epochs = 0  # incarnations seen
        self.crashes = 0  # epochs that were followed by another without an `end`
        self.missed = 0
        self.duplicates = 0
        self.older = 0

    def score(self, epoch: int, seq: int) -> int:
        """Take a score; returns how many scores are missing before it, or DROP."""
        if epoch == self.epoch:
            ahead = seq - self.seq
            if ahead <= 0:
                self.duplicates += 1
                return DROP
            self.seq = seq
            self.missed += ahead - 1
            return ahead - 1
        return self._other_epoch(epoch, seq, seq - 1)

    def last(self, epoch: int, seq: int, ended: bool) -> int:
        """Take a heartbeat or end that carries the last `seq`.

        Returns how many scores are missing, or DROP.
        """
        if epoch != self.epoch:
            missing = self._other_epoch(epoch, seq, seq)
        elif seq < self.seq or self.ended:  # an end is sent again for late joiners
            self.duplicates += 1
            return DROP
        else:
            missing = seq - self.seq
            self.seq = seq
            self.missed += missing
        self.ended = self.ended or (ended and missing != DROP)
        return missing

    def _other_epoch(self, epoch: int, seq: int, before: int) -> int:
        if epoch < self.epoch:
            self.older += 1
            return DROP
        first = self.epoch < 0
        self.crashes += not first and not self.ended
        self.epochs += 1
        self.epoch, self.seq, self.ended = epoch, seq, False
        missing = 0 if first else max(before, 0)
        self.missed += missing
        return missing
