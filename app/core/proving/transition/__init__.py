"""Transition proofs: that a block follows from the one before, for an auditor who keeps nothing else.

    state = AuditorState.start(ledger_key)
    for number in ...:
        state = check(state, lines_of_transition(number))        # ProofError and the like: do not cosign
    state.head                                                    # size and root that may be cosigned

`form` is the record's format, `auditor` what is kept from block to block, `growth` checks what a block adds to the log,
`accounts` what it makes of each account that it writes; `check` is all of it, in `pieces` that several processes can share
(`Checker`). Never public: a transition shows citizens' keys and everything that they were reported for.

Source: docs/formats.md, section 17; design.md, sections 1 to 3.
"""

from app.core.proving.transition.auditor import AuditorState
from app.core.proving.transition.check import Checker, check

__all__ = ["AuditorState", "Checker", "check"]
