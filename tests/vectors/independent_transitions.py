"""Transition proofs of docs/formats.md section 17, read a second time: from the document alone, with `independent.py`'s tools.

Everything is checked but what takes a scorecard: the fold, the score, and the `until` that follow from the events, so also
not who is due. The bureau's own digests stand in for those; they have to lead to the signed state all the same.
"""

from __future__ import annotations

import datetime as dt
import json
import sys

base = sys.modules["vectors_independent"]
H, Refused, need, node, leaf_hash, canonical = (
    base.H, base.Refused, base.need, base.node, base.leaf_hash, base.canonical,
)  # fmt: skip
HEAD = {"accounts", "admissions", "block", "checkpoint", "entry", "trie", "v"}
ACCOUNT = {"digests", "key", "salts"}
REPAIRS = {"correction", "retraction", "dispute_opened", "dispute_closed"}
OPTIONAL = {"events", "history", "old", "old_salts", "opaque", "replaced", "vrf"}


def follow(keeps, lines, rules):
    """What an auditor keeps after a block, as (block, frontier in hex, notices); `keeps` is what was kept before.

    `rules` is the object behind the blocks' `rules`.
    """
    kept, records = json.loads(keeps), [json.loads(line) for line in lines]
    head, accounts = records[0], records[1:]
    need(HEAD <= set(head) <= HEAD | {"card"} and head["v"] == 1, 1, "fields")
    log = Log(kept)
    log.admit(head)
    block = log.block(head, rules)
    need(len(accounts) == head["accounts"], 8, "another number of accounts")
    changes = [Account(record, log, block).change() for record in accounts]
    need([key for key, _, _ in changes] == sorted({key for key, _, _ in changes}), 7, "order of keys")
    proof = Multiproof(base.unb64(head["trie"], 7), changes)
    old, new = proof.node(0, changes)
    need(proof.is_over(), 7, "more than is needed")
    before = json.loads(kept["block"]) if kept["block"] else {"state": base.EMPTY.hex(), "accounts": 0}
    need(old.hex() == before["state"] and new.hex() == block["state"], 7, "another state")
    fresh = sum(value is None for _, value, _ in changes)
    need(block["accounts"] == before["accounts"] + fresh, 7, "number of accounts")
    need(not log.events, 8, "an event in no account")
    need(not log.doomed, 5, "an entry that nobody lost")
    return head["entry"], log.frontier_hex(), log.kept_notices()


# -- the log ----------------------------------------------------------------------------------------------------


