"""Claims beside the score: what else a `.proof` file can prove, each kind a module.

    absent         there is no file for this citizen
    history        these are all events of this citizen, and the score is the fold of exactly them
    event          this furnisher signed this event, and it is in the ledger
    consistency    the newer ledger holds the older one, entry for entry
    erasure        the plaintext of these entries was announced as destroyed
    contradiction  the bureau signed two histories
    overdue        the time by which a batch was promised in a block is over
    range          the score is at least, at most or between, and nothing more (module range_proof)

`head` has what they share: the block that a claim is about, under a checkpoint that a policy accepts. Each module parses its
file without slack, verifies it from the outside in, and says in sentences what was proved and what was not; `verify` finds
the module by the file's `kind`.

Source: docs/formats.md section 15; RFC 6962 section 2.1; C2SP tlog-proof, tlog-policy.
"""
