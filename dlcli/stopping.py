"""The signals that ask a command to stop: one list for the command, its workers and its codes."""

import signal

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C; a polite end; the terminal is closed or the connection lost. Exit codes 130, 143, 129."""

HANGUP = getattr(signal, "SIGHUP", None)
"""It often comes twice, from the terminal and from the shell, and `nohup` has it ignored."""