class Log:
    """Steps 1 and 2: the frontier, the register, and what the block's accounts have to account for."""

    def __init__(self, kept):
        self.kept, self.ledger = kept, kept["ledger"]
        raw = bytes.fromhex(kept["frontier"])
        self.size = int.from_bytes(raw[:8], "big")
        self.hashes = [raw[at : at + 32] for at in range(8, len(raw), 32)]
        self.notices = [(index, json.loads(payload)) for index, payload in kept["notices"]]
        self.payloads = [[index, payload] for index, payload in kept["notices"]]
        self.events, self.doomed, self.receipts = {}, {}, []
        self.first = self.size

    def append(self, entry):
        """A leaf joins the complete subtrees, as a carry does in a binary counter."""
        self.hashes.append(leaf_hash(entry))
        self.size += 1
        low = self.size
        while low % 2 == 0:
            right, left = self.hashes.pop(), self.hashes.pop()
            self.hashes.append(node(left, right))
            low //= 2

    def root(self):
        found = self.hashes[-1]
        for left in self.hashes[-2::-1]:
            found = node(left, found)
        return found

    def frontier_hex(self):
        return (self.size.to_bytes(8, "big") + b"".join(self.hashes)).hex()

    def kept_notices(self):
        return self.payloads

    @property
    def genesis(self):
        return self.notices[0][1]

    def keys_of(self, index, **wanted):
        """Keys that were valid at a log index, by name or by role."""
        return [
            record["vkey"]
            for record in base.register_records(self.notices)
            if record["from"] < index < record["to"] and all(record[k] == v for k, v in wanted.items())
        ]

    def admit(self, head):
        number = 0 if not self.kept["block"] else json.loads(self.kept["block"])["block"] + 1
        need(head["block"] == number, 1, "another block")
        for admission in head["admissions"]:
            if "notice" in admission:
                self.notice(base.unb64(admission["notice"], 1))
            else:
                self.batch(admission)

    def notice(self, payload):
        notice = base.read_canonical(payload, 1)
        if notice["notice"] in (
            "genesis",
            "key_registered",
            "key_rotated",
            "key_revoked",
            "scorecard_published",
        ):
            self.notices.append((self.size, notice))
            self.payloads.append([self.size, payload.decode()])
        if notice["notice"] == "genesis":
            need(notice["vkey"] == self.ledger, 1, "another ledger's key")
        if notice["notice"] == "destroyed":
            for index in notice["entries"]:
                need(index < self.first and index not in self.doomed, 1, "destroys what is not there")
                self.doomed[index] = notice["reason"]
        self.append(b"\x04" + payload)

    def batch(self, admission):
        note, index = admission["note"].encode(), self.size
        text = base.split_note(note, 1)[0]
        tag, origin, furnisher, _, count, root, end = text.decode().split("\n")
        need((tag, origin, end) == ("credence/batch@v1", self.genesis["origin"], ""), 1, "batch note")
        known = self.keys_of(index, name=furnisher)
        need(any(signs(note, vkey) for vkey in known), 1, "no valid key of the furnisher's")
        data = base.unb64(admission["commitments"], 1)
        entries = [b"\x01" + data[at : at + 32] for at in range(0, len(data), 32)]
        need(len(entries) == int(count) and base.tree_root(entries) == base.unb64(root, 1), 1, "commitments")
        receipt = admission["receipt"].encode()
        services = [vkey for vkey in self.keys_of(index, role="service") if signs(receipt, vkey)]
        need(services, 1, "no valid service key")
        fields = base.read_receipt(receipt, services[0])
        need(fields[:3] == [origin, H(text).hex(), count], 1, "another batch's receipt")
        self.receipts.append(fields[3:])
        self.append(b"\x02" + H(text))
        for entry in entries:
            self.events[self.size] = leaf_hash(entry), furnisher
            self.append(entry)

    def block(self, head, rules):
        entry = base.unb64(head["entry"], 2)
        block = base.read_canonical(entry, 2)
        base.read_block(block, 2)
        before = json.loads(self.kept["block"]) if self.kept["block"] else None
        previous = leaf_hash(b"\x03" + self.kept["block"].encode()).hex() if before else "00" * 32
        need((block["block"], block["previous"]) == (head["block"], previous), 2, "chain")
        time = base.instant(block["time"], 2)
        local = (time + dt.timedelta(minutes=self.genesis["utc_offset_minutes"])).date().isoformat()
        need(block["as_of"] == max(local, before["as_of"] if before else local), 2, "as_of")
        need(before is None or block["time"] >= before["time"], 2, "time goes back")
        need(block["keys"] == base.register_root(self.notices).hex(), 2, "keys")
        need(
            block["vrf"] == self.genesis["vrf"] and block["rules"] == H(canonical(rules)).hex(),
            2,
            "vrf, rules",
        )
        need(base.cards_in_force(self.notices, block["as_of"])[0] == block["scorecard"], 2, "another card")
        for admitted, by in self.receipts:
            need(admitted <= block["time"] <= by, 1, "outside of what a receipt promised")
        if "card" in head or before is None:
            need(H(base.unb64(head["card"], 2)).hex() == block["scorecard"], 2, "card")
        self.append(b"\x03" + entry)
        text = base.note_signed_by(head["checkpoint"].encode(), self.ledger, 2).decode().split("\n")
        told = [self.genesis["origin"], str(self.size), base.base64.b64encode(self.root()).decode(), ""]
        need(text == told, 2, "another tree")
        return block


