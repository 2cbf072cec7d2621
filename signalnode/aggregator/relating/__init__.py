"""Relations of hundreds and thousands of markets, worked out in a process of their own."""
