"""The further claims of docs/formats.md section 15, read a second time: from the document alone, with `independent.py`'s tools.

Not read here: the fold of a history's events, which is what a scorecard is for.
"""

from __future__ import annotations

import re
import sys

base = sys.modules["vectors_independent"]
H, Refused, need, node, leaf_hash, canonical = (
    base.H, base.Refused, base.need, base.node, base.leaf_hash, base.canonical,
)  # fmt: skip
VALID_FOR_EVER = 2**53 - 1
SIGNER = ["signer", "signer_path", "signer_sides"]
ACCOUNT = ["digests", "disclosures", "key", "trie", "vrf"]
FIELDS = {
    "absent": ["block", "key", "tlog", "trie", "vrf"],
    "history": ["block", "tlog", "events", *ACCOUNT],
    "event": ["batch_entry_path", "batch_path", "block", "event", "index", "note", "path", "position", "tlog", *SIGNER],
    "erasure": ["block", "index", "notice", "path", "tlog"],
    "consistency": ["hashes", "new", "old"],
    "contradiction": ["first", "second"],
    "overdue": ["block", "receipt", "tlog", *SIGNER],
}  # fmt: skip
OPTIONAL = {
    "absent": ["leaf"],
    "event": ["filed"],
    "contradiction": ["index", "leaves", "level", "paths"],
}


def verify_claim(data, policy, at, max_age_s=172800, identifier=None):
    """(kind, the claim) when it holds. Refused otherwise."""
    claim = base.read_canonical(data, 1)
    need(isinstance(claim, dict) and type(claim.get("v")) is int and claim["v"] == 1, 1, "version")
    kind = claim.get("kind")
    need(kind in FIELDS, 1, "kind")
    need(len(data) <= (32 * 2**20 if kind == "history" else 65536), 1, "too long")
    wanted = {"kind", "v", *FIELDS[kind]}
    need(wanted <= set(claim) <= wanted | set(OPTIONAL.get(kind, [])), 1, "fields")
    CHECKS[kind](claim, Asked(policy, at.timestamp(), max_age_s, identifier))
    return kind, claim


class Asked:
    def __init__(self, policy, now, max_age_s, identifier):
        self.policy, self.now, self.max_age_s, self.identifier = policy, now, max_age_s, identifier


class Head:
    """Step 2 of a claim with a block part: what the checkpoint says."""

    def __init__(self, claim, asked):
        block, entry = claim["block"], b"\x03" + canonical(claim["block"])
        index, self.size, self.origin, times = base.open_tlog_proof(claim["tlog"], asked.policy, entry, 2)
        need(index == self.size - 1, 2, "the block is not the last entry")
        self.root = base.unb64(claim["tlog"].partition("\n\n")[2].split("\n")[2], 2)
        made = base.instant(block["time"]).timestamp()
        need(asked.now - asked.max_age_s <= made <= asked.now + 300, 2, "age of the block")
        fresh = {n for n, t in times.items() if asked.now - asked.max_age_s <= t <= asked.now + 300}
        need(base.quorum_of(asked.policy, fresh), 2, "cosignatures too old")

    def holds(self, index, entry, path, step):
        found = base.inclusion_root(index, self.size, leaf_hash(entry), path, step)
        need(found == self.root, step, "not in the log there")


def block_of(claim):
    base.read_block(claim["block"], 1)
    need(isinstance(claim["tlog"], str), 1, "tlog")
    return claim["block"]


def whose(block, origin, key, vrf, identifier, step):  # noqa: PLR0917
    need(re.fullmatch(r"uci:[1-9][0-9]{0,8}|cn:[0-9]{17}[0-9X]", identifier), step, "identifier")
    found = base.citizen_key(origin, identifier, bytes.fromhex(block["vrf"]), vrf, step)
    need(found == key, step, "another citizen's key")


def subtree(hash_, level, index, size, path, root, step):  # noqa: PLR0917
    """The nodes of a level are the leaves of a tree of the same shape."""
    need((index + 1) << level <= size, step, "no such complete subtree")
    need(base.inclusion_root(index, -(-size >> level), hash_, path, step) == root, step, "another tree")


