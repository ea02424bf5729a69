"""What shoppers do: `interaction`, `types`, `contexts`, `collect`, `counts`, and the `formats` of others."""
