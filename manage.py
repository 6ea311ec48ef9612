#!/usr/bin/env python
"""Django's command line for this service."""

from e1site.__main__ import main

if __name__ == "__main__":
    main()
