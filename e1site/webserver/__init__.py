"""The web server: gunicorn's threads behind an event loop that reads requests and sends answers.

`worker.EdgeWorker` is a gunicorn worker class whose threads never wait for a client (docs/adr/0007). The loop hands a
request over once its head, and its body up to 256 KiB, have arrived. It also sends answers to slow clients.
"""
