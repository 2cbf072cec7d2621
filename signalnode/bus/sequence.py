"""What a reader knows of one market's numbering: the rules of epoch and seq, for board and subscriber."""

from __future__ import annotations

DROP = -2  # the message must not be used: a duplicate, or of an older epoch


class SequenceTracker:
    """Epoch and seq of the newest message taken, and counts of what was not as it should be.

    Invariant: (epoch, seq) never falls. `missed` counts scores that were sent while this reader was
    listening (or was away between two messages it got) and never came; what was sent before the first
    message is not missed. A score that a heartbeat told of counts as missed until it comes: engines send the
    newest again.
    """

    __slots__ = (
        "_counted",
        "crashes",
        "duplicates",
        "ended",
        "epoch",
        "epochs",
        "has_newest",
        "missed",
        "older",
        "seq",
    )

    def __init__(self) -> None:
        self.epoch = -1  # none seen
        self.seq = 0
        self.has_newest = False  # the score at `seq` is here, and not just told of
        self._counted = 0  # what it adds to `missed` as long as it is not: 0 or 1
        self.ended = False  # the publisher said it would stop
        self.epochs = 0  # incarnations seen
        self.crashes = 0  # epochs that were followed by another without an `end`
        self.missed = 0
        self.duplicates = 0
        self.older = 0

    def score(self, epoch: int, seq: int) -> int:
        """Take a score; returns how many are missing before it, or DROP.

        That is one less than none, -1, for the newest that had been counted and comes after all.
        """
        if epoch != self.epoch:
            return self._other_epoch(epoch, seq, seq - 1, is_score=True)
        ahead = seq - self.seq
        if ahead > 0:
            missing = ahead - 1
        elif ahead == 0 and not self.has_newest:
            missing = -self._counted
        else:
            self.duplicates += 1
            return DROP
        self.seq, self.has_newest = seq, True
        self.missed += missing
        return missing

    def last(self, epoch: int, seq: int, ended: bool) -> int:
        """Take a heartbeat or end that carries the last `seq`.

        Returns how many scores are missing, or DROP.
        """
        if epoch != self.epoch:
            missing = self._other_epoch(epoch, seq, seq, is_score=False)
        elif seq < self.seq or self.ended:  # an end is sent again for late joiners
            self.duplicates += 1
            return DROP
        else:
            missing = seq - self.seq
            if missing:
                self.seq, self.has_newest, self._counted = seq, False, 1
            self.missed += missing
        self.ended = self.ended or (ended and missing != DROP)
        return missing

    def found(self, epoch: int, seq: int) -> None:
        """The score at that place came by another way: should it come by this one as well, it is no news.

        Whoever asked for it counts it.
        """
        if (epoch, seq) == (self.epoch, self.seq):
            self.has_newest = True

    def _other_epoch(self, epoch: int, seq: int, before: int, *, is_score: bool) -> int:
        if epoch < self.epoch:
            self.older += 1
            return DROP
        first = self.epoch < 0
        self.crashes += not first and not self.ended
        self.epochs += 1
        self.epoch, self.seq, self.ended = epoch, seq, False
        missing = 0 if first else max(before, 0)
        self.has_newest, self._counted = is_score, min(missing, 1)
        self.missed += missing
        return missing
