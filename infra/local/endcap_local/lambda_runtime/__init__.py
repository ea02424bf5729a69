"""Functions on this machine: `invoker`, `output`, `reply`."""
