package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	proofs "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/tlog"
)

// checkNote opens a note and shows its text.
func checkNote(vkey, file string) error {
	signed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	opened, err := openNote(signed, vkey)
	if err != nil {
		return err
	}
	fmt.Printf("signed by %s:\n%s", opened.Sigs[0].Name, opened.Text)
	return nil
}

// checkBatch opens the note in the first line of a .batch file (docs/formats.md, section 3), and compares the root and
// the number that the furnisher signed with the events in the other lines.
func checkBatch(vkey, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := bytes.Split(data, []byte("\n"))
	var first struct{ Note string }
	if err := json.Unmarshal(lines[0], &first); err != nil {
		return err
	}
	opened, err := openNote([]byte(first.Note), vkey)
	if err != nil {
		return err
	}
	text := strings.Split(opened.Text, "\n")
	if len(text) != 7 || text[0] != "credence/batch@v1" || text[2] != opened.Sigs[0].Name {
		return errors.New("the note is not the one of a batch")
	}
	events := lines[1 : len(lines)-1]
	var entries [][]byte
	for _, line := range events {
		commitment := sha256.Sum256(line)
		entries = append(entries, append([]byte{eventKind}, commitment[:]...))
	}
	root, err := rootOf(entries)
	if err != nil {
		return err
	}
	if text[4] != strconv.Itoa(len(events)) || text[5] != base64.StdEncoding.EncodeToString(root) {
		return errors.New("the note is about other events")
	}
	fmt.Printf("signed by %s: %d events, batch hash %x\n", text[2], len(events), sha256.Sum256([]byte(opened.Text)))
	return nil
}

// checkProof checks what in a .proof file is about the log (docs/formats.md, section 10, step 2): that its block is the
// last entry of a tree whose head the policy accepts.
func checkProof(policyFile, file string) error {
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var claim struct {
		Block json.RawMessage
		Tlog  string
	}
	if err := json.Unmarshal(data, &claim); err != nil {
		return err
	}
	var inLog proofs.TLogProof
	if err := inLog.Unmarshal([]byte(claim.Tlog)); err != nil {
		return err
	}
	newest, err := acceptedHead(inLog.Checkpoint, policy)
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	for _, each := range inLog.Hashes {
		hashes = append(hashes, tlog.Hash(each))
	}
	index := int64(inLog.Index)
	if index != newest.tree.N-1 {
		return errors.New("the block is not the last entry")
	}
	entry := append([]byte{blockKind}, claim.Block...)
	if err := included(entry, index, hashes, newest.tree); err != nil {
		return err
	}
	fmt.Printf("block at %d of %s, in a head that the policy accepts\n", index, newest.origin)
	return nil
}

// acceptedHead opens a checkpoint under a C2SP tlog-policy with one log. transparency-dev/formats reads the witnesses
// and counts cosignatures, Ed25519 and ML-DSA-44; it leaves the log's line to the caller.
func acceptedHead(signed, policy []byte) (head, error) {
	quorum, err := witness.ParsePolicy(policy)
	if err != nil {
		return head{}, err
	}
	var vkey string
	for _, line := range strings.Split(string(policy), "\n") {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "log" {
			vkey = fields[1]
		}
	}
	opened, err := openHead(signed, vkey)
	if err != nil {
		return head{}, err
	}
	if !quorum.Satisfied(signed) {
		return head{}, errors.New("the cosignatures are below the policy's quorum")
	}
	return opened, nil
}

// checkGrowth checks a consistency proof as a C2SP witness does: "old", a size, the hashes, an empty line, the newer
// checkpoint; against an older checkpoint of that size.
func checkGrowth(vkey, oldFile, requestFile string) error {
	signed, err := os.ReadFile(oldFile)
	if err != nil {
		return err
	}
	request, err := os.ReadFile(requestFile)
	if err != nil {
		return err
	}
	older, err := openHead(signed, vkey)
	if err != nil {
		return err
	}
	lines, newNote, _ := strings.Cut(string(request), "\n\n")
	newer, err := openHead([]byte(newNote), vkey)
	if err != nil {
		return err
	}
	size, encoded, _ := strings.Cut(lines, "\n")
	if size != fmt.Sprintf("old %d", older.tree.N) {
		return fmt.Errorf("the proof is not from the older head of %d entries", older.tree.N)
	}
	var hashes []tlog.Hash
	for _, line := range strings.Fields(encoded) {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	if err := consistent(older.tree, newer.tree, hashes); err != nil {
		return err
	}
	fmt.Printf("the head of %d entries holds the one of %d\n", newer.tree.N, older.tree.N)
	return nil
}
