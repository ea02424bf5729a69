"""The command line `endcap`: `app` holds the commands, one module each; `options` what they share."""
