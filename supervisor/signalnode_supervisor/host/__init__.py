"""The shell around the core: the one loop, and whatever it reads, writes, starts and waits for."""