def signs(note, vkey):
    try:
        need(len(base.split_note(note, 1)[1]) == 1, 1, "one signature")
        base.note_signed_by(note, vkey, 1)
    except Refused:
        return False
    return True


# -- accounts ---------------------------------------------------------------------------------------------------


class Account:
    """Steps 3 to 6 for one line, as far as no card is needed."""

    def __init__(self, record, log, block):
        need(ACCOUNT <= set(record) <= ACCOUNT | OPTIONAL, 3, "fields")
        self.record, self.log, self.block = record, log, block
        self.key = base.unb64(record["key"], 3)
        self.events, self.gone = record.get("events", []), []

    def change(self):
        """(key, value before or None, value after)"""
        record = self.record
        repairs = {event["type"] for _, _, event in self.events} & REPAIRS
        need(not repairs or "old" not in record or "history" in record, 3, "a repair, and no history")
        past = self.past() if "history" in record else None
        value, leaves, opaque, until = self.old(past)
        leaves = leaves + self.new_leaves()
        switched = (
            self.log.kept["block"]
            and json.loads(self.log.kept["block"])["scorecard"] != self.block["scorecard"]
        )
        due = until is not None and until <= self.block["as_of"]
        need(self.events or due or switched or self.gone, 5, "written without a reason")
        salts = [base.unb64(salt, 6) for salt in record["salts"]]
        digests = [base.unb64(digest, 6) for digest in record["digests"]]
        need(
            not set(salts) & {base.unb64(salt, 6) for salt in record.get("old_salts", [])},
            6,
            "salts used again",
        )
        history = tree_value(leaves, sorted(opaque + self.gone))
        need(digests[0] == digest_of(salts[0], "history", history), 6, "the history is another one")
        return self.key, value, base.account_value(dict(zip(base.ORDER, digests, strict=True)))

    def old(self, past):
        """(account value or None, frontier of the citizen tree, opaque parts, until)"""
        record = self.record
        if self.gone:
            replaced, leaves = record["replaced"], past
            opaque = record.get("opaque", [])
            salts = [base.unb64(salt, 3) for salt in record["old_salts"]]
            digests = {name: base.unhex(replaced[name], 32, 3) for name in ("receipt", "file", "flags")}
            digests["history"] = digest_of(salts[0], "history", tree_value(leaves, opaque))
            digests["score"] = digest_of(salts[1], "score", replaced["score"])
            return base.account_value(digests), leaves, opaque, replaced["score"]["until"]
        if "old" not in record:
            need(past is None and "old_salts" not in record, 3, "new, and with a past")
            return None, Leaves(), [], None
        old, opaque = record["old"], record["old"].get("opaque", [])
        raw = bytes.fromhex(old["frontier"])
        leaves = Leaves(int.from_bytes(raw[:8], "big"), [raw[at : at + 32] for at in range(8, len(raw), 32)])
        need(old["history"] == tree_value(leaves, opaque), 3, "not the old history")
        need(past is None or past.hashes == leaves.hashes, 3, "not the history of the citizen tree")
        salts = [base.unb64(salt, 3) for salt in record["old_salts"]]
        digests = {n: digest_of(s, n, old[n]) for s, n in zip(salts, base.ORDER, strict=True)}
        return base.account_value(digests), leaves, opaque, old["score"]["until"]

    def past(self):
        """The leaves of the history shown; what this block destroys of it goes into `gone`."""
        leaves, known = (
            Leaves(),
            {part[0] for part in (self.record.get("old") or self.record).get("opaque", [])},
        )
        for position, (index, salt, shown) in enumerate(self.record["history"]):
            if isinstance(shown, str):
                leaf = base.unhex(shown, 32, 3)
                reason = self.log.doomed.pop(index, None)
                need(reason is not None or position in known, 3, "withheld, and not destroyed")
                self.gone += [[position, reason, self.block["as_of"]]] if reason is not None else []
            else:
                need(index not in self.log.doomed, 3, "to be destroyed, and shown")
                leaf = leaf_hash(b"\x01" + H(canonical(shown)))
            leaves.append(base.unb64(salt, 3), index, leaf)
        return leaves

    def new_leaves(self):
        """Step 4."""
        found = []
        for index, salt, event in self.events:
            leaf, furnisher = self.log.events.pop(index, (None, None))
            need(leaf == leaf_hash(b"\x01" + H(canonical(event))), 4, "not the event in the log")
            told = (event["ledger"], event["furnisher"], event["citizen"])
            need(
                told == (self.log.genesis["origin"], furnisher, self.events[0][2]["citizen"]), 4, "of others"
            )
            found.append((base.unb64(salt, 4), index, leaf))
        if self.events:
            vrf, public = base.unb64(self.record["vrf"], 4), bytes.fromhex(self.block["vrf"])
            citizen = self.events[0][2]["citizen"]
            own = base.citizen_key(self.log.genesis["origin"], citizen, public, vrf, 4)
            need(own == self.key, 4, "another citizen's key")
        return found


