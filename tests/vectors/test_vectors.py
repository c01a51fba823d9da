"""The vectors: made again byte for byte, read by the independent reader, and by the product."""

import datetime as dt
import hashlib
import importlib.util
import json
import re
import sys
from pathlib import Path
from random import Random

import pytest

from app.core import canon
from app.core.errors import CredenceError, FormatError
from app.core.log import block, merkle, notices, policy, register, tlogproof
from app.core.log.entries import parse_entry
from app.core.log.note import Verifier
from app.core.proving.proof import verify_score_proof
from app.core.proving.transition import AuditorState, check
from app.core.reporting import batch, receipt
from app.core.reporting.events import decode_stored, encode_event
from app.core.scoring.fold import fold_history
from app.core.scoring.folded import Record, decode_file, encode_file
from app.core.scoring.profiles import CN
from app.core.state import trie, vrf
from tests.soak import examples

HERE = Path(__file__).parent


def load(name):
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"vectors_{name}", HERE / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make, independent = load("make"), load("independent")
independent_claims, independent_transitions, independent_files = (
    load(f"independent_{name}") for name in ("claims", "transitions", "files")
)  # which use the one before


def vectors(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


VALID = vectors("score-proof-valid.json")["cases"]
INVALID = vectors("score-proof-invalid.json")["cases"]


def names(cases):
    return [case["name"] for case in cases]


def verify_by(verifier, case):
    moment = dt.datetime.fromisoformat(case["at"])
    return verifier(
        case["proof"].encode(),
        case["policy"].encode(),
        at=moment,
        max_age_s=case["max_age_s"],
        identifier=case["identifier"],
    )


@pytest.mark.parametrize("name", make.FILES)
def test_made_again_the_files_are_the_same(name):
    assert make.render(name).encode() == (HERE / name).read_bytes()


def test_every_file_is_made_and_described():
    described = re.findall(r"^\| `(.*?)`", (HERE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {path.name for path in HERE.glob("*.json")} == set(make.FILES) == set(described)


@pytest.mark.parametrize("name", [path.name for path in HERE.glob("independent*.py")])
def test_the_independent_reader_shares_nothing_with_the_product(name):
    imports = re.findall(r"^(?:from|import) (\w+)", (HERE / name).read_text(), re.MULTILINE)
    assert set(imports) <= set(sys.stdlib_module_names) | {"cryptography"}


# -- canonical JSON ---------------------------------------------------------------------------------------------


def test_canonical_json():
    data = vectors("canonical-json.json")
    for row in data["valid"]:
        text = bytes.fromhex(row["canonical_hex"])
        assert independent.canonical(row["value"]) == text == canon.encode(row["value"])
        assert independent.read_canonical(text) == row["value"] == canon.decode(text)


@pytest.mark.parametrize(
    "text", [bytes.fromhex(text) for text in vectors("canonical-json.json")["refused_hex"]]
)
def test_what_is_not_canonical_is_refused(text):
    with pytest.raises(independent.Refused):
        independent.read_canonical(text)
    with pytest.raises(FormatError):
        canon.decode(text)


# -- citizen keys -----------------------------------------------------------------------------------------------


def test_citizen_keys():
    data = vectors("citizen-key.json")
    public = bytes.fromhex(data["vrf"])
    assert vrf.VrfKey.from_seed(bytes.fromhex(data["vrf_seed"])).public == public
    for row in data["citizens"]:
        proof, alpha = bytes.fromhex(row["proof"]), row["alpha"].encode()
        beta = independent.vrf_output(public, alpha, proof)
        assert beta.hex() == row["beta"] == vrf.verify(public, alpha, proof).hex()
        key = independent.citizen_key(data["origin"], row["identifier"], public, proof)
        assert key.hex() == row["key"] == row["beta"][:64]


# -- batch and receipt ------------------------------------------------------------------------------------------


def test_batch():
    data = vectors("batch.json")
    batch_hash, entries = independent.read_batch(data["file"].encode(), data["vkey"])
    assert batch_hash.hex() == data["batch_hash"]
    assert independent.tree_root(entries[1:]).hex() == data["root"]
    assert [entry[1:].hex() for entry in entries[1:]] == [row["commitment"] for row in data["events"]]
    ours = batch.parse_batch(data["file"].encode())
    assert (ours.batch_hash.hex(), ours.header.root.hex()) == (data["batch_hash"], data["root"])


def test_a_changed_batch_is_refused():
    data = vectors("batch.json")
    changed = data["file"].replace('"balance_minor":-125', '"balance_minor":-124')
    with pytest.raises(independent.Refused):
        independent.read_batch(changed.encode(), data["vkey"])


def test_receipt():
    data = vectors("batch.json")
    note, vkey = data["receipt"]["note"].encode(), data["receipt"]["vkey"]
    origin, batch_hash, count, _, _ = independent.read_receipt(note, vkey)
    ours = receipt.Receipt.verify(note, [Verifier.parse(vkey)])
    assert (origin, batch_hash, int(count)) == (ours.origin, ours.batch_hash.hex(), ours.count)
    assert batch_hash == data["batch_hash"]


# -- notices, register, log -------------------------------------------------------------------------------------


def test_notices_and_the_root_of_the_register():
    seen = []
    for row in vectors("notices.json")["notices"]:
        entry = bytes.fromhex(row["entry_hex"])
        assert independent.leaf_hash(entry).hex() == row["leaf"] == merkle.leaf_hash(entry).hex()
        assert entry[0] == 4
        seen.append((row["index"], independent.read_canonical(entry[1:])))
        assert independent.register_root(seen).hex() == row["keys"]
    ours = register.Register.fold((index, notices.decode(canon.encode(notice))) for index, notice in seen)
    assert ours.root().hex() == row["keys"]


def test_scorecards_in_force():
    data = vectors("scorecards.json")
    placed = []
    for row in data["notices"]:
        entry = bytes.fromhex(row["entry_hex"])
        assert entry[0] == 4
        placed.append((row["index"], independent.read_canonical(entry[1:])))
    for case in data["cases"]:
        there = [(index, notice) for index, notice in placed if index < case["behind"]]
        found = independent.cards_in_force(there, case["as_of"])
        assert found == (case["champion"], case["challenger"]), case


def test_what_was_destroyed():
    data = vectors("destroyed.json")
    blocks = []
    for row in data["blocks"]:
        entry = bytes.fromhex(row["entry_hex"])
        notice = independent.read_canonical(entry[1:])
        assert (entry[0], notices.decode(entry[1:]).entries) == (4, tuple(notice["entries"]))
        blocks.append((row["first_index"], row["as_of"], notice))
        assert independent.opaque_parts(data["events"], blocks) == (row["opaque"], row["history_opaque"])
    assert [len(row["opaque"]) for row in data["blocks"]] == [2, 3, 3, 5]


def test_possession_and_rotation_are_signed():
    rows = [json.loads(bytes.fromhex(row["entry_hex"])[1:]) for row in vectors("notices.json")["notices"]]
    origin, keys = rows[0]["origin"], {}
    for row in rows:
        if row["notice"] not in ("key_registered", "key_rotated"):
            continue
        text = independent.note_signed_by(row["possession"].encode(), row["vkey"])
        assert text.decode().split("\n") == [
            "credence/possession@v1",
            origin,
            row["name"],
            row["role"],
            row["vkey"],
            "",
        ]
        if row["notice"] == "key_rotated":
            text = independent.note_signed_by(row["signed_by_old"].encode(), keys[row["name"]])
            assert text.decode().split("\n") == [
                "credence/rotation@v1",
                origin,
                row["name"],
                row["role"],
                row["vkey"],
                "",
            ]
        keys[row["name"]] = row["vkey"]


def test_the_log_its_blocks_and_its_checkpoint():
    data = vectors("log.json")
    entries = [bytes.fromhex(entry) for entry in data["entries_hex"]]
    for size, root in enumerate(data["roots"]):
        assert independent.tree_root(entries[:size]).hex() == root
        assert merkle.root(map(merkle.leaf_hash, entries[:size])).hex() == root
    text = independent.note_signed_by(data["checkpoint"].encode(), data["vkey"])
    assert text.decode().split("\n")[1] == str(len(entries))
    assert independent.unb64(text.decode().split("\n")[2]).hex() == data["roots"][-1]
    assert [parse_entry(entry)[0] for entry in entries] == [4] * 9 + [3, 2, 1, 1, 1, 3]
    previous = bytes(32)
    for number, document in enumerate(data["blocks"]):
        fields = independent.read_canonical(document.encode())
        independent.read_block(fields)
        assert (fields["block"], fields["previous"]) == (number, previous.hex())
        assert block.Block.parse(document.encode()).encode() == document.encode()
        entry = b"\x03" + document.encode()
        assert entry in entries
        previous = independent.leaf_hash(entry)
    notice_rows = [(i, json.loads(entry[1:])) for i, entry in enumerate(entries) if entry[0] == 4]
    assert independent.register_root(notice_rows).hex() == fields["keys"]


def test_the_proof_of_inclusion():
    data = vectors("log.json")
    entry = bytes.fromhex(data["entries_hex"][-1])
    index, size, _, times = independent.open_tlog_proof(data["tlog_proof"], data["policy"].encode(), entry, 2)
    assert (index + 1, sorted(times)) == (size, ["w1", "w2"])
    trusted = policy.Policy.parse(data["policy"].encode())
    proof = tlogproof.parse(data["tlog_proof"].encode())
    assert tlogproof.verify(proof, entry, trusted).checkpoint.size == size


# -- accounts and the trie --------------------------------------------------------------------------------------


def test_accounts():
    rows = vectors("account.json")["accounts"]
    accounts = {}
    for row in rows:
        key, salt_key = bytes.fromhex(row["key"]), bytes.fromhex(row["salt_key"])
        digests = {}
        for salt_text, name, value in row["disclosures"]:
            assert independent.salt_of(salt_text) == independent.salt(salt_key, name, row["block"])
            digests[name] = independent.disclosure_digest(salt_text, name, value)
        assert {name: digest.hex() for name, digest in digests.items()} == row["digests"]
        value = accounts[key] = independent.account_value(digests)
        assert (value.hex(), independent.trie_leaf(key, value).hex()) == (row["value"], row["leaf"])
    last_block = json.loads(vectors("log.json")["blocks"][-1])
    assert independent.trie_root(accounts).hex() == last_block["state"]
    assert len(accounts) == last_block["accounts"]


def test_citizen_trees():
    entries = [bytes.fromhex(entry) for entry in vectors("log.json")["entries_hex"]]
    placed = []
    for row in vectors("account.json")["accounts"]:
        history = row["disclosures"][0][2]
        found = []
        for item in row["history"]:
            index = item["log_index"]
            salt = independent.salt(bytes.fromhex(row["salt_key"]), "event", index)
            leaf = independent.leaf_hash(entries[index])
            assert item["entry_hex"] == (salt + index.to_bytes(8, "big") + leaf).hex()
            found.append((salt, index, leaf))
            placed.append(index)
        assert (history["size"], history["root"]) == (len(found), independent.citizen_tree_root(found).hex())
    assert sorted(placed) == [index for index, entry in enumerate(entries) if entry[0] == 1]


@pytest.mark.parametrize("row", vectors("trie.json")["tries"], ids=lambda row: len(row["items"]))
def test_tries(row):
    items = {bytes.fromhex(key): bytes.fromhex(value) for key, value in row["items"]}
    root = bytes.fromhex(row["root"])
    assert independent.trie_root(items) == root
    for path in row["paths"]:
        key, siblings = bytes.fromhex(path["key"]), [bytes.fromhex(hash_) for hash_ in path["siblings"]]
        if path["member"]:
            end = independent.trie_leaf(key, items[key])
            trie.verify_membership(root, key, items[key], siblings)
        else:
            other = path["other"] and tuple(bytes.fromhex(part) for part in path["other"])
            end = independent.trie_leaf(*other) if other else independent.EMPTY
            if other:
                assert all(
                    independent.bit(key, d) == independent.bit(other[0], d) for d in range(len(siblings))
                )
            trie.verify_absence(root, key, trie.NonMembership(tuple(siblings), other))
        assert independent.trie_path_root(key, end, siblings) == root


# -- score proofs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VALID, ids=names(VALID))
def test_a_proof_that_holds(case):
    origin, block_fields, score, witnesses = verify_by(independent.verify_score_proof, case)
    ours = verify_by(verify_score_proof, case)
    assert (ours.origin, ours.block_number, ours.day.isoformat()) == (
        origin,
        block_fields["block"],
        block_fields["as_of"],
    )
    assert (ours.score, list(ours.insufficient)) == (score.get("score"), score.get("insufficient", []))
    assert len(ours.cosignatures) == len(witnesses)
    assert ours.identity_checked == (case["identifier"] is not None)


@pytest.mark.parametrize("case", INVALID, ids=names(INVALID))
def test_a_proof_that_does_not_hold_is_refused_in_its_step(case):
    with pytest.raises(independent.Refused) as independent_refusal:
        verify_by(independent.verify_score_proof, case)
    with pytest.raises(CredenceError) as refusal:
        verify_by(verify_score_proof, case)
    assert refusal.value.detail.startswith(f"step {case['step']}, ")
    assert independent_refusal.value.step == case["step"]


def test_every_step_has_proofs_that_fail_in_it():
    steps = [case["step"] for case in INVALID]
    assert all(steps.count(step) >= 5 for step in range(1, 7)), steps


def test_cases_have_distinct_names_and_proofs():
    assert len(set(names(VALID + INVALID))) == len(VALID + INVALID)


# -- range credentials ------------------------------------------------------------------------------------------

RANGE = vectors("range.json")


def test_a_range_credential():
    terms, score = RANGE["terms"], RANGE["score"]
    context = independent.range_context(terms["origin"], terms, bytes.fromhex(terms["block_hash"]))
    assert context.hex() == RANGE["context"]
    seeds = [independent.range_seed(bytes.fromhex(RANGE["salt_key"]), d, context) for d in "GL"]
    assert [seed.hex() for seed in seeds] == RANGE["seeds"]
    for direction, seed, end, name, commitment in (
        ("G", seeds[0], terms["low"], "at_least", RANGE["commitments"][0]),
        ("L", seeds[1], terms["high"], "at_most", RANGE["commitments"][1]),
    ):
        assert independent.chain_end(direction, score, seed, end, context).hex() == commitment
        for threshold, value in RANGE[name].items():
            assert independent.chain_end(direction, score, seed, int(threshold), context).hex() == value
    answer = independent.read_canonical(RANGE["answer"].encode())
    assert [answer[name] for name in ("context", "commitment_ge", "commitment_le")] == [
        RANGE["context"],
        *RANGE["commitments"],
    ]
    note = independent.read_canonical(RANGE["credential_file"].encode())["note"]
    assert note.split("\n")[5] == hashlib.sha256(RANGE["answer"].encode()).hexdigest()


def independent_range(case):
    return independent.verify_range_proof(
        case["proof"].encode(),
        case["policy"].encode(),
        dt.datetime.fromisoformat(case["at"]),
        audience=case["audience"],
        nonce=case["nonce"],
        max_age_s=case["max_age_s"],
        identifier=case["identifier"],
    )


@pytest.mark.parametrize("case", RANGE["valid"], ids=names(RANGE["valid"]))
def test_a_range_proof_that_holds(case):
    """The product's own verdict on the same cases is in tests/core/test_range_credential.py."""
    origin, at_least, at_most, day = independent_range(case)
    told = json.loads(case["proof"])
    assert (origin, day) == (make.ORIGIN, told["scored"]["as_of"])
    assert (at_least, at_most) == (told.get("at_least", [None])[0], told.get("at_most", [None])[0])


@pytest.mark.parametrize("case", RANGE["invalid"], ids=names(RANGE["invalid"]))
def test_a_range_proof_that_does_not_hold_is_refused_in_its_step(case):
    with pytest.raises(independent.Refused) as refusal:
        independent_range(case)
    assert refusal.value.step == case["step"]


def test_every_step_of_a_range_proof_has_some_that_fail_in_it():
    assert {case["step"] for case in RANGE["invalid"]} == set(range(1, 9))


# -- what citizens sign -----------------------------------------------------------------------------------------

HISTORIES = vectors("assertions.json")["histories"]


@pytest.mark.parametrize("case", HISTORIES, ids=names(HISTORIES))
def test_assertions_are_judged_alike_by_the_independent_reader(case):
    assert independent.judge_assertions(case["events"]) == case["verdicts"]


def test_every_bad_assertion_is_refused():
    """What makes a history interesting is in its name; here is what has to come of it."""
    said = {case["name"]: "".join(each[0] for each in case["verdicts"]) for case in HISTORIES}
    assert said == {
        "by an ES256 and an Ed25519 passkey": "nnhhhh",
        "on paper": "n",
        "a passkey that registers another one": "nhh",
        "before its registration, and after its removal": "rnhrnr",
        "a passkey that registers itself": "rh",
        "another one's signature under a known credential": "nr",
        "an assertion over another event": "nr",
        "another origin than the relying party's": "nrr",
        "not over https, but on this machine": "nrh",
        "without its user; merely present": "nrh",
        "of another type; in a frame": "nrr",
    }


# -- further claims ---------------------------------------------------------------------------------------------

CLAIMS = vectors("claims.json")


@pytest.mark.parametrize("case", CLAIMS["valid"], ids=names(CLAIMS["valid"]))
def test_a_claim_that_holds(case):
    """The product's own verdict on the same cases is in tests/web/test_verifier_node.py, beside the browser's."""
    kind, _ = verify_by(independent_claims.verify_claim, case)
    assert case["name"].startswith(kind)


@pytest.mark.parametrize("case", CLAIMS["invalid"], ids=names(CLAIMS["invalid"]))
def test_a_claim_that_does_not_hold_is_refused_in_its_step(case):
    with pytest.raises(independent.Refused) as refusal:
        verify_by(independent_claims.verify_claim, case)
    assert refusal.value.step == case["step"]


def test_every_kind_of_claim_has_cases():
    for cases in CLAIMS.values():
        assert {case["name"].partition(":")[0] for case in cases} == set(independent_claims.CHECKS)


# -- folded files -----------------------------------------------------------------------------------------------

FOLDED = vectors("files.json")["cases"]


@pytest.mark.parametrize("number", range(len(FOLDED)))
def test_a_history_folds_to_its_file(number):
    case = FOLDED[number]
    assert independent_files.folded(case["events"]) == case["file"]
    history = [(index, decode_stored(line.encode())) for index, line in case["events"]]
    assert encode_file(fold_history(history)).decode() == case["file"]


def test_something_of_every_kind_is_in_doubt_in_some_file():
    files = [decode_file(case["file"].encode()) for case in FOLDED]
    accounts = [account for file in files for account in file.accounts.values()]
    assert any("." in account.status[1] for account in accounts if account.status)
    assert any(account.opened_in_doubt for account in accounts)
    assert any("." in codes for file in files for _, codes in file.community.values())
    assert any(record == Record() for file in files for record in file.records.values())


def test_the_document_and_the_fold_agree_on_further_histories():
    """Read by the document alone; many more with SOAK."""
    made = make.beside("files")
    for seed in range(examples(40)):
        log = made.history(Random(seed))
        events = [[index, encode_event(event)] for index, event in log]
        assert independent_files.folded(events) == encode_file(fold_history(log)).decode(), seed


# -- transition proofs ------------------------------------------------------------------------------------------

TRANSITIONS = vectors("transitions.json")
RULES = {"fold": 2, "profile": CN.numbers()}


def as_bytes(lines):
    return [line.encode() for line in lines]


@pytest.mark.parametrize("number", range(len(TRANSITIONS["blocks"])))
def test_a_transition_that_holds(number):
    row = TRANSITIONS["blocks"][number]
    state = AuditorState.decode(row["keeps"].encode())
    assert check(state, as_bytes(row["lines"])).encode().decode() == row["then"]
    entry, frontier, placed = independent_transitions.follow(row["keeps"], as_bytes(row["lines"]), RULES)
    then = json.loads(row["then"])
    assert (independent.unb64(entry).decode(), frontier) == (then["block"], then["frontier"])
    assert [tuple(each) for each in placed] == [tuple(each) for each in then["notices"]]


@pytest.mark.parametrize("case", TRANSITIONS["invalid"], ids=names(TRANSITIONS["invalid"]))
def test_a_transition_that_does_not_hold_is_refused(case):
    """The step is the one in which a reader that goes by the document refuses first."""
    keeps, lines = TRANSITIONS["blocks"][case["block"]]["keeps"], as_bytes(case["lines"])
    with pytest.raises(CredenceError):
        check(AuditorState.decode(keeps.encode()), lines)
    with pytest.raises(independent.Refused) as refusal:
        independent_transitions.follow(keeps, lines, RULES)
    assert refusal.value.step == case["step"], refusal.value


def test_every_step_of_a_transition_has_some_that_fail_in_it():
    assert {case["step"] for case in TRANSITIONS["invalid"]} == set(range(1, 8))
