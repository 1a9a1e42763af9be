"""Scoring with a model's ONNX file: the same bits in training, in serving and in a replay."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.errors import InvalidInputError, MlinfraError

PROBABILITIES = "probabilities"
POSITIVE = 1


class OnnxScorer:
    """A model that is ready to score, on one thread, from any number of threads at once.

    Args:
        onnx: The file: one float32 input of shape (n, inputs). The score is the second column of its output
            `probabilities` (a classifier), or its only output (a regressor).
        inputs: Names of the columns, in order.

    Raises:
        InvalidInputError: The bytes are no such model, or it takes another number of inputs.
    """

    def __init__(self, onnx: bytes, inputs: tuple[str, ...]) -> None:
        import onnxruntime

        self.inputs = tuple(inputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            # The runtime's errors share no base class but Exception.
            self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise InvalidInputError(f"the model is not an ONNX file that can be run: {error}") from error
        self._input = self._check_input()
        self._output = self._find_output()

    def score(self, matrix: np.ndarray) -> np.ndarray:
        """Score some rows.

        Args:
            matrix: float64[n, inputs], NaN for null. Values are rounded to float32, which is what models take.

        Returns:
            float64[n]: the model's float32 scores, exactly.

        Raises:
            InvalidInputError: The matrix has another number of columns.
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(self.inputs):
            raise InvalidInputError(f"the model takes {len(self.inputs)} inputs, not an array of shape {matrix.shape}")
        if not len(matrix):
            return np.zeros(0, np.float64)
        with np.errstate(over="ignore"):
            # What is beyond float32 is infinite to the model, which is larger than every threshold.
            values = np.ascontiguousarray(matrix, np.float32)
        scores = np.asarray(self._session.run([self._output], {self._input: values})[0])
        if scores.ndim == 2:
            scores = scores[:, POSITIVE if scores.shape[1] > 1 else 0]
        if scores.shape != (len(matrix),):
            raise MlinfraError(f"the model answered {scores.shape} for {len(matrix)} rows: it is no scoring model")
        return scores.astype(np.float64)

    def _check_input(self) -> str:
        found = self._session.get_inputs()
        if len(found) != 1 or found[0].type != "tensor(float)":
            kinds = ", ".join(f"{i.name}: {i.type}" for i in found)
            raise InvalidInputError(f"the model takes {kinds}: one float32 tensor is wanted")
        shape = found[0].shape
        if len(shape) != 2 or (isinstance(shape[1], int) and shape[1] != len(self.inputs)):
            raise InvalidInputError(f"the model takes {shape[1:]} inputs, and {len(self.inputs)} are named")
        return found[0].name

    def _find_output(self) -> str:
        names = [output.name for output in self._session.get_outputs()]
        if PROBABILITIES in names:
            return PROBABILITIES
        if len(names) != 1:
            raise InvalidInputError(f"the model answers {', '.join(names)}: none of them is called {PROBABILITIES}")
        return names[0]
