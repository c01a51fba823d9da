// Command credence-interop reads what a Credence ledger signs with software that its authors did not write.
//
// URL is a server's address, VKEY a verifier key (name+id+base64), the rest are files. What holds is said in
// lines on standard output, with exit code 0; what does not, in one line that begins with "refused:", with exit
// code 1.
//
// Signatures, trees and proofs are judged by golang.org/x/mod (sumdb/note, sumdb/tlog) and, a second time, by
// transparency-dev's merkle, formats and Tessera; both have to agree. Only what is Credence's own is read here: the
// entries' first byte and the JSON around a proof and a note. See docs/interop.md.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const usage = `credence-interop reads a Credence ledger with other people's software (docs/interop.md):

  credence-interop log URL VKEY [CHECKPOINT...]   the whole public log: tiles, entries, older heads
  credence-interop tessera URL VKEY               the same once more, by Tessera's own client and fsck
  credence-interop growth VKEY OLD REQUEST        a consistency proof, in a C2SP tlog-witness request
  credence-interop proof POLICY FILE              the log's part of a .proof file, under a C2SP policy
  credence-interop batch VKEY FILE                a .batch file: the furnisher's note and the events under it
  credence-interop note VKEY FILE                 any other signed note, such as a receipt
  credence-interop cosign SKEY CHECKPOINT         prints the checkpoint with a cosignature by their witness
  credence-interop witnessed SECONDS DIR SKEY POLICY ENTRY...
                                                  adds entries to a log of theirs, whose head our witnesses cosign`

func main() {
	if len(os.Args) == 1 {
		fmt.Println(usage)
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // what follows are whole tiles in hex
		fmt.Println("refused:", reason)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "log":
		return checkLog(args[1], args[2], args[3:])
	case len(args) == 3 && args[0] == "tessera":
		return checkWithTessera(args[1], args[2])
	case len(args) == 4 && args[0] == "growth":
		return checkGrowth(args[1], args[2], args[3])
	case len(args) == 3 && args[0] == "proof":
		return checkProof(args[1], args[2])
	case len(args) == 3 && args[0] == "batch":
		return checkBatch(args[1], args[2])
	case len(args) == 3 && args[0] == "note":
		return checkNote(args[1], args[2])
	case len(args) == 3 && args[0] == "cosign":
		return cosign(args[1], args[2])
	case len(args) >= 6 && args[0] == "witnessed":
		return growWitnessed(args[1], args[2], args[3], args[4], args[5:])
	}
	return errors.New("not a command, or not what it takes; without anything the program says what there is")
}
