"""Bringing a folder of items and events into a stack.

Into the local stack it goes by the shortest way: rows are written in bulk, while other writers wait. Into any other it
goes over HTTP, through the functions that take in what a storefront sends.
"""
