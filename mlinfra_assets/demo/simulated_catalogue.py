"""What the simulated shop sells: codes, descriptions, prices, and how popular each thing is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COLOURS = ("RED", "WHITE", "PINK", "BLUE", "GREEN", "BLACK", "CREAM", "IVORY", "SILVER", "ANTIQUE", "VINTAGE", "RETRO")
MOTIFS = ("POLKADOT", "HEART", "STAR", "UNION JACK", "PAISLEY", "STRAWBERRY", "SKULL", "WOODLAND", "SPACEBOY", "DAISY")
THINGS = (
    "LUNCH BAG", "CAKE CASES", "T-LIGHT HOLDER", "TEA TOWEL", "MUG", "PHOTO FRAME", "DOORMAT", "CUSHION COVER",
    "HOT WATER BOTTLE", "GIFT WRAP", "ALARM CLOCK", "JAM JAR", "BUNTING", "STORAGE TIN", "COAT HANGER", "NECKLACE",
    "LANTERN", "CHARLOTTE BAG", "EGG CUP", "NAPKINS", "WALL CLOCK", "TRINKET BOX", "RIBBONS", "PENCILS",
)  # fmt: skip
ENDINGS = np.array([0.25, 0.39, 0.42, 0.55, 0.65, 0.75, 0.85, 0.95])
SIZE = 1_800


@dataclass(frozen=True)
class Catalogue:
    """The shop's products, by position.

    Attributes:
        codes: Stock codes: five digits, some with a letter. Each once.
        descriptions: What the till prints.
        pence: Price of one unit.
        popularity: Share of lines. Sums to 1.
    """

    codes: np.ndarray
    descriptions: np.ndarray
    pence: np.ndarray
    popularity: np.ndarray


def catalogue(draw: np.random.Generator) -> Catalogue:
    """Draw a catalogue; a few products sell much, most sell little."""
    numbers = np.sort(draw.choice(np.arange(20_000, 90_000), SIZE, replace=False))
    letters = draw.choice(np.array(["", "", "", "", "A", "B", "C", "L"]), SIZE)
    codes = np.array([f"{number}{letter}" for number, letter in zip(numbers, letters, strict=True)])
    words = [draw.choice(np.array(part), SIZE) for part in (COLOURS, MOTIFS, THINGS)]
    descriptions = np.array([" ".join(parts) for parts in zip(*words, strict=True)])
    pounds = np.minimum(np.floor(draw.lognormal(0.55, 0.8, SIZE)), 40.0)
    pence = np.rint((pounds + draw.choice(ENDINGS, SIZE)) * 100).astype(np.int64)
    weight = 1.0 / (draw.permutation(SIZE) + 12.0) ** 0.8
    return Catalogue(codes, descriptions, pence, weight / weight.sum())
