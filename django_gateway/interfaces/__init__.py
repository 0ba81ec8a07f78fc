"""Wrappers around an application, one module an interface: they record the handover and the answer."""
