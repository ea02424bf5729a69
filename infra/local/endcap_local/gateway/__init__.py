"""API Gateway on this machine: `gateway`, `access`, `sigv4`, `jwt`, `issuer`."""
