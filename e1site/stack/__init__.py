"""The embedded stack: Postgres, Valkey, web, workers and beat as children of one foreground command.

errors       what a start can be refused for
terminal     plain lines for the person at the terminal
folder       the data folder: lock, secret key, logs, where the sockets lie
processes    sessions, groups and signals; how processes of a stack are found again
guardian     the small process that clears up when the launcher is killed
binaries     where Postgres and Valkey are found, and as whom they run
servers      Postgres and Valkey: command lines, settings, do they answer
environment  what the children are told, and where they listen
parts        the command lines of web, workers and beat
supervisor   starts children, starts them again when they die, stops them in order
readiness    asking /readyz, and saying which check is red
"""
