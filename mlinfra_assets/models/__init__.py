"""Declared: the models. A new module in this folder with a `ModelSpec` in it is found by itself."""

from importlib import import_module
from pkgutil import iter_modules

from mlinfra_assets.learning.model import ModelSpec


def declared() -> dict[str, ModelSpec]:
    """Every model that a module of this folder declares, by its name."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    specs = [value for module in modules for value in vars(module).values() if isinstance(value, ModelSpec)]
    return {spec.name: spec for spec in sorted(specs, key=lambda spec: spec.name)}
