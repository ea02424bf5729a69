"""Queues and streams to functions: `state_machine`, `filters`, `pollers`, `records`."""