# -- citizens ---------------------------------------------------------------------------------------------------


def absent(claim, asked):
    block = block_of(claim)
    key, vrf = base.unhex(claim["key"], 32, 1), base.vrf_of(claim["vrf"], 1)
    other = claim.get("leaf")
    if other is not None:
        need(isinstance(other, list) and len(other) == 2, 1, "leaf")
        other = [base.unhex(each, 32, 1) for each in other]
    siblings = base.paths_of(claim, "trie", 1)
    head = Head(claim, asked)
    end = base.EMPTY
    if other is not None:
        need(other[0] != key, 3, "the very key")
        need(
            all(base.bit(key, d) == base.bit(other[0], d) for d in range(len(siblings))), 3, "not on the way"
        )
        end = base.trie_leaf(*other)
    need(not siblings or siblings[-1] != base.EMPTY, 3, "a way that goes on where one leaf is left")
    need(base.trie_path_root(key, end, siblings).hex() == block["state"], 3, "the way leads elsewhere")
    if asked.identifier is not None:
        whose(block, head.origin, key, vrf, asked.identifier, 4)


class Account:
    """Key, VRF proof, disclosures and path: step 1 reads, `holds` is the state."""

    def __init__(self, part):
        self.key, self.vrf = base.unhex(part["key"], 32, 1), base.vrf_of(part["vrf"], 1)
        self.siblings = base.paths_of(part, "trie", 1)
        need(isinstance(part["disclosures"], list) and isinstance(part["digests"], dict), 1, "disclosures")
        self.digests = {name: base.unhex(digest, 32, 1) for name, digest in part["digests"].items()}
        self.values = {}
        for item in part["disclosures"]:
            need(isinstance(item, list) and len(item) == 3 and item[1] in base.ORDER, 1, "disclosure")
            base.salt_of(item[0], 1)
            self.values[item[1]] = item[2]
            self.digests[item[1]] = base.disclosure_digest(*item)
        names = [item[1] for item in part["disclosures"]]
        need(names == sorted(names, key=base.ORDER.index), 1, "order")
        need(sorted(names + list(part["digests"])) == sorted(base.ORDER), 1, "each name once")

    def holds(self, block, step):
        leaf = base.trie_leaf(self.key, base.account_value(self.digests))
        need(base.trie_path_root(self.key, leaf, self.siblings).hex() == block["state"], step, "state")


def history(claim, asked):
    block, account = block_of(claim), Account(claim)
    need({"history", "score"} <= set(account.values), 1, "not shown")
    base.read_score(account.values["score"])
    parts, last = [], -1
    for item in claim["events"]:
        need(isinstance(item, list) and len(item) in (3, 5), 1, "an event of a history")
        salt, index = base.salt_of(item[0], 1), item[1]
        need(type(index) is int and index > last, 1, "order of the log")
        last = index
        line = item[2].encode() if len(item) == 3 else None
        leaf = leaf_hash(b"\x01" + H(line)) if line is not None else base.unhex(item[2], 32, 1)
        parts.append((salt, index, leaf, line, item[3:]))
    head = Head(claim, asked)
    account.holds(block, 3)
    root = base.citizen_tree_root([part[:3] for part in parts])
    gone = [[at, *part[4]] for at, part in enumerate(parts) if part[3] is None]
    told = {"opaque": H(canonical(gone)).hex(), "root": root.hex(), "size": len(parts)}
    need(told == account.values["history"], 4, "not exactly these events")
    events = [read_event(part[3], 4) for part in parts if part[3] is not None]
    citizens = {event["citizen"] for event in events} | ({asked.identifier} - {None})
    need(len(citizens) <= 1 and all(e["ledger"] == head.origin for e in events), 4, "events of others")
    score = account.values["score"]
    need(score["scorecard"] == block["scorecard"], 5, "another scorecard")
    need(score["as_of"] <= block["as_of"] < score["until"], 5, "another day")
    if asked.identifier is not None:
        whose(block, head.origin, account.key, account.vrf, asked.identifier, 6)


