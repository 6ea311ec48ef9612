"""The embedded stack: Postgres, Valkey, web, workers and beat as children of one foreground command.

- errors: why a start is refused
- terminal: plain lines for the person at the terminal
- folder: the data folder with its lock, secret key, logs and sockets
- processes: sessions, groups and signals; finding the processes of a stack again
- guardian: the small process that clears up when the launcher is killed
- binaries: where Postgres and Valkey are found, and the user that runs them
- servers: Postgres and Valkey, their command lines and settings, and whether they answer
- environment: the environment and the address of the children
- parts: the command lines of web, workers and beat
- supervisor: starting children, starting them again when they die, stopping them in order
- background: starting and stopping without a terminal
- readiness: asking /readyz which check is red
"""
