"""A second reader of Credence's formats, written from docs/formats.md and the C2SP texts alone.

It imports nothing of `app`: only the standard library and the Ed25519 and P-256 of `cryptography`. The point is to find out
whether the document is enough to write a verifier. So it is short, slow, and shares no helper with the product:
JSON is the standard library's, signatures are OpenSSL's, curve arithmetic for the VRF is schoolbook Python.

Everything refuses with `Refused(step, why)`; `step` is the number of the step in docs/formats.md section 10, and
0 where a format other than the score proof is concerned.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ORDER = ["history", "score", "receipt", "file", "flags"]
EMPTY = bytes(32)


class Refused(Exception):  # noqa: N818 - it reads as a sentence
    def __init__(self, step, why):
        super().__init__(f"step {step}: {why}")
        self.step = step


def need(condition, step, why):
    if not condition:
        raise Refused(step, why)


def H(data):  # noqa: N802 - as the document writes it
    return hashlib.sha256(data).digest()


# -- section 1: canonical JSON ----------------------------------------------------------------------------------


def canonical(value, depth=0):
    """RFC 8785 on the subset: json's own writer, after refusing all that the subset does not have."""
    if isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False).encode()
    if isinstance(value, int):
        need(abs(value) <= 2**53 - 1, 0, "integer too large")
        return b"%d" % value
    need(depth < 32, 0, "too deep")
    if isinstance(value, list):
        return b"[" + b",".join(canonical(item, depth + 1) for item in value) + b"]"
    need(isinstance(value, dict), 0, f"no {type(value).__name__} in canonical JSON")
    need(all(key.isascii() for key in value), 0, "key beyond ASCII")
    items = (canonical(key) + b":" + canonical(value[key], depth + 1) for key in sorted(value))
    return b"{" + b",".join(items) + b"}"


def read_canonical(data, step=0):
    try:
        value = json.loads(data.decode())
        same = canonical(value) == data
    except (ValueError, RecursionError, Refused) as error:
        raise Refused(step, f"not canonical JSON: {error}") from error
    need(same, step, "not in canonical form")
    return value


def unhex(text, size, step=0):
    need(
        isinstance(text, str) and len(text) == 2 * size and re.fullmatch(r"[0-9a-f]*", text), step, "not hex"
    )
    return bytes.fromhex(text)


def unb64(text, step=0):
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise Refused(step, "not base64") from error
    need(base64.b64encode(raw).decode() == text, step, "not base64")
    return raw


def unb64url(text, step=0):
    need(isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]*", text), step, "not base64url")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Refused(step, "not base64url") from error
    need(base64.urlsafe_b64encode(raw).decode().rstrip("=") == text, step, "not base64url")
    return raw


def vrf_of(text, step=0):
    raw = unhex(text, 80, step) if isinstance(text, str) and len(text) == 160 else unb64url(text, step)
    need(len(raw) == 80, step, "a VRF proof has 80 bytes")
    return raw


def salt_of(text, step=0):
    raw = unb64url(text, step)
    need(len(raw) == 32, step, "a salt has 32 bytes")
    return raw


def instant(text, step=0):
    try:
        need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), step, "not an instant")
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    except (TypeError, ValueError) as error:
        raise Refused(step, "not an instant") from error


def day(text, step=0):
    try:
        need(re.fullmatch(r"\d{4}-\d\d-\d\d", text), step, "not a day")
        return dt.date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise Refused(step, "not a day") from error


# -- RFC 6962 ---------------------------------------------------------------------------------------------------


def leaf_hash(entry):
    return H(b"\x00" + entry)


def node(left, right):
    return H(b"\x01" + left + right)


