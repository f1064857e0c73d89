"""Readers of chat exports: one file a format, all giving the same `Export`."""