def read_event(line, step):
    event = base.read_canonical(line, step)
    common = {"v", "ledger", "furnisher", "id", "type", "citizen", "nonce", "day"}
    need(isinstance(event, dict) and common <= set(event) and event["v"] == 1, step, "event")
    return event


# -- the log ----------------------------------------------------------------------------------------------------


class Signer:
    def __init__(self, claim):
        self.record = claim["signer"]
        need(set(self.record) == {"from", "name", "role", "to", "vkey"}, 1, "signer")
        self.path, self.sides = base.paths_of(claim, "signer_path", 1), claim["signer_sides"]
        need(re.fullmatch("[lr]*", self.sides) and len(self.sides) == len(self.path), 1, "sides")

    def holds(self, block, step):
        found = leaf_hash(canonical(self.record))
        for side, other in zip(self.sides, self.path, strict=True):
            found = node(other, found) if side == "l" else node(found, other)
        need(found.hex() == block["keys"], step, "not in the register")

    def text(self, note, step):
        """The text of a note with this one signature."""
        need(len(base.split_note(note, step)[1]) == 1, step, "exactly one signature")
        return base.note_signed_by(note, self.record["vkey"], step)


def event(claim, asked):
    block, signer = block_of(claim), Signer(claim)
    index, position = claim["index"], claim["position"]
    need(type(index) is int and type(position) is int and 0 <= position <= 65535, 1, "index, position")
    need(position < index, 1, "a batch before the log")
    line = claim["event"].encode()
    told = read_event(line, 1)
    paths = {name: base.paths_of(claim, name, 1) for name in ("batch_path", "path", "batch_entry_path")}
    filed = read_filed(claim["filed"]) if "filed" in claim else None
    head = Head(claim, asked)
    batch_index = index - position - 1
    signer.holds(block, 3)
    need(signer.record["from"] < batch_index < signer.record["to"], 3, "a key that was not valid there")
    text = signer.text(claim["note"].encode(), 4)
    tag, origin, furnisher, _, count, root, _ = text.decode().split("\n")
    need((tag, origin, furnisher) == ("credence/batch@v1", head.origin, signer.record["name"]), 4, "batch")
    need((told["ledger"], told["furnisher"]) == (origin, furnisher), 4, "an event of others")
    entry = b"\x01" + H(line)
    found = base.inclusion_root(position, int(count), leaf_hash(entry), paths["batch_path"], 4)
    need(found == base.unb64(root, 4), 4, "not in the batch")
    head.holds(index, entry, paths["path"], 5)
    head.holds(batch_index, b"\x02" + H(text), paths["batch_entry_path"], 5)
    need(asked.identifier in (None, told["citizen"]), 6, "another citizen")
    if filed is not None:
        account, salt, at, path = filed
        whose(block, head.origin, account.key, account.vrf, told["citizen"], 6)
        account.holds(block, 6)
        tree = account.values["history"]
        leaf = leaf_hash(salt + index.to_bytes(8, "big") + leaf_hash(entry))
        found = base.inclusion_root(at, tree["size"], leaf, path, 6)
        need(found.hex() == tree["root"], 6, "not in the citizen's tree")


def read_filed(part):
    need(isinstance(part, dict) and set(part) == {*ACCOUNT, "path", "position", "salt"}, 1, "filed")
    account = Account(part)
    need(list(account.values) == ["history"], 1, "more than the history is shown")
    need(set(account.values["history"]) == {"opaque", "root", "size"}, 1, "history")
    need(type(part["position"]) is int, 1, "position")
    return account, base.salt_of(part["salt"], 1), part["position"], base.paths_of(part, "path", 1)


def erasure(claim, asked):
    block_of(claim)
    notice, index = claim["notice"], claim["index"]
    need(set(notice) == {"entries", "notice", "reason", "time", "v"}, 1, "notice")
    need((notice["notice"], notice["v"]) == ("destroyed", 1), 1, "another notice")
    entries = notice["entries"]
    need(entries and entries == sorted(set(entries)) and len(entries) <= 1500, 1, "entries")
    path = base.paths_of(claim, "path", 1)
    Head(claim, asked).holds(index, b"\x04" + canonical(notice), path, 3)


