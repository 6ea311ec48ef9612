"""Exceptions of the model side.

- `ModelError`: base of the others.
  - `CheckpointError`: a file is not a checkpoint that this program can load.
  - `WeightsUnavailable`: the weights are missing and cannot be fetched. The message has the remedy.
  - `SelfTestFailed`: the network computes wrong numbers on this device.
  - `SettingError`: a setting of the engine has no such value.
  - `QueryError`: a query breaks a limit of the checkpoint.
"""


class ModelError(Exception):
    """Base of the errors of loading and running a network."""

    code = "model_error"


class CheckpointError(ModelError):
    code = "bad_checkpoint"


class WeightsUnavailable(ModelError):
    code = "weights_unavailable"


class SelfTestFailed(ModelError):
    """The network does not return on this device what the plain implementation does."""

    code = "self_test_failed"


class SettingError(ModelError, ValueError):
    code = "bad_setting"


class QueryError(ModelError):
    """An error of one query with a stable code, such as `sequence_too_long` or `bad_layer`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
