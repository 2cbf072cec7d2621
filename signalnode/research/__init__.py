"""Recordings put through the very code that runs live: files in, files out."""
