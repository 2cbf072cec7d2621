"""What only Linux offers: a few calls, processes as /proc shows them, control groups."""
