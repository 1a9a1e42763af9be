"""Declared: what the shop's customers and products look like at any moment. One function a view.

A new module in this folder is found by itself; it takes `fs` from `store.py`, and entities from `entities.py`.
"""

from importlib import import_module
from pkgutil import iter_modules

from mlinfra_assets.features.store import fs

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["fs"]
