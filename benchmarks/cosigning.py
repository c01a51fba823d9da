"""Three witnesses for a measurement: a policy that wants all of them, and their cosignatures put into a proof."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import orjson

from app.core import canon
from app.core.log.checkpoint import cosign
from app.core.log.note import COSIGNATURE_ED25519, Signer
from app.core.log.policy import Group, LogKey, Policy, Witness

if TYPE_CHECKING:
    from app.services.bureau import Bureau

WITNESSES = ("witness.one.example/w1", "witness.two.example/w2", "witness.three.example/w3")


def cosigning_policy(bureau: Bureau) -> tuple[bytes, list[Signer]]:
    """The policy, and the witnesses' keys."""
    signers = [
        Signer.generate_from_seed(name, secrets.token_bytes(32), COSIGNATURE_ED25519) for name in WITNESSES
    ]
    names = [b"w%d" % number for number in range(len(signers))]
    witnesses = tuple(Witness(name, signer.verifier) for name, signer in zip(names, signers, strict=True))
    group = Group(b"all-of-them", len(names), tuple(names))
    return Policy((LogKey(bureau.verifier),), witnesses, (group,), group.name).encode(), signers


def with_cosignatures(proof: bytes, signers: list[Signer]) -> bytes:
    """The proof as it would be had these witnesses cosigned the checkpoint just now."""
    fields = orjson.loads(proof)
    checkpoint = fields["tlog"].split("\n\n", 1)[1].encode()
    fields["tlog"] += b"".join(cosign(signer, checkpoint, int(time.time())) for signer in signers).decode()
    return canon.encode(fields)
