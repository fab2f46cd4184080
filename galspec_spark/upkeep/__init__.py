"""Upkeep of a warehouse: small parts become large, releases and old models go, formats move on."""
