"""The whole stack under load for a while: `run`, `schedule`, `proxy`, `traffic`, `load`, `rest`, `report`, `tables`."""
