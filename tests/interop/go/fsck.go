package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

// checkWithTessera lets Tessera, which knows C2SP tlog-tiles by itself, read the log: its client fetches, its fsck makes
// every tile again from the entries and compares it with the one that is served, and the root with the signed one.
func checkWithTessera(address, vkey string) error {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	root, err := url.Parse(strings.TrimRight(address, "/") + "/")
	if err != nil {
		return err
	}
	fetcher, err := client.NewHTTPFetcher(root, &http.Client{Timeout: timeout})
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	check := fsck.New(verifier.Name(), verifier, fetcher, leafHashes, fsck.Opts{N: 2})
	if err := check.Check(context.Background()); err != nil {
		return err
	}
	fmt.Printf("tessera: %d files of %s are as its entries say\n", check.Status().ResourcesFetched, verifier.Name())
	return nil
}

func leafHashes(data []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}
