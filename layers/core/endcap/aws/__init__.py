"""Adapters: the only code of Endcap that imports boto3."""
