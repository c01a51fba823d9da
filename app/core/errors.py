"""Every error that Credence raises on purpose, on one page.

Bad input is one of these, with a `code` that machines can switch on and a sentence that people can read. Broken
arithmetic of our own is an `AssertionError` and never one of these. Audit findings are values, not exceptions
(see `app.services.ledger.audit`).

    CredenceError
    |-- FormatError         bytes that are not what their format says
    |-- SignatureError      a signature that is missing, unknown or wrong
    |-- ProofError          a proof that does not hold
    |-- RuleError           well-formed, but one of the rules R1-R44 or a limit refuses it; may name lines
    |-- ConflictError       the same name with other content
    |-- NotFoundError       what was asked for is not there
    |-- DamagedError        what is stored here was changed: nobody's request is at fault
    `-- RefusedError        the ledger refuses to go on (rolled back, forked, locked): says what to do
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one line of a batch file; `line` counts from 1, the note's line is line 1."""

    line: int
    rule: str
    detail: str


class CredenceError(Exception):
    """The root of the tree. `code` is a stable kebab-case name; `str(error)` is one sentence for people.

    `problems` names the first lines of a batch file, when it is about one.
    """

    code = "error"

    def __init__(
        self, detail: str, *, code: str | None = None, problems: tuple[LineProblem, ...] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = problems
        if code is not None:
            self.code = code


class FormatError(CredenceError):
    """Bytes that are not what their format says."""

    code = "malformed"


class SignatureError(CredenceError):
    """A signature that is missing, by an unknown or revoked key, or wrong."""

    code = "bad-signature"


class ProofError(CredenceError):
    """A proof that does not prove what it says."""

    code = "proof-failed"


class RuleError(CredenceError):
    """Well-formed input that a rule or a limit refuses."""

    code = "rule"


class ConflictError(CredenceError):
    """The same name was used before for other content."""

    code = "conflict"


class NotFoundError(CredenceError):
    """What was asked for is not there."""

    code = "not-found"


class DamagedError(CredenceError):
    """What is stored here does not open, or is not what was written. `str(error)` is what was `found`, as an audit says it;
    `detail` tells whoever meets it elsewhere what that means.
    """

    code = "damaged"

    def __init__(self, found: str, *, code: str | None = None) -> None:
        super().__init__(found, code=code)
        self.detail = f"What the bureau stores of this was changed or damaged: run `credence audit`. {found}"


class RefusedError(CredenceError):
    """The ledger refuses to go on; the sentence says why and what to do."""

    code = "refused"
