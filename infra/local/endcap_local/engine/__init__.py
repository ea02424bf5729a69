"""AWS on this machine: `engine`, `aws_app`, `kms`, `resources`, `persistence`."""
