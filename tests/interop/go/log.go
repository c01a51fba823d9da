package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight   = 8
	tileWidth    = 1 << tileHeight
	bodyBytesMax = tileWidth * (1<<16 + 1) // the largest bundle: 256 entries, each after a length of two bytes
	timeout      = 30 * time.Second
)

// The first byte of an entry, docs/formats.md, section 4. A block ends every published tree.
const (
	eventKind = 1 + iota
	batchKind
	blockKind
	noticeKind
)

// remote reads a log over HTTP. It is a tlog.TileReader: tlog authenticates every tile that it hands over.
type remote struct {
	url    string
	client http.Client
	bodies map[string][]byte
}

func (r *remote) Height() int { return tileHeight }

func (r *remote) SaveTiles([]tlog.Tile, [][]byte) {}

func (r *remote) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		body, err := r.get(tilePath(tile))
		if err != nil {
			return nil, err
		}
		data = append(data, body)
	}
	return data, nil
}

// tilePath is the path of C2SP tlog-tiles: without the height, and with "entries" for what Go calls "data".
func tilePath(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	return strings.Replace(path, "/data/", "/entries/", 1)
}

func (r *remote) get(path string) ([]byte, error) {
	if body, known := r.bodies[path]; known {
		return body, nil
	}
	answer, err := r.client.Get(r.url + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, bodyBytesMax))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.bodies[path] = body
	return body, nil
}

// entries reads the bundles of a log of this size.
func (r *remote) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for first := int64(0); first < size; first += tileWidth {
		width := int(min(tileWidth, size-first))
		path := tilePath(tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: width})
		bundle, err := r.get(path)
		if err != nil {
			return nil, err
		}
		for range width {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("%s ends too early", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			all, bundle = append(all, bundle[2:end]), bundle[end:]
		}
		if len(bundle) != 0 {
			return nil, fmt.Errorf("%s is too long", path)
		}
	}
	return all, nil
}

// checkLog reads everything that the server publishes, and compares it with heads that were kept from before.
func checkLog(url, vkey string, keptFiles []string) error {
	log := &remote{url: strings.TrimRight(url, "/"), client: http.Client{Timeout: timeout}, bodies: map[string][]byte{}}
	signed, err := log.get("checkpoint")
	if err != nil {
		return err
	}
	newest, err := openHead(signed, vkey)
	if err != nil {
		return err
	}
	heads, err := keptHeads(keptFiles, vkey)
	if err != nil {
		return err
	}
	for _, kept := range heads {
		if kept.tree.N > newest.tree.N {
			return fmt.Errorf("the log has shrunk from %d to %d entries", kept.tree.N, newest.tree.N)
		}
	}
	heads = append(heads, newest)
	slices.SortStableFunc(heads, func(a, b head) int { return int(a.tree.N - b.tree.N) })
	fmt.Printf("checkpoint: %s, %d entries\n", newest.origin, newest.tree.N)

	entries, err := log.entries(newest.tree.N)
	if err != nil {
		return err
	}
	if err := checkTiles(log, newest.tree, heads, entries); err != nil {
		return err
	}
	return checkPairs(log, heads)
}

func keptHeads(files []string, vkey string) ([]head, error) {
	var heads []head
	for _, file := range files {
		signed, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		kept, err := openHead(signed, vkey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		heads = append(heads, kept)
	}
	return heads, nil
}

// checkTiles proves each entry from the tiles under the newest tree, and each head's last one under its own tree, with
// the partial tiles of then.
func checkTiles(log *remote, newest tlog.Tree, heads []head, entries [][]byte) error {
	for index := range newest.N {
		if err := proveEntry(log, newest, index, entries[index]); err != nil {
			return err
		}
	}
	fmt.Printf("entries: %d of %d are proved by the tiles\n", newest.N, newest.N)
	for _, each := range heads {
		last := each.tree.N - 1
		if len(entries[last]) == 0 || entries[last][0] != blockKind {
			return fmt.Errorf("entry %d is the last of a published tree, and no block", last)
		}
		if err := proveEntry(log, each.tree, last, entries[last]); err != nil {
			return fmt.Errorf("in the tree of %d entries: %w", each.tree.N, err)
		}
	}
	fmt.Printf("blocks: %d of %d end their trees\n", len(heads), len(heads))
	return nil
}

func proveEntry(log *remote, tree tlog.Tree, index int64, entry []byte) error {
	hashes, err := tlog.ProveRecord(tree.N, index, tlog.TileHashReader(tree, log))
	if err != nil {
		return err
	}
	return included(entry, index, hashes, tree)
}

// checkPairs proves from the tiles that each head's tree holds that of every older one.
func checkPairs(log *remote, heads []head) error {
	pairs := 0
	for j, newer := range heads {
		for _, older := range heads[:j] {
			if older.origin != newer.origin {
				return errors.New("the heads are of two logs")
			}
			hashes, err := tlog.ProveTree(newer.tree.N, older.tree.N, tlog.TileHashReader(newer.tree, log))
			if err != nil {
				return err
			}
			if err := consistent(older.tree, newer.tree, hashes); err != nil {
				return err
			}
			pairs++
		}
	}
	fmt.Printf("growth: %d of %d pairs of heads are consistent\n", pairs, pairs)
	return nil
}
