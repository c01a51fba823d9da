"""Asking one witness: a head out, its cosignature or the reason against it back, every failure a value.

    add-checkpoint, from the size that this witness cosigned last as far as we know
        200  the lines by the key that the policy names, verified; lines by other keys are ignored
        409  it remembers another size: once more from that one, if our tree holds it
        422, or 409 with a size over ours, or again 409: what it remembers may contradict us. Its own copy of our head
             (GET <origin hash>/checkpoint) is fetched, since only a head with our signature is evidence
        else, no answer, nonsense: the problem in words

The witness is not trusted: answers have limits, redirects are not followed, each read has a time limit. Whatever it does
holds up the thread that asks, and nothing else.

Source: C2SP tlog-witness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from app.core.errors import CredenceError, FormatError
from app.core.log import checkpoint, cosignature, witness
from app.core.log.note import split
from app.core.log.witness import AddCheckpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.log.checkpoint import Checkpoint
    from app.core.log.note import NoteSignature, Verifier
    from app.core.log.policy import Witness

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking. `size` is what the witness remembers, as far as it said. `evidence` is a head with our
    signature that it showed; `problem` is empty when there is a `signature`.
    """

    signature: NoteSignature | None = None
    size: int | None = None
    evidence: Checkpoint | None = None
    problem: str = ""


class WitnessClient:
    """One witness of a policy, as `log` may ask it. Keeps its connection between questions."""

    def __init__(self, asked: Witness, log: Verifier, timeout_s: float) -> None:
        self.name = asked.name
        self.verifier = asked.verifier
        self._url = asked.url.decode().rstrip("/")
        self._log = log
        self._timeout_s = timeout_s
        self._session = requests.Session()
        if urlsplit(self._url).hostname in _LOOPBACK:
            self._session.trust_env = False  # a proxy from the environment would not reach this machine

    @property
    def has_address(self) -> bool:
        """Whether it can be asked; one without an address sends its cosignatures itself."""
        return bool(self._url)

    def ask(self, note: bytes, known_size: int, prove: Callable[[int], Sequence[bytes]]) -> Answer:
        """Ask for a cosignature on a head of ours. `prove` gives the consistency proof from an older size."""
        head = checkpoint.parse_note(note)
        old_size = min(known_size, head.size)
        try:
            for _ in range(2):
                body = AddCheckpoint(old_size, tuple(prove(old_size)), note).encode()
                status, answer = self._exchange("POST", "add-checkpoint", body)
                if status != 409:
                    break
                old_size = witness.parse_size(answer)
                if old_size > head.size:
                    break
            if status == 200:
                return self._accept(note, head, answer)
            if status in (409, 422):
                size = old_size if status == 409 else None
                return Answer(size=size, evidence=self.remembered(), problem=f"it answered {status}")
            return Answer(problem=f"it answered {status}")
        except CredenceError as error:
            return Answer(problem=error.detail)

    def _accept(self, note: bytes, head: Checkpoint, answer: bytes) -> Answer:
        text, _ = split(note)
        for line in witness.parse_answer(answer):
            if (line.name, line.key_id) != (self.verifier.name, self.verifier.key_id):
                continue
            if (
                not self.verifier.verify(text, line.signature)
                or not cosignature.split_time(line.signature)[0]
            ):
                return Answer(problem="its cosignature is wrong")
            return Answer(signature=line, size=head.size)
        return Answer(problem="it did not cosign with the key that the policy names")

    def remembered(self) -> Checkpoint | None:
        """The newest head of ours that the witness shows, None when it shows none that we have signed."""
        try:
            status, note = self._exchange("GET", f"{witness.origin_hash(self._log.name)}/checkpoint")
            return checkpoint.open_checkpoint(note, self._log).checkpoint if status == 200 else None
        except CredenceError:
            return None

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """(status, body); CredenceError when there is no answer."""
        try:
            with self._session.request(
                method,
                f"{self._url}/{path}",
                data=body,
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = response.raw.read(witness.ANSWER_BYTES_MAX + 1, decode_content=True)
        except (requests.RequestException, HTTPError) as error:  # the body is read below requests
            raise CredenceError(f"no answer ({type(error).__name__})", code="unreachable") from error
        if len(answer) > witness.ANSWER_BYTES_MAX:
            raise FormatError(f"its answer is longer than {witness.ANSWER_BYTES_MAX} bytes")
        return response.status_code, answer
