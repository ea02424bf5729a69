"""Endcap: profiles, encoding and ranking, shared by every function and by the rebuild job."""

__version__ = "0.1.0"
