"""The documents inside the service: `/help/` shows the pages of `docs/`, and searches them.

They are the same for everyone and say nothing about an installation. So no login is needed, and a person who cannot log
in finds help.
"""