class Leaves:
    """The complete subtrees of a citizen tree."""

    def __init__(self, size=0, hashes=()):
        self.size, self.hashes = size, list(hashes)

    def append(self, salt, index, leaf):
        self.hashes.append(leaf_hash(salt + index.to_bytes(8, "big") + leaf))
        self.size += 1
        low = self.size
        while low % 2 == 0:
            right, left = self.hashes.pop(), self.hashes.pop()
            self.hashes.append(node(left, right))
            low //= 2

    def __add__(self, more):
        grown = Leaves(self.size, self.hashes)
        for leaf in more:
            grown.append(*leaf)
        return grown


def tree_value(leaves, opaque):
    """The disclosure `history`."""
    root = H(b"")
    for at, left in enumerate(reversed(leaves.hashes)):
        root = left if at == 0 else node(left, root)
    return {"opaque": H(canonical(opaque)).hex(), "root": root.hex(), "size": leaves.size}


def digest_of(salt, name, value):
    return base.disclosure_digest(base.base64.urlsafe_b64encode(salt).rstrip(b"=").decode(), name, value)


# -- the multiproof ---------------------------------------------------------------------------------------------


class Multiproof:
    def __init__(self, proof, changes):
        size = int.from_bytes(proof[:4], "big")
        self.bits = "".join(f"{byte:08b}" for byte in proof[4 : 4 + size])
        rest = proof[4 + size :]
        need(len(rest) % 32 == 0, 7, "not hashes")
        self.hashes = [rest[at : at + 32] for at in range(0, len(rest), 32)]
        self.changes = changes

    def take(self, count):
        need(len(self.bits) >= count, 7, "too few bits")
        taken, self.bits = self.bits[:count], self.bits[count:]
        return taken

    def hash(self):
        need(self.hashes, 7, "too few hashes")
        return self.hashes.pop(0)

    def is_over(self):
        return not self.hashes and len(self.bits) < 8 and "1" not in self.bits

    def node(self, depth, below):
        """(old hash, new hash) of the node above the changes `below`."""
        if not below:
            found = self.hash() if self.take(1) == "1" else base.EMPTY
            return found, found
        kind = self.take(2)
        if kind == "11":
            halves = [[each for each in below if base.bit(each[0], depth) == side] for side in (0, 1)]
            (old_left, new_left), (old_right, new_right) = (self.node(depth + 1, half) for half in halves)
            return H(b"\x03" + old_left + old_right), H(b"\x03" + new_left + new_right)
        before = {key: value for key, value, _ in below if value is not None}
        if kind == "10":
            key, value = self.hash(), self.hash()
            agree = all(base.bit(key, d) == base.bit(below[0][0], d) for d in range(depth))
            need(not before and agree and key not in [each[0] for each in below], 7, "a leaf elsewhere")
            before = {key: value}
        need(len(before) == (kind != "00"), 7, "another number of leaves")
        after = before | {key: value for key, _, value in below}
        return base.trie_root(before, depth), base.trie_root(after, depth)
