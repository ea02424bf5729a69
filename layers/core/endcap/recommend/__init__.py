"""From a request to a list: `request`, `pipeline`, `selection`, `explore`, `trending`."""