def overdue(claim, asked):
    block, signer = block_of(claim), Signer(claim)
    need(len(claim["receipt"].encode()) <= 4096, 1, "a receipt too long")
    head = Head(claim, asked)
    need(signer.record["role"] == "service", 3, "not the bureau's service")
    signer.holds(block, 3)
    text = signer.text(claim["receipt"].encode(), 4).decode().split("\n")
    need(len(text) == 7 and text[0] == "credence/receipt@v1" and text[6] == "", 4, "receipt")
    need(text[1] == head.origin, 4, "another ledger's receipt")
    need(base.instant(block["time"]) > base.instant(text[5]), 4, "the time is not over")


# -- two heads --------------------------------------------------------------------------------------------------


def signed_head(note, asked, quorum):
    """(size, root, origin) of a checkpoint that the policy's log has signed."""
    text, lines = base.split_note(note.encode(), 2)
    origin, size, root, end = text.decode().split("\n")
    logs = base.read_policy(asked.policy)[0]
    need(end == "" and origin in logs, 2, "another ledger")
    base.note_signed_by(note.encode(), logs[origin], 2)
    if quorum:
        need(base.quorum_of(asked.policy, base.cosigned(asked.policy, text, lines, 2)), 2, "below the quorum")
    return int(size), base.unb64(root, 2), origin


def consistency(claim, asked):
    hashes = base.paths_of(claim, "hashes", 1)
    (old, old_root, one), (new, new_root, two) = (
        signed_head(claim["old"], asked, quorum=False), signed_head(claim["new"], asked, quorum=True),
    )  # fmt: skip
    need(one == two, 2, "two ledgers")
    need(old <= new, 3, "the older is larger")
    if old in (0, new):
        need(not hashes and old_root == (H(b"") if old == 0 else new_root), 3, "roots")
        return
    if old & (old - 1) == 0:
        hashes = [old_root, *hashes]
    need(
        both_roots(old, new, hashes, whole=True) == (old_root, new_root), 3, "it does not continue the older"
    )


def both_roots(old, new, hashes, whole):
    """RFC 6962 section 2.1.2 read backwards: the two roots that SUBPROOF(old, D[new], whole) leads to."""
    need(bool(hashes), 3, "too few hashes")
    if old == new:
        need(len(hashes) == 1, 3, "too many hashes")
        return hashes[0], hashes[0]
    k = 1
    while k * 2 < new:
        k *= 2
    if old <= k:
        first, second = both_roots(old, k, hashes[:-1], whole)
        return first, node(second, hashes[-1])
    first, second = both_roots(old - k, new - k, hashes[:-1], whole=False)
    return node(hashes[-1], first), node(hashes[-1], second)


def contradiction(claim, asked):
    place = {"index", "leaves", "paths"} & set(claim)
    need(len(place) == 3 or (not place and "level" not in claim), 1, "all of them or none")
    heads = [signed_head(claim[name], asked, quorum=False) for name in ("first", "second")]
    need(heads[0][2] == heads[1][2], 2, "two ledgers")
    if not place:
        need(heads[0][0] == heads[1][0] and heads[0][1] != heads[1][1], 3, "no contradiction by themselves")
        return
    level, index = claim.get("level", 0), claim["index"]
    need(type(level) is int and ("level" not in claim or 1 <= level <= 62), 3, "level")
    need(type(index) is int and index >= 0, 3, "index")
    leaves = [base.unhex(leaf, 32, 3) for leaf in claim["leaves"]]
    need(len(leaves) == 2 and len(claim["paths"]) == 2 and leaves[0] != leaves[1], 3, "two that differ")
    for (size, root, _), leaf, path in zip(heads, leaves, claim["paths"], strict=True):
        subtree(leaf, level, index, size, base.paths_of({"path": path}, "path", 3), root, 3)


CHECKS = {
    "absent": absent,
    "history": history,
    "event": event,
    "erasure": erasure,
    "consistency": consistency,
    "contradiction": contradiction,
    "overdue": overdue,
}
