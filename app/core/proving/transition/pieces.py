"""What a transition is checked in: pieces of work that need nothing of one another, so that several processes can share them.

A piece is a function's only argument, and both can be pickled: some batches with the register at their log indices, or some
accounts with what is known of their events. Who hands out the pieces takes the results in the order of the log, as `map`
gives them; so a transition is right or wrong in the same way however many work at it.

    check = Checker()               one piece after the other, here
    check = Checker(in_order)  the same by a crew of processes, `app.services.ledger.audit.crew`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Piece = TypeVar("Piece")
Result = TypeVar("Result")
KEYS_KEPT: Final = 65_536
ITEMS_A_PIECE: Final = 64
SIZE_A_PIECE: Final = 4_096


class InOrder(Protocol):
    """What `map` is: the results of a function for pieces, in their order; it may run ahead by some pieces."""

    def __call__(
        self, function: Callable[[Piece], Result], pieces: Iterable[Piece], /
    ) -> Iterator[Result]: ...


def gathered(
    items: Iterable[Piece], size_of: Callable[[Piece], int], size_max: int = SIZE_A_PIECE
) -> Iterator[list[Piece]]:
    """Items in pieces: so many, or so much, that a process has something to do."""
    piece: list[Piece] = []
    size = 0
    for item in items:
        piece.append(item)
        size += size_of(item)
        if len(piece) == ITEMS_A_PIECE or size >= size_max:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


class Shown(NamedTuple):
    """A citizen key that was shown to be this citizen's: by which VRF proof, under which public key, for which origin."""

    key: bytes
    citizen: str
    proof: bytes
    public: bytes
    origin: str


class KeysShown:
    """Whose key is whose, by key, as far as it was checked: a citizen comes again, and has one key for ever.

    The newest are kept, so that memory stays constant; what was forgotten is checked again.
    """

    def __init__(self) -> None:
        self._by_key: dict[bytes, Shown] = {}

    def add(self, shown: Shown) -> None:
        self._by_key[shown.key] = shown
        if len(self._by_key) > KEYS_KEPT:
            del self._by_key[next(iter(self._by_key))]

    def of(self, keys: Iterable[bytes]) -> set[Shown]:
        """What is known of these keys."""
        return {self._by_key[key] for key in keys if key in self._by_key}
