package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	proofs "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/tlog"
)

// A claim is what a .proof file says about the log, of whatever kind it is (docs/formats.md, sections 10 and 15). What is
// Credence's own, the trie and what it discloses, is left out.
type claim struct {
	Kind  string
	Block json.RawMessage
	Tlog  string

	// event, erasure, range
	Index  int64
	Path   string
	Notice json.RawMessage

	// event, range
	Note        string
	Signer      json.RawMessage
	SignerPath  string `json:"signer_path"`
	SignerSides string `json:"signer_sides"`

	// event
	Event          string
	Position       int64
	BatchPath      string `json:"batch_path"`
	BatchEntryPath string `json:"batch_entry_path"`

	// range
	Scored      json.RawMessage
	ScoredIndex int64  `json:"scored_index"`
	ScoredPath  string `json:"scored_path"`

	// consistency
	Old, New, Hashes string

	// contradiction
	First, Second string
	Level         int64
	Leaves, Paths []string

	// overdue
	Receipt string
}

// checkProof checks the log's part of a .proof file under a policy.
func checkProof(policyFile, file string) error {
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c claim
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	switch c.Kind {
	case "consistency":
		return checkConsistency(c, policy)
	case "contradiction":
		return checkContradiction(c, policy)
	}
	newest, err := checkBlock(c, policy)
	if err != nil {
		return err
	}
	switch c.Kind {
	case "score", "absent", "history":
	case "event":
		err = checkEvent(c, newest.tree)
	case "range":
		err = checkRange(c, newest.tree)
	case "overdue":
		err = checkOverdue(c, newest.tree)
	case "erasure":
		err = checkPath(append([]byte{noticeKind}, c.Notice...), c.Index, c.Path, newest.tree)
	default:
		err = fmt.Errorf("no kind of proof is called %q", c.Kind)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s: block at %d of %s, in a head that the policy accepts\n", c.Kind, newest.tree.N-1, newest.origin)
	return nil
}

// checkBlock checks that the block is the last entry of a tree whose head the policy accepts.
func checkBlock(c claim, policy []byte) (head, error) {
	var inLog proofs.TLogProof
	if err := inLog.Unmarshal([]byte(c.Tlog)); err != nil {
		return head{}, err
	}
	newest, err := acceptedHead(inLog.Checkpoint, policy)
	if err != nil {
		return head{}, err
	}
	var hashes []tlog.Hash
	for _, each := range inLog.Hashes {
		hashes = append(hashes, tlog.Hash(each))
	}
	if int64(inLog.Index) != newest.tree.N-1 {
		return head{}, errors.New("the block is not the last entry")
	}
	entry := append([]byte{blockKind}, c.Block...)
	return newest, included(entry, int64(inLog.Index), hashes, newest.tree)
}

// checkEvent checks the way of an event: into the batch that its furnisher signed, into the log with the batch, and of
// the furnisher's key into the block's register.
func checkEvent(c claim, tree tlog.Tree) error {
	batch := c.Index - c.Position - 1
	vkey, err := registeredKey(c, batch)
	if err != nil {
		return err
	}
	note, err := openBatchNote([]byte(c.Note), vkey)
	if err != nil {
		return err
	}
	commitment := sha256.Sum256([]byte(c.Event))
	entry := append([]byte{eventKind}, commitment[:]...)
	if err := checkPath(entry, c.Position, c.BatchPath, tlog.Tree{N: note.events, Hash: note.root}); err != nil {
		return fmt.Errorf("in the batch: %w", err)
	}
	if err := checkPath(entry, c.Index, c.Path, tree); err != nil {
		return err
	}
	return checkPath(append([]byte{batchKind}, note.hash...), batch, c.BatchEntryPath, tree)
}

// checkRange checks what the service attests of a range credential: that its answer is in the log, after the block that
// has the score. The hash chain of the score is Credence's own.
func checkRange(c claim, tree tlog.Tree) error {
	vkey, err := registeredKey(c, tree.N-1)
	if err != nil {
		return err
	}
	opened, err := openNote([]byte(c.Note), vkey)
	if err != nil {
		return err
	}
	text := strings.Split(opened.Text, "\n")
	if len(text) != 7 || text[0] != "credence/range@v1" {
		return errors.New("the note is not the one of a range credential")
	}
	answer, err := hex.DecodeString(text[5])
	if err != nil {
		return err
	}
	if err := checkPath(append([]byte{eventKind}, answer...), c.Index, c.Path, tree); err != nil {
		return err
	}
	if c.ScoredIndex >= c.Index {
		return errors.New("the block with the score is not before the answer")
	}
	return checkPath(append([]byte{blockKind}, c.Scored...), c.ScoredIndex, c.ScoredPath, tree)
}

// checkOverdue checks that a service key which is valid at the head has signed the receipt. The times are Credence's own.
func checkOverdue(c claim, tree tlog.Tree) error {
	vkey, err := registeredKey(c, tree.N-1)
	if err != nil {
		return err
	}
	opened, err := openNote([]byte(c.Receipt), vkey)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(opened.Text, "credence/receipt@v1\n") {
		return errors.New("the note is not a receipt")
	}
	return nil
}

// registeredKey gives the key that signed, once its record is found under the block's register and was valid at an index.
func registeredKey(c claim, index int64) (string, error) {
	var block struct{ Keys string }
	var signer struct {
		Vkey     string
		From, To int64
	}
	if err := errors.Join(json.Unmarshal(c.Block, &block), json.Unmarshal(c.Signer, &signer)); err != nil {
		return "", err
	}
	hashes, err := splitHashes(c.SignerPath)
	if err != nil {
		return "", err
	}
	if len(hashes) != len(c.SignerSides) {
		return "", errors.New("the path to the register has not a side for each hash")
	}
	node := tlog.RecordHash(c.Signer)
	for i, sibling := range hashes {
		if c.SignerSides[i] == 'l' {
			node = tlog.NodeHash(sibling, node)
		} else {
			node = tlog.NodeHash(node, sibling)
		}
	}
	if hex.EncodeToString(node[:]) != block.Keys {
		return "", errors.New("the key is not in the block's register")
	}
	if index <= signer.From || index >= signer.To {
		return "", errors.New("the key was not valid then")
	}
	return signer.Vkey, nil
}

func checkConsistency(c claim, policy []byte) error {
	newer, err := acceptedHead([]byte(c.New), policy)
	if err != nil {
		return err
	}
	older, err := openHead([]byte(c.Old), logKey(policy))
	if err != nil {
		return err
	}
	hashes, err := splitHashes(c.Hashes)
	if err != nil {
		return err
	}
	if err := consistent(older.tree, newer.tree, hashes); err != nil {
		return err
	}
	fmt.Printf("consistency: the head of %d entries holds the one of %d\n", newer.tree.N, older.tree.N)
	return nil
}

// checkContradiction checks that the log has signed two heads which exclude each other.
func checkContradiction(c claim, policy []byte) error {
	first, err := openHead([]byte(c.First), logKey(policy))
	if err != nil {
		return err
	}
	second, err := openHead([]byte(c.Second), logKey(policy))
	if err != nil {
		return err
	}
	if len(c.Leaves) == 2 && len(c.Paths) == 2 && c.Leaves[0] != c.Leaves[1] {
		for i, tree := range []tlog.Tree{first.tree, second.tree} {
			hashes, err := splitHashes(c.Paths[i])
			if err != nil {
				return err
			}
			var leaf tlog.Hash
			if n, err := hex.Decode(leaf[:], []byte(c.Leaves[i])); err != nil || n != tlog.HashSize {
				return errors.New("a leaf is not a hash")
			}
			// The complete subtrees of a level, with what is left behind them, are the leaves of a tree of the same shape.
			if (c.Index+1)<<c.Level > tree.N {
				return errors.New("there is no such complete subtree")
			}
			nodes := (tree.N + 1<<c.Level - 1) >> c.Level
			if err := tlog.CheckRecord(hashes, nodes, tree.Hash, c.Index, leaf); err != nil {
				return err
			}
		}
	} else if first.tree.N != second.tree.N || bytes.Equal(first.tree.Hash[:], second.tree.Hash[:]) {
		return errors.New("the two heads do not exclude each other")
	}
	fmt.Printf("contradiction: %s has signed two histories\n", first.origin)
	return nil
}

func checkPath(entry []byte, index int64, path string, tree tlog.Tree) error {
	hashes, err := splitHashes(path)
	if err != nil {
		return err
	}
	return included(entry, index, hashes, tree)
}

// splitHashes reads a list of hashes as .proof files have it: joined, in unpadded base64url.
func splitHashes(text string) ([]tlog.Hash, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data)%tlog.HashSize != 0 {
		return nil, errors.New("a list of hashes is not one")
	}
	var hashes []tlog.Hash
	for ; len(data) > 0; data = data[tlog.HashSize:] {
		hashes = append(hashes, tlog.Hash(data[:tlog.HashSize]))
	}
	return hashes, nil
}

// acceptedHead opens a checkpoint under a C2SP tlog-policy with one log. transparency-dev/formats reads the witnesses
// and counts cosignatures, Ed25519 and ML-DSA-44; it leaves the log's line to the caller.
func acceptedHead(signed, policy []byte) (head, error) {
	quorum, err := witness.ParsePolicy(policy)
	if err != nil {
		return head{}, err
	}
	opened, err := openHead(signed, logKey(policy))
	if err != nil {
		return head{}, err
	}
	if !quorum.Satisfied(signed) {
		return head{}, errors.New("the cosignatures are below the policy's quorum")
	}
	return opened, nil
}

func logKey(policy []byte) string {
	for _, line := range strings.Split(string(policy), "\n") {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "log" {
			return fields[1]
		}
	}
	return ""
}
