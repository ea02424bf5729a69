"""People who asked to be forgotten, and what that means for everything that is stored: one ledger, asked everywhere.

`ledger`, `records`, `contents`, `inventory`, `purge`, `profiles`, `receipt`.
"""