def tree_root(entries):
    """RFC 6962 section 2.1, as it is defined there."""
    if not entries:
        return H(b"")
    if len(entries) == 1:
        return leaf_hash(entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return node(tree_root(entries[:k]), tree_root(entries[k:]))


def inclusion_root(index, size, leaf, proof, step=0):
    """The root to which an inclusion proof leads: the recursion of RFC 6962 section 2.1.1 read backwards."""
    need(0 <= index < size, step, "index outside the tree")
    if size == 1:
        need(not proof, step, "too many hashes")
        return leaf
    need(bool(proof), step, "too few hashes")
    k = 1
    while k * 2 < size:
        k *= 2
    if index < k:
        return node(inclusion_root(index, k, leaf, proof[:-1], step), proof[-1])
    return node(proof[-1], inclusion_root(index - k, size - k, leaf, proof[:-1], step))


# -- signed notes, cosignatures, policies -----------------------------------------------------------------------


def split_note(note, step=0):
    """(text, [(name, key id, signature)])"""
    need(b"\n\n" in note and note.endswith(b"\n"), step, "not a note")
    end = note.rindex(b"\n\n")
    lines = []
    for line in note[end + 2 : -1].decode().split("\n"):
        match = re.fullmatch(r"— ([^ +]+) (\S+)", line)
        need(match, step, "not a signature line")
        raw = unb64(match[2], step)
        need(len(raw) > 4, step, "no signature")
        lines.append((match[1], raw[:4], raw[4:]))
    return note[: end + 1], lines


def read_vkey(vkey, step=0):
    """(name, key id, type, public key)"""
    name, key_id, material = vkey.split("+", 2)
    raw = unb64(material, step)
    need(key_id == H(name.encode() + b"\n" + raw)[:4].hex(), step, "key id is wrong")
    return name, bytes.fromhex(key_id), raw[0], raw[1:]


def ed25519(public_key, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def note_signed_by(note, vkey, step=0):
    """The text of a note, when the key has signed it and signed it rightly."""
    name, key_id, kind, public_key = read_vkey(vkey, step)
    text, lines = split_note(note, step)
    ours = [signature for n, i, signature in lines if (n, i) == (name, key_id)]
    need(ours and kind == 1, step, f"not signed by {name}")
    need(all(ed25519(public_key, text, signature) for signature in ours), step, "signature is wrong")
    return text


def read_policy(policy):
    """({origin: vkey}, {witness name: vkey}, {group: (threshold, members)}, quorum name)"""
    logs, witnesses, groups, quorum = {}, {}, {}, None
    for line in policy.decode().split("\n"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log":
            logs[words[1].split("+")[0]] = words[1]
        elif words[0] == "witness":
            witnesses[words[1]] = words[2]
        elif words[0] == "group":
            members = words[3:]
            threshold = {"any": 1, "all": len(members)}.get(words[2])
            groups[words[1]] = (threshold or int(words[2]), members)
        else:
            quorum = words[1]
    return logs, witnesses, groups, quorum


def cosigned(policy, text, lines, step):
    """{witness name: POSIX time} of the witnesses whose cosignature on the checkpoint is good."""
    times = {}
    for witness, vkey in read_policy(policy)[1].items():
        name, key_id, kind, public_key = read_vkey(vkey, step)
        for n, i, signature in lines:
            if (n, i) != (name, key_id) or kind != 4:
                continue
            seconds = int.from_bytes(signature[:8], "big")
            message = b"cosignature/v1\ntime %d\n" % seconds + text
            need(ed25519(public_key, message, signature[8:]), step, f"cosignature of {witness} is wrong")
            times[witness] = seconds
    return times


def quorum_of(policy, names):
    _, _, groups, quorum = read_policy(policy)

    def holds(name):
        if name in groups:
            threshold, members = groups[name]
            return sum(map(holds, members)) >= threshold
        return name in names

    return quorum == "none" or holds(quorum)


def open_tlog_proof(text, policy, entry, step):
    """(index, size, origin, {witness: time}) of a tlog-proof that holds for the entry."""
    head, _, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1" and len(lines) > 1, step, "not a tlog-proof")
    match = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines[1])
    need(match, step, "no index, or extra data")
    proof = [unb64(line, step) for line in lines[2:]]
    need(all(len(part) == 32 for part in proof), step, "not hashes")
    note_text, signatures = split_note(checkpoint.encode(), step)
    body = note_text.decode().split("\n")
    need(
        len(body) == 4 and body[3] == "" and re.fullmatch(r"0|[1-9][0-9]{0,18}", body[1]), step, "checkpoint"
    )
    logs = read_policy(policy)[0]
    need(body[0] in logs, step, "the policy does not know this ledger")
    note_signed_by(checkpoint.encode(), logs[body[0]], step)
    times = cosigned(policy, note_text, signatures, step)
    need(quorum_of(policy, times), step, "no quorum of cosignatures")
    index, size = int(match[1]), int(body[1])
    need(inclusion_root(index, size, leaf_hash(entry), proof, step) == unb64(body[2]), step, "not included")
    return index, size, body[0], times


# -- section 7: accounts and the state trie ---------------------------------------------------------------------


def bit(key, depth):
    return key[depth // 8] >> (7 - depth % 8) & 1


def trie_leaf(key, value):
    return H(b"\x02" + key + value)


def trie_root(accounts, depth=0):
    """Root of {key: value}, from the definition."""
    if not accounts:
        return EMPTY
    if len(accounts) == 1:
        ((key, value),) = accounts.items()
        return trie_leaf(key, value)
    halves = [{k: v for k, v in accounts.items() if bit(k, depth) == side} for side in (0, 1)]
    return H(b"\x03" + trie_root(halves[0], depth + 1) + trie_root(halves[1], depth + 1))


def trie_path_root(key, leaf, siblings):
    """Root to which siblings, from the root down, lead; the lowest of them is not empty."""
    current = leaf
    for depth in range(len(siblings) - 1, -1, -1):
        pair = (siblings[depth], current) if bit(key, depth) else (current, siblings[depth])
        current = H(b"\x03" + pair[0] + pair[1])
    return current


def salt(salt_key, name, number):
    message = b"credence/salt@v1\0" + name.encode() + b"\0" + number.to_bytes(8, "big")
    return hmac.new(salt_key, message, hashlib.sha256).digest()


def disclosure_digest(salt_text, name, value):
    return H(canonical([salt_text, name, value]))


def account_value(digests):
    return H(b"credence/account@v1\0" + b"".join(digests[name] for name in ORDER))


def opaque_parts(events, blocks):
    """Section 7, "What was destroyed": for a citizen with events at these log indices, the parts and their hash.

    `blocks`: (first log index, as_of, the notice that it takes in), in the order of the log.
    """
    gone = {}
    for first_index, as_of, notice in blocks:
        need(notice["notice"] == "destroyed", 0, "another notice")
        for index in notice["entries"]:
            if index < first_index and index in events and index not in gone:
                gone[index] = [events.index(index), notice["reason"], as_of]
    parts = sorted(gone.values())
    return parts, H(canonical(parts)).hex()


def citizen_tree_root(entries):
    """entries: [(salt, log index, leaf hash)]"""
    return tree_root([s + index.to_bytes(8, "big") + leaf for s, index, leaf in entries])


# -- RFC 9381: the VRF, in schoolbook arithmetic ----------------------------------------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
IDENTITY = (0, 1)


def add(a, b):
    """Affine Edwards addition (RFC 8032 section 5.1.4 gives the curve)."""
    t = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P)
    return x % P, y % P


def mul(k, point):
    total = IDENTITY
    while k:
        if k & 1:
            total = add(total, point)
        point = add(point, point)
        k >>= 1
    return total


def negate(point):
    return -point[0] % P, point[1]


def compress(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decompress(data):
    """RFC 8032 section 5.1.3; None for what is no point."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def vrf_output(public, alpha, proof, step=0):
    """RFC 9381 section 5.3 for suite 3, with key validation."""
    key, gamma = decompress(public), decompress(proof[:32])
    c, s = int.from_bytes(proof[32:48], "little"), int.from_bytes(proof[48:], "little")
    need(key and gamma and s < Q and mul(8, key) != IDENTITY, step, "VRF point or scalar")
    point = None
    for attempt in range(256):
        candidate = hashlib.sha512(b"\x03\x01" + public + alpha + bytes([attempt, 0])).digest()[:32]
        found = decompress(candidate)
        if found and mul(8, found) != IDENTITY:
            point = mul(8, found)
            break
    u = add(mul(s, BASE), negate(mul(c, key)))
    v = add(mul(s, point), negate(mul(c, gamma)))
    text = b"".join(map(compress, (key, point, gamma, u, v)))
    challenge = hashlib.sha512(b"\x03\x02" + text + b"\0").digest()[:16]
    need(challenge == proof[32:48], step, "VRF challenge")
    return hashlib.sha512(b"\x03\x03" + compress(mul(8, gamma)) + b"\0").digest()


def citizen_key(origin, identifier, public, proof, step=0):
    alpha = b"credence/citizen@v1\n" + origin.encode() + b"\n" + identifier.encode()
    return vrf_output(public, alpha, proof, step)[:32]


# -- section 3: batches and receipts ----------------------------------------------------------------------------


def read_batch(data, vkey):
    """(batch hash, log entries of the batch and its events) of a `.batch` file that is what it says."""
    need(data.endswith(b"\n") and len(data) <= 128 * 2**20, 0, "not lines")
    lines = data[:-1].split(b"\n")
    first = read_canonical(lines[0])
    need(list(first) == ["note"], 0, "first line")
    note = first["note"].encode()
    text = note_signed_by(note, vkey)
    need(len(split_note(note)[1]) == 1, 0, "exactly one signature")
    tag, origin, furnisher, batch_id, count, root, end = text.decode().split("\n")
    need((tag, end, furnisher) == ("credence/batch@v1", "", vkey.split("+")[0]), 0, "note text")
    need(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", batch_id), 0, "batch id")
    need(count == str(len(lines) - 1) and 1 <= len(lines) - 1 <= 65536, 0, "count")
    entries = []
    for line in lines[1:]:
        event = read_canonical(line)
        need(len(line) <= 8192 and event["v"] == 1, 0, "event")
        need((event["ledger"], event["furnisher"]) == (origin, furnisher), 0, "event of another")
        entries.append(b"\x01" + H(line))
    need(unb64(root) == tree_root(entries), 0, "root")
    return H(text), [b"\x02" + H(text), *entries]


def read_receipt(note, vkey):
    """[origin, batch hash, count, admitted, due]"""
    tag, *fields, end = note_signed_by(note, vkey).decode().split("\n")
    need((tag, end, len(fields)) == ("credence/receipt@v1", "", 5), 0, "receipt text")
    unhex(fields[1], 32)
    need(instant(fields[3]) <= instant(fields[4]), 0, "due before admitted")
    return fields


def register_records(notices):
    """The key register after [(log index, notice object)]."""
    valid = 2**53 - 1
    records = []

    def end(notice, vkey, index):
        for record in records:
            if (record["name"], record["role"], record["to"]) != (notice["name"], notice["role"], valid):
                continue
            if vkey in (None, record["vkey"]):
                record["to"] = index

    for index, notice in notices:
        if notice["notice"] == "key_revoked":
            end(notice, notice["vkey"], index)
        if notice["notice"] == "key_rotated":
            end(notice, None, index)
        if notice["notice"] in ("key_registered", "key_rotated"):
            record = {name: notice[name] for name in ("name", "role", "vkey")}
            records.append(record | {"from": index, "to": valid})
    return records


def register_root(notices):
    """The `keys` field of a block over all notices before it: [(log index, notice object)]."""
    return tree_root(sorted(canonical(record) for record in register_records(notices)))


def cards_in_force(notices, as_of):
    """(champion, challenger): the hashes of the cards in force for a block of a day behind [(log index, notice object)]."""
    best = {"champion": ("", -1, None), "challenger": ("", -1, None)}
    published = [(index, notice) for index, notice in notices if notice["notice"] == "scorecard_published"]
    for index, notice in published:
        need(notice["role"] in best, 0, "role of a scorecard")
        unhex(notice["report"], 32)
        day(notice["from"])
        place = (notice["from"], index, unhex(notice["scorecard"], 32).hex())
        if notice["from"] <= as_of:
            best[notice["role"]] = max(best[notice["role"]], place, key=lambda known: known[:2])
    from_day, at, challenger = best["challenger"]
    promoted = any(
        notice["role"] == "champion"
        and notice["scorecard"] == challenger
        and (from_day, at) < (notice["from"], index)
        and notice["from"] <= as_of
        for index, notice in published
    )
    return best["champion"][2], None if promoted else challenger


# -- section 10: the score proof --------------------------------------------------------------------------------


def read_score_proof(data):
    """Step 1."""
    need(len(data) <= 65536, 1, "too long")
    proof = read_canonical(data, 1)
    need(isinstance(proof, dict), 1, "not an object")
    fields = ["block", "digests", "disclosures", "key", "kind", "tlog", "trie", "v", "vrf"]
    need(sorted(proof) == fields, 1, "fields")
    need(type(proof["v"]) is int and (proof["v"], proof["kind"]) == (1, "score"), 1, "version or kind")
    need(isinstance(proof["disclosures"], list) and isinstance(proof["digests"], dict), 1, "disclosures")
    shown = []
    for item in proof["disclosures"]:
        need(isinstance(item, list) and len(item) == 3 and item[1] in ORDER, 1, "disclosure")
        salt_of(item[0], 1)
        shown.append(item[1])
    need(shown == sorted(shown, key=ORDER.index) and "score" in shown, 1, "order, or no score")
    need(sorted(shown + list(proof["digests"])) == sorted(ORDER), 1, "each name exactly once")
    read_score(next(value for _, name, value in proof["disclosures"] if name == "score"))
    for digest in proof["digests"].values():
        unhex(digest, 32, 1)
    unhex(proof["key"], 32, 1)
    vrf_of(proof["vrf"], 1)
    need(len(unb64url(proof["trie"], 1)) % 32 == 0 and len(unb64url(proof["trie"])) <= 256 * 32, 1, "trie")
    read_block(proof["block"], 1)
    need(isinstance(proof["tlog"], str), 1, "tlog")
    return proof


def read_block(block, step=0):
    need(isinstance(block, dict), step, "block is not an object")
    fields = [
        "accounts",
        "as_of",
        "block",
        "keys",
        "previous",
        "rules",
        "scorecard",
        "state",
        "time",
        "v",
        "vrf",
    ]
    need(sorted(block) == fields and block["v"] == 1, step, "block fields")
    for name in ("keys", "previous", "rules", "scorecard", "state", "vrf"):
        unhex(block[name], 32, step)
    for name in ("accounts", "block"):
        need(type(block[name]) is int and block[name] >= 0, step, "block number")
    day(block["as_of"], step)
    instant(block["time"], step)


def read_score(score):
    """The form of the one disclosure that is always shown (step 1)."""
    scored = {"score", "as_of", "disputed", "scorecard", "until"}
    need(isinstance(score, dict), 1, "score is not an object")
    need(set(score) in (scored, scored - {"score"} | {"insufficient"}), 1, "score fields")
    number = score.get("score")
    need(number is None or (type(number) is int and 300 <= number <= 850), 1, "score range")
    unhex(score["scorecard"], 32, 1)
    day(score["as_of"], 1)
    day(score["until"], 1)


def check_score(score, shown, block):
    """Step 4."""
    number = score.get("score")
    need(score["scorecard"] == block["scorecard"], 4, "another scorecard")
    as_of, until, today = day(score["as_of"]), day(score["until"]), day(block["as_of"])
    need(as_of <= today < until, 4, "the leaf does not speak for the day of the block")
    receipt = shown.get("receipt")
    if receipt is None:
        return
    points = sum(row[2] for row in receipt["criteria"])
    if number is None:
        need(receipt["criteria"] == receipt["reasons"] == [], 4, "points without a score")
    else:
        need(receipt["base"] + points == number, 4, "points do not add up")


def verify_score_proof(data, policy, at, max_age_s=172800, identifier=None):
    """What the proof shows: (origin, block, score disclosure, witnesses). Refused otherwise."""
    proof = read_score_proof(data)
    block = proof["block"]
    entry = b"\x03" + canonical(block)
    index, size, origin, times = open_tlog_proof(proof["tlog"], policy, entry, 2)
    need(index == size - 1, 2, "the block is not the last entry")
    digests = {name: unhex(digest, 32) for name, digest in proof["digests"].items()}
    shown = {}
    for salt_text, name, value in proof["disclosures"]:
        digests[name] = disclosure_digest(salt_text, name, value)
        shown[name] = value
    key, path = bytes.fromhex(proof["key"]), unb64url(proof["trie"])
    siblings = [path[i : i + 32] for i in range(0, len(path), 32)]
    leaf = trie_leaf(key, account_value(digests))
    need(trie_path_root(key, leaf, siblings).hex() == block["state"], 3, "the path leads elsewhere")
    check_score(shown["score"], shown, block)
    if identifier is not None:
        vrf = vrf_of(proof["vrf"])
        need(
            citizen_key(origin, identifier, bytes.fromhex(block["vrf"]), vrf, 5) == key, 5, "another citizen"
        )
    now = at.timestamp()

    def fresh(seconds):
        return now - max_age_s <= seconds <= now + 300

    need(fresh(instant(block["time"]).timestamp()), 6, "the block is too old, or from the future")
    need(quorum_of(policy, {n for n, t in times.items() if fresh(t)}), 6, "cosignatures too old")
    return origin, block, shown["score"], sorted(times)


# -- section 16: range credentials ------------------------------------------------------------------------------


def chain_step(direction, score, context, value):
    return H(b"credence.chain\0" + direction.encode() + score.to_bytes(2, "big") + context + value)


def chain_end(direction, score, value, end, context):
    """From the value at a score to the commitment."""
    while score != end:
        value = chain_step(direction, score, context, value)
        score += -1 if direction == "G" else 1
    return value


def range_context(origin, terms, block_hash):
    parts = ["credence/range@v1", origin, terms["key"], terms["credential"], block_hash.hex()]
    parts += [terms[name] for name in ("holder", "audience", "expires", "low", "high")]
    return H(canonical(parts))


def range_seed(salt_key, direction, context):
    return hmac.new(salt_key, b"credence/range@v1\0" + direction.encode() + context, "sha256").digest()


RANGE_FIELDS = {
    "audience",
    "block",
    "credential",
    "expires",
    "high",
    "holder",
    "index",
    "key",
    "kind",
    "low",
    "note",
    "path",
    "scored",
    "scored_index",
    "scored_path",
    "signer",
    "signer_path",
    "signer_sides",
    "tlog",
    "v",
    "vrf",
}


def read_range_proof(data):
    """Step 1."""
    proof = read_canonical(data, 1)
    need(isinstance(proof, dict) and (proof.get("v"), proof.get("kind")) == (1, "range"), 1, "kind")
    extra = set(proof) - RANGE_FIELDS
    need(
        set(proof) >= RANGE_FIELDS and extra <= {"assertion", "at_least", "at_most", "nonce", "signature"},
        1,
        "fields",
    )
    need(
        len(extra & {"assertion", "signature"}) == 1 and extra & {"at_least", "at_most"},
        1,
        "what it says, signed",
    )
    need(type(proof["v"]) is int, 1, "version")
    read_block(proof["block"], 1)
    read_block(proof["scored"], 1)
    unhex(proof["key"], 32, 1)
    vrf_of(proof["vrf"], 1)
    salt_of(proof["credential"], 1)
    instant(proof["expires"], 1)
    low, high = proof["low"], proof["high"]
    need(type(low) is int and type(high) is int and 300 <= low < high <= 850, 1, "range")
    need(re.fullmatch(r"[a-z0-9.\-/]{1,100}", proof["audience"]), 1, "audience")
    need(re.fullmatch(r"[A-Za-z0-9._\-]{1,64}", proof.get("nonce", "x")), 1, "nonce")
    need(re.fullmatch(r"ed25519:[\w\-]{43}|es256:[\w\-]{44}", proof["holder"]), 1, "holder")
    bounds = {}
    for name in ("at_least", "at_most"):
        if name in proof:
            need(isinstance(proof[name], list) and len(proof[name]) == 2, 1, name)
            score, value = proof[name]
            need(type(score) is int and 300 <= score <= 850, 1, name)
            bounds[name] = score, unhex(value, 32, 1)
    need(len(bounds) == 1 or bounds["at_least"][0] <= bounds["at_most"][0], 1, "nothing is between")
    if "assertion" in proof:
        need(set(proof["assertion"]) == {"authenticator_data", "client_data", "signature"}, 1, "assertion")
        client = json.loads(unb64url(proof["assertion"]["client_data"], 1))
        need(client.get("type") == "webauthn.get", 1, "assertion of another type")
    return proof, bounds


def paths_of(proof, name, step):
    data = unb64url(proof[name], step)
    need(len(data) % 32 == 0, step, "not hashes")
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def holder_signed(proof, text):
    """Step 7: the key of the terms has signed, itself or by a passkey's assertion."""
    kind, _, key = proof["holder"].partition(":")
    if kind == "ed25519":
        need("signature" in proof, 7, "no signature")
        need(ed25519(unb64url(key, 7), text, unb64url(proof["signature"], 7)), 7, "the holder's signature")
        return
    need("assertion" in proof, 7, "no assertion")
    data, client, signature = (
        unb64url(proof["assertion"][name], 7) for name in ("authenticator_data", "client_data", "signature")
    )
    challenge = json.loads(client).get("challenge")
    need(challenge == base64.urlsafe_b64encode(H(text)).rstrip(b"=").decode(), 7, "about something else")
    need(len(data) >= 37 and data[32] & 1, 7, "nobody was there")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64url(key, 7))
    try:
        point.verify(signature, data + H(client), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused(7, "the passkey's signature") from None


def verify_range_proof(data, policy, at, *, audience, nonce=None, max_age_s=172800, identifier=None):
    """What the proof shows: (origin, at_least, at_most, the day of the score)."""
    proof, bounds = read_range_proof(data)
    block, scored = proof["block"], proof["scored"]
    index, size, origin, times = open_tlog_proof(proof["tlog"], policy, b"\x03" + canonical(block), 2)
    need(index == size - 1, 2, "the block is not the last entry")
    root = unb64(proof["tlog"].partition("\n\n")[2].split("\n")[2])
    now = at.timestamp()
    need(now - max_age_s <= instant(block["time"]).timestamp() <= now + 300, 2, "too old, or from the future")
    fresh = {name for name, t in times.items() if now - max_age_s <= t <= now + 300}
    need(quorum_of(policy, fresh), 2, "cosignatures too old")
    signer = proof["signer"]
    need(
        signer["role"] == "service" and signer["from"] < size - 1 < signer["to"], 3, "not a valid service key"
    )
    keys, hashes_up = leaf_hash(canonical(signer)), paths_of(proof, "signer_path", 3)
    need(len(hashes_up) == len(proof["signer_sides"]), 3, "sides")
    for side, other in zip(proof["signer_sides"], hashes_up, strict=True):
        keys = node(other, keys) if side == "l" else node(keys, other)
    need(keys.hex() == block["keys"], 3, "not in the register")
    need(len(split_note(proof["note"].encode(), 3)[1]) == 1, 3, "more than one signature")
    text = note_signed_by(proof["note"].encode(), signer["vkey"], 3).decode().split("\n")
    need(
        len(text) == 7 and text[0] == "credence/range@v1" and text[1] == origin and not text[6], 3, "the note"
    )
    scored_leaf = leaf_hash(b"\x03" + canonical(scored))
    context = range_context(origin, proof, scored_leaf)
    need(text[2] == context.hex(), 3, "other terms")
    need(proof["scored_index"] < proof["index"], 4, "an answer before its score")
    answer = leaf_hash(b"\x01" + unhex(text[5], 32, 4))
    for place, leaf, path in (
        (proof["scored_index"], scored_leaf, paths_of(proof, "scored_path", 4)),
        (proof["index"], answer, paths_of(proof, "path", 4)),
    ):
        need(inclusion_root(place, size, leaf, path, 4) == root, 4, "not in the log there")
    need(audience is not None and proof["audience"] == audience, 5, "for another audience")
    need(nonce is None or proof.get("nonce") == nonce, 5, "another nonce")
    expires = instant(proof["expires"]).timestamp()
    need(now < expires <= instant(block["time"]).timestamp() + 30 * 86400, 5, "ended, or too long")
    need(instant(scored["time"]).timestamp() < expires, 5, "ended before it began")
    for name, direction, end, commitment in (
        ("at_least", "G", proof["low"], text[3]),
        ("at_most", "L", proof["high"], text[4]),
    ):
        if name in bounds:
            score, value = bounds[name]
            need(proof["low"] <= score <= proof["high"] and score != end, 6, "says nothing")
            need(chain_end(direction, score, value, end, context).hex() == commitment, 6, "another chain")
    said = [str(bounds[name][0]) if name in bounds else "" for name in ("at_least", "at_most")]
    lines = ["credence/presentation@v1", context.hex(), proof["audience"], *said, proof.get("nonce", ""), ""]
    holder_signed(proof, "\n".join(lines).encode())
    if identifier is not None:
        own = citizen_key(origin, identifier, bytes.fromhex(block["vrf"]), vrf_of(proof["vrf"]), 8)
        need(own.hex() == proof["key"], 8, "another citizen")
    return origin, *(bounds.get(name, (None,))[0] for name in ("at_least", "at_most")), scored["as_of"]


# -- section 2: assertions --------------------------------------------------------------------------------------


def judge_assertions(lines):
    """Of a citizen's events in the order of the log: `none`, `holds` or `refused` for each one's assertion."""
    keys, removed, said = {}, set(), []
    for line in lines:
        event = json.loads(line)
        try:
            said.append("holds" if assertion_holds(event, keys, removed) else "none")
        except (Refused, InvalidSignature, ValueError):
            said.append("refused")
        if event["type"] == "passkey_added":
            name, terms = event["credential"], (event["day"], event["public_key"])
            keys[name] = min(keys.get(name, terms), terms)
        elif event["type"] == "passkey_removed":
            removed.add(event["credential"])
    return said


def assertion_holds(event, keys, removed):
    if "assertion" not in event:
        return False
    made = event["assertion"]
    bare = {name: value for name, value in event.items() if name != "assertion"}
    data, client, signature = (
        unb64url(made[name], 2) for name in ("authenticator_data", "client_data", "signature")
    )
    need(made["credential"] in keys and made["credential"] not in removed, 2, "unknown passkey")
    said = json.loads(client)
    challenge = base64.urlsafe_b64encode(H(canonical(bare))).rstrip(b"=").decode()
    need(said["type"] == "webauthn.get" and said["challenge"] == challenge, 2, "about something else")
    need(
        said.get("crossOrigin", False) is False and len(data) >= 37 and data[32] & 1,
        2,
        "framed, or nobody there",
    )
    host = re.fullmatch(
        r"(?:https://([a-z0-9.-]+)|http://((?:[a-z0-9-]+\.)*localhost))(?::\d{1,5})?", said["origin"]
    )
    need(host, 2, "not a secure origin")
    labels = (host[1] or host[2]).split(".")
    need(
        data[:32] in [H(".".join(labels[n:]).encode()) for n in range(len(labels))],
        2,
        "another relying party",
    )
    check_cose(unb64url(keys[made["credential"]][1], 2), signature, data + H(client))
    return True


def check_cose(key, signature, message):
    if (
        key.startswith(bytes.fromhex("a5010203262001215820"))
        and len(key) == 77
        and key[42:45] == bytes.fromhex("225820")
    ):
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + key[10:42] + key[45:])
        point.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    else:
        need(
            key.startswith(bytes.fromhex("a4010103272006215820")) and len(key) == 42, 2, "another kind of key"
        )
        Ed25519PublicKey.from_public_bytes(key[10:]).verify(signature, message)
