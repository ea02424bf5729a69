"""The local stack and the `endcap` command line."""
