"""What runs on the far side of a fork: the fork server, and each child up to its own first line."""
