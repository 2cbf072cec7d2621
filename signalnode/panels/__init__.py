"""What people look at, and are told: terminal, page, metrics, alerts. Each listens, and changes nothing."""
