"""AWS on this machine: `engine`, `aws_app`, `resources`, `persistence`."""
