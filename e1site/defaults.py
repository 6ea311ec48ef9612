"""Defaults that both the settings and `e1 up` use."""

MODELS = ("e1-demo",)
OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names by which a machine reaches itself, as the Host header has them."""
