"""Layer 5: the newest of every market on one board, the markets related to each other, strategies asked."""
