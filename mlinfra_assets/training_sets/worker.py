"""A process of its own that makes one training set: `python -m mlinfra_assets.training_sets.worker FOLDER`.

What it takes of memory and what it does to a processor is none of the API's, and it may be killed at any moment.
"""

from __future__ import annotations

import sys
import traceback
from datetime import timedelta
from pathlib import Path
from time import monotonic

from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.offline.progress import Progress
from mlinfra_assets.training_sets.folder import Question, TrainingSetFolder

BETWEEN = timedelta(milliseconds=200).total_seconds()


def make(folder: TrainingSetFolder, question: Question) -> None:
    """Write the rows of a training set.

    Raises:
        MlinfraError: It cannot be made; the message says why.
    """
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.retrieval.store import open_store
    from mlinfra_assets.settings import Settings

    settings = Settings.load()
    table = question.entities
    if table is None:
        asks: object = folder.entities
    else:
        asks = Lake(settings.lake).table(table.name).scan(table.columns, table.version)
    open_store(settings).get_historical_features(
        asks,
        question.features,
        into=folder.rows,
        known=question.known,
        event_timestamp=question.event_timestamp,
        full_feature_names=question.full_feature_names,
        progress=_now_and_then(folder.progress),
    )


def main() -> int:
    """Make the training set of the folder that is named; 0, or 1 if it cannot be made."""
    folder = TrainingSetFolder(Path(sys.argv[1]))
    with folder.held() as free:
        question = folder.question()
        if not free or question is None or not folder.begin():
            return 0
        try:
            make(folder, question)
        except MlinfraError as error:
            folder.fail(str(error))
            return 1
        except Exception as error:  # noqa: BLE001 - whoever asks is told that it failed, and the log says how
            traceback.print_exception(error)
            folder.fail(f"it failed with an unexpected {type(error).__name__}; the server's log says how")
            return 1
    return 0


def _now_and_then(progress: Progress) -> Progress:
    """Passes on what is told, a few times a second, and every new step."""
    last: list[object] = ["", 0.0]

    def told(done: int, total: int, what: str) -> None:
        now = monotonic()
        if what != last[0] or now - float(str(last[1])) > BETWEEN:
            last[:] = [what, now]
            progress(done, total, what)

    return told


if __name__ == "__main__":
    sys.exit(main())
