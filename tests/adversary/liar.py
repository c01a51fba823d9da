"""A bureau that lies: it has all of its keys, signs what it likes, and shows everybody what suits it.

`Liar.proof` makes a score proof from nothing: any values under any key, in a state of its own, in a block of its own, under a
checkpoint signed with the ledger's real key. `shown` takes a real proof apart for it.
"""

from __future__ import annotations

import datetime as dt

from app.core.log import merkle
from app.core.log.block import Block
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.entries import block_entry
from app.core.log.policy import LogKey, Policy
from app.core.log.tlogproof import TlogProof
from app.core.proving.proof_form import build_score_proof, parse_score_proof
from app.core.state import account, trie


class Liar:
    def __init__(self, ledger):
        self.ledger, self.signer = ledger, ledger.home.signer("ledger")

    @property
    def policy(self):
        return Policy((LogKey(self.ledger.bureau.verifier),), (), (), b"none")

    def head(self, size, root):
        """A checkpoint, really signed."""
        return sign_checkpoint(self.signer, Checkpoint(self.ledger.bureau.origin, size, root))

    def block(self, real, **changes):
        """A block like a real one, but for some fields."""
        fields = {name: getattr(real, name) for name in Block.__dataclass_fields__}
        return Block(**fields | changes)

    def tlog(self, block, *, leaves=()):
        """The block as the last entry of a log that the liar makes up."""
        hashes = [*leaves, merkle.leaf_hash(block_entry(block.encode()))]
        path = merkle.inclusion_proof(len(hashes) - 1, len(hashes), merkle.LeafReader(hashes))
        return TlogProof(len(hashes) - 1, tuple(path), self.head(len(hashes), merkle.root(hashes))).encode()

    def proof(self, real, *, values=None, key=None, vrf_proof=None, salts=None, **block_changes):
        """A self-consistent proof: `values` replace disclosures of the real one."""
        told = parse_score_proof(real)
        shown = {**told.shown.values, **(values or {})}
        own = salts or told.shown.salts
        disclosures = {name: account.disclosure_bytes(own[name], name, shown[name]) for name in account.NAMES}
        value = account.value_of_disclosures([*disclosures.values()])
        key = key or told.key
        others = [(bytes([n]) * 32, trie.leaf_hash(bytes([n]) * 32, bytes(32))) for n in (1, 90, 200)]
        items = sorted([*others, (key, trie.leaf_hash(key, value))])
        block = self.block(told.block, state=trie.root(items), accounts=len(items), **block_changes)
        return build_score_proof(
            key=key,
            vrf_proof=vrf_proof or told.vrf_proof,
            shown=disclosures,
            hidden={},
            siblings=trie.prove(items, key).siblings,
            block_json=block.encode(),
            tlog=self.tlog(block, leaves=[bytes(32)] * 5),
        )


def told(proof):
    return parse_score_proof(proof)


def later(moment, **delta):
    return moment + dt.timedelta(**delta)
