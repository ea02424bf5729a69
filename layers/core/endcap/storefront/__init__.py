"""The storefront door, which browsers call.

`tokens`, `visits`, `origins`, `door`, `clocks`, `requests`, `conversations`, `events`.
"""
