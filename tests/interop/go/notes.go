package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	cosigning "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
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

// A batchNote is what a furnisher signs about a batch (docs/formats.md, section 3).
type batchNote struct {
	furnisher string
	events    int64
	root      tlog.Hash
	hash      []byte
}

func openBatchNote(signed []byte, vkey string) (batchNote, error) {
	opened, err := openNote(signed, vkey)
	if err != nil {
		return batchNote{}, err
	}
	text := strings.Split(opened.Text, "\n")
	if len(text) != 7 || text[0] != "credence/batch@v1" || text[2] != opened.Sigs[0].Name {
		return batchNote{}, errors.New("the note is not the one of a batch")
	}
	events, err := strconv.ParseInt(text[4], 10, 64)
	if err != nil {
		return batchNote{}, err
	}
	root, err := tlog.ParseHash(text[5])
	if err != nil {
		return batchNote{}, err
	}
	hash := sha256.Sum256([]byte(opened.Text))
	return batchNote{text[2], events, root, hash[:]}, nil
}

// checkBatch opens the note in the first line of a .batch file, and compares what the furnisher signed with the events in
// the other lines.
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
	signed, err := openBatchNote([]byte(first.Note), vkey)
	if err != nil {
		return err
	}
	var entries [][]byte
	for _, line := range lines[1 : len(lines)-1] {
		commitment := sha256.Sum256(line)
		entries = append(entries, append([]byte{eventKind}, commitment[:]...))
	}
	root, err := rootOf(entries)
	if err != nil {
		return err
	}
	if signed.events != int64(len(entries)) || !bytes.Equal(root, signed.root[:]) {
		return errors.New("the note is about other events")
	}
	fmt.Printf("signed by %s: %d events, batch hash %x\n", signed.furnisher, signed.events, signed.hash)
	return nil
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

// cosign adds the cosignature of a witness that is transparency-dev's, with an Ed25519 or an ML-DSA-44 key, to a
// checkpoint, and prints the result: for Credence to verify.
func cosign(skey, file string) error {
	signed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	signer, err := cosigning.NewSignerForCosignatureV1(skey)
	if err != nil {
		return err
	}
	opened, err := note.Open(signed, note.VerifierList())
	if unverified := (*note.UnverifiedNoteError)(nil); errors.As(err, &unverified) {
		opened = unverified.Note
	} else if err != nil {
		return err
	}
	cosigned, err := note.Sign(opened, signer)
	if err != nil {
		return err
	}
	fmt.Printf("%s", cosigned)
	return nil
}
