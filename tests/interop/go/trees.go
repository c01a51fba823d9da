package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	checkpoints "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A head is a checkpoint whose signature by the log holds.
type head struct {
	origin string
	tree   tlog.Tree
	note   []byte
}

// openHead opens a checkpoint with the log's key. Two parsers read its text: sumdb/tlog, which knows the second
// and third line but wants a first line of its own, and transparency-dev/formats.
func openHead(signed []byte, vkey string) (head, error) {
	opened, err := openNote(signed, vkey)
	if err != nil {
		return head{}, fmt.Errorf("the checkpoint: %w", err)
	}
	var other checkpoints.Checkpoint
	rest, err := other.Unmarshal([]byte(opened.Text))
	if err != nil {
		return head{}, err
	}
	if len(rest) != 0 {
		return head{}, errors.New("the checkpoint has extension lines")
	}
	if other.Origin != opened.Sigs[0].Name {
		return head{}, errors.New("the origin of the checkpoint is not the name of the key")
	}
	_, numbers, _ := strings.Cut(opened.Text, "\n")
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + numbers))
	if err != nil {
		return head{}, err
	}
	if uint64(tree.N) != other.Size || !bytes.Equal(tree.Hash[:], other.Hash) {
		return head{}, errors.New("two parsers read two trees in the checkpoint")
	}
	return head{other.Origin, tree, signed}, nil
}

func openNote(signed []byte, vkey string) (*note.Note, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	return note.Open(signed, note.VerifierList(verifier))
}

// included says whether the entry is at this index of the tree, by both libraries.
func included(entry []byte, index int64, hashes []tlog.Hash, tree tlog.Tree) error {
	leaf := tlog.RecordHash(entry)
	if err := tlog.CheckRecord(hashes, tree.N, tree.Hash, index, leaf); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	other := rfc6962.DefaultHasher.HashLeaf(entry)
	return proof.VerifyInclusion(
		rfc6962.DefaultHasher, uint64(index), uint64(tree.N), other, raw(hashes), tree.Hash[:])
}

// consistent says whether the newer tree holds the older one, by both libraries.
func consistent(older, newer tlog.Tree, hashes []tlog.Hash) error {
	if err := tlog.CheckTree(hashes, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return fmt.Errorf("from %d to %d entries: %w", older.N, newer.N, err)
	}
	return proof.VerifyConsistency(
		rfc6962.DefaultHasher, uint64(older.N), uint64(newer.N), raw(hashes), older.Hash[:], newer.Hash[:])
}

// raw gives hashes in the form that transparency-dev/merkle takes.
func raw(hashes []tlog.Hash) [][]byte {
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = hashes[i][:]
	}
	return list
}

// rootOf is the root of a tree with these entries, by transparency-dev/merkle.
func rootOf(entries [][]byte) ([]byte, error) {
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	tree := factory.NewEmptyRange(0)
	for _, entry := range entries {
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(entry), nil); err != nil {
			return nil, err
		}
	}
	return tree.GetRootHash(nil)
}
