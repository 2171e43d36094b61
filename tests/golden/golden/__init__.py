"""Makers of the golden fixtures, one module per kind of fixture. `generate.py` calls them."""
