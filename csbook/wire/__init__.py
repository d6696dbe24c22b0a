"""Conversations without I/O: bytes and times in, events and bytes out. Nothing here awaits or reads a clock."""
