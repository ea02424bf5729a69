"""API Gateway on this machine: `gateway`, `access`, `loopback`, `sigv4`, `jwt`, `issuer`."""
