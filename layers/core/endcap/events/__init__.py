"""What shoppers do: `interaction`, `types`, `grades`, `contexts`, `collect`, `counts`, and the `formats` of others."""
