"""Exceptions of the model side.

ModelError
├── CheckpointError        a file is not a checkpoint that this program can load
├── WeightsUnavailable     the weights are not here and could not be fetched; the message says the remedy
└── QueryError             a query breaks a limit of the checkpoint
"""


class ModelError(Exception):
    """Base of everything that loading and running a network raises on purpose."""

    code = "model_error"


class CheckpointError(ModelError):
    code = "bad_checkpoint"


class WeightsUnavailable(ModelError):
    code = "weights_unavailable"


class QueryError(ModelError):
    """Carries a stable code, such as `sequence_too_long` or `bad_layer`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
