"""One market's process: events in, scores out, and a checkpoint to go on from."""
