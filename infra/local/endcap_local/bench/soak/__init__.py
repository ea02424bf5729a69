"""The whole stack under load: `run`, `schedule`, `proxy`, `traffic`, `load`, `watch`, `rest`, `report`, `tables`."""
