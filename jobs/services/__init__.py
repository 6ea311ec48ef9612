"""Everything that writes. `intake` makes jobs, `leases` moves chunks, `lifecycle` moves jobs, `workers` says who lives.

Functions take keyword arguments only and are named `<entity>_<action>`. Each says what it commits.
"""
