"""Generic process supervision: specs in, supervised children out. Knows nothing of markets."""
