"""The web server: gunicorn's threads behind an event loop that reads requests and sends answers.

`worker.EdgeWorker` is a gunicorn worker class. A thread of it never waits for a client: the loop hands a request over
once its head, and its body up to 256 KiB, have arrived, and sends what a client is slow to take (docs/adr/0007).
"""
