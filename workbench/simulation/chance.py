"""Numbers by chance that are the same on every machine: hashed, and computed in Decimal."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from hashlib import blake2b

DIGITS = Context(prec=28, rounding=ROUND_HALF_EVEN)
"""The arithmetic of simulated prices; square root, logarithm and exponential are rounded correctly in it."""
_BITS = 64


@dataclass(frozen=True, slots=True)
class Chance:
    """The chance of one price path; what is drawn depends on the names it is drawn by, and not on what was before."""

    seed: int
    path: int

    def uniform(self, *names: object) -> Decimal:
        """Draw a number above 0 and below 1."""
        return self._pair(names)[0]

    def normal(self, *names: object) -> Decimal:
        """Draw from the standard normal distribution, by the polar method of Marsaglia and Bray (1964)."""
        with localcontext(DIGITS):
            attempt = 0
            while True:
                x, y = (2 * part - 1 for part in self._pair((*names, attempt)))
                radius = x * x + y * y
                if 0 < radius < 1:
                    return x * (-2 * radius.ln() / radius).sqrt()
                attempt += 1

    def _pair(self, names: tuple[object, ...]) -> tuple[Decimal, Decimal]:
        text = "|".join(map(str, (self.seed, self.path, *names)))
        digest = blake2b(text.encode(), digest_size=2 * _BITS // 8).digest()
        half = len(digest) // 2
        with localcontext(DIGITS):
            first, second = (
                (2 * Decimal(int.from_bytes(part, "big")) + 1) / 2 ** (_BITS + 1)
                for part in (digest[:half], digest[half:])
            )
        return first, second
