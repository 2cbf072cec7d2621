"""What is decided, and nothing else: inputs and a time in, commands out. Knows no clock, file or process."""
