"""Exchanges in the forms that other programs read. Pure, no Django."""
