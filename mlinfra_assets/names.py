"""What things are called: asset keys as paths, which are also the lake's table names, and stream names.

Imports nothing, so that a sensor can name an asset without loading it.
"""

from __future__ import annotations

RAW, PROCESSED, CURATED, FEATURES = "raw", "processed", "curated", "features"
ONLINE, TRAINING, MODELS, FEEDBACK, AUDIT = "online", "training", "models", "feedback", "audit"
STREAMS, LANDING, DATABASES, REGISTRY, MAINTENANCE = "streams", "landing", "databases", "registry", "maintenance"
ZONES = (RAW, PROCESSED, CURATED, FEATURES, ONLINE, TRAINING, MODELS, FEEDBACK, AUDIT)

PREDICTIONS = "predictions"
OUTCOMES = "outcomes"
OWN_STREAMS = (PREDICTIONS, OUTCOMES)
"""The sources that the platform itself produces."""

REASONS_TAG = "mlinfra/reasons"
"""The tag of a run that says why it was asked for."""


def group(source: str, zone: str) -> str:
    """The group that a source's asset of a zone is shown in.

    What the platform itself produces is the feedback loop, so that the groups read from left to right.
    """
    return FEEDBACK if source in OWN_STREAMS else zone


def table(*path: str) -> str:
    """The lake's name of an asset's table: its key, joined by slashes."""
    return "/".join(path)


def raw(source: str) -> tuple[str, str]:
    """Key of a source's raw table."""
    return (RAW, source)


def processed(source: str) -> tuple[str, str]:
    """Key of a source's table of valid, typed records."""
    return (PROCESSED, source)


def quarantine(source: str) -> tuple[str, str]:
    """Key of a source's quarantined records."""
    return (PROCESSED, f"{source}_quarantine")


def releases(source: str) -> tuple[str, str]:
    """Key of the decisions to let quarantined records of a source in."""
    return (RAW, f"{source}_releases")


def profile(source: str) -> tuple[str, str]:
    """Key of what a source's records were like, day by day."""
    return (PROCESSED, f"{source}_profile")


def current(source: str) -> tuple[str, str]:
    """Key of the current state of a change data source: the rows that its table has now."""
    return (PROCESSED, f"{source}_current")


def database(source: str) -> tuple[str, str]:
    """Key of the table in its database that a source takes snapshots of."""
    return (DATABASES, source)


def validated(source: str) -> tuple[str, ...]:
    """Names of the tables that hold what a source's contract accepts: its records, and the state that they come to."""
    return (table(*processed(source)), table(*current(source)))


def ingested(source: str) -> tuple[tuple[str, str], ...]:
    """Keys of everything that comes of a source's records before anybody asks questions of them."""
    return (raw(source), processed(source), quarantine(source))


def features(view: str) -> tuple[str, str]:
    """Key of a feature view's daily snapshots."""
    return (FEATURES, view)


def online(name: str) -> tuple[str, str]:
    """Key of what Redis holds of a feature view or a model."""
    return (ONLINE, name)


def training(model: str) -> tuple[str, str]:
    """Key of a model's training set."""
    return (TRAINING, model)


def model(name: str) -> tuple[str, str]:
    """Key of a model's versions."""
    return (MODELS, name)


def promotions(name: str) -> tuple[str, str]:
    """Key of the record of which version of a model was in production from when."""
    return (MODELS, f"{name}_promotions")


def trainings(name: str) -> tuple[str, str]:
    """Key of the record of a model's trainings."""
    return (MODELS, f"{name}_trainings")


def performance(model: str) -> tuple[str, str]:
    """Key of a model's predictions beside what came true."""
    return (FEEDBACK, f"{model}_performance")


def drift(model: str) -> tuple[str, str]:
    """Key of a model's training set beside what it is asked about."""
    return (FEEDBACK, f"{model}_drift")


def shadow(model: str) -> tuple[str, str]:
    """Key of what a model's challenger would have answered."""
    return (FEEDBACK, f"{model}_shadow")


def registry(table: str) -> tuple[str, str]:
    """Key of a table of what was registered."""
    return (REGISTRY, table)


EVENT_TIME = "_event_time"
KNOWN_AT = "_known_at"
ASSUMED = "_known_at_assumed"
PARTITION = "_partition"
OFFSET = "_offset"
ROW = "_row"
RELEASE = "_release"
CONTRACT = "_contract_version"
COORDINATES = (EVENT_TIME, KNOWN_AT, ASSUMED, PARTITION, OFFSET, ROW, RELEASE, CONTRACT)
"""The columns that every processed row carries beside its contract's: when, known when, and from where."""
