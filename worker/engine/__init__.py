"""Running queries through an E1 network: `Engine.load(...)`, then `Engine.encode([...])`."""

from worker.engine.engine import Engine

__all__ = ["Engine"]
