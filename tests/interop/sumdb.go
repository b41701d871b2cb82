// What golang.org/x/mod/sumdb, which verifies Go's checksum database, says of a log of ours.
//
// Input: one JSON object on standard input. Output: one JSON object on standard output. Nothing of
// Tieline is in here; timestamped cosignatures (C2SP tlog-cosignature), which sumdb/note does not
// know, are verified from that document with crypto/ed25519.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Size, Index int64
	Leaf, Root  []byte
	Proof       [][]byte
}

type consistency struct {
	Old, New         int64
	OldRoot, NewRoot []byte
	Proof            [][]byte
}

type question struct {
	Folder      string
	Vkeys       []string
	Note        string
	Inclusion   []inclusion
	Consistency []consistency
	Sizes       []int64
}

type answer struct {
	Text        string
	Verified    []string
	Unverified  []string
	NoteError   string
	Inclusion   []string
	Consistency []string
	Roots       [][]byte
	Leaves      [][]byte
	Entries     int
	ProofOfLast [][]byte
	TreeProof   [][]byte
	TileError   string
}

// cosigner verifies timestamped Ed25519 cosignatures.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(head), msg...), sig[8:])
}

func verifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) == 3 {
		key, err := base64.StdEncoding.DecodeString(parts[2])
		if err == nil && len(key) == 33 && key[0] == 4 {
			sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
			want, err := strconv.ParseUint(parts[1], 16, 32)
			if err != nil || uint32(want) != binary.BigEndian.Uint32(sum[:4]) {
				return nil, fmt.Errorf("the id does not fit")
			}
			return cosigner{parts[0], uint32(want), key[1:]}, nil
		}
	}
	return note.NewVerifier(vkey)
}

// folder reads the tiles of C2SP tlog-tiles, whose paths have no height in them.
type folder string

func (f folder) Height() int { return 8 }
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		data, err := f.tile(t)
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}
func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}
func (f folder) tile(t tlog.Tile) ([]byte, error) {
	path := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
	return ioutil.ReadFile(filepath.Join(string(f), path))
}

func hashOf(b []byte) (h tlog.Hash) { copy(h[:], b); return }
func hashes(in [][]byte) (out []tlog.Hash) {
	for _, each := range in {
		out = append(out, hashOf(each))
	}
	return
}
func raw(in []tlog.Hash) (out [][]byte) {
	for _, each := range in {
		out = append(out, append([]byte{}, each[:]...))
	}
	return
}
func say(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func main() {
	var q question
	var a answer
	if err := json.NewDecoder(os.Stdin).Decode(&q); err != nil {
		panic(err)
	}
	if q.Note != "" {
		open(q, &a)
	}
	for _, p := range q.Inclusion {
		err := tlog.CheckRecord(hashes(p.Proof), p.Size, hashOf(p.Root), p.Index, hashOf(p.Leaf))
		a.Inclusion = append(a.Inclusion, say(err))
	}
	for _, p := range q.Consistency {
		err := tlog.CheckTree(hashes(p.Proof), p.New, hashOf(p.NewRoot), p.Old, hashOf(p.OldRoot))
		a.Consistency = append(a.Consistency, say(err))
	}
	if q.Folder != "" {
		a.TileError = say(tiles(q, &a))
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		panic(err)
	}
}

func open(q question, a *answer) {
	var known []note.Verifier
	for _, vkey := range q.Vkeys {
		v, err := verifier(vkey)
		if err != nil {
			a.NoteError = err.Error()
			return
		}
		known = append(known, v)
	}
	n, err := note.Open([]byte(q.Note), note.VerifierList(known...))
	if err != nil {
		a.NoteError = err.Error()
		return
	}
	a.Text = n.Text
	for _, s := range n.Sigs {
		a.Verified = append(a.Verified, s.Name)
	}
	for _, s := range n.UnverifiedSigs {
		a.Unverified = append(a.Unverified, s.Name)
	}
}

func tiles(q question, a *answer) error {
	lines := strings.Split(a.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return err
	}
	// TileHashReader takes a tile only when it leads to this root.
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, folder(q.Folder))
	for _, n := range q.Sizes {
		h, err := tlog.TreeHash(n, reader)
		if err != nil {
			return err
		}
		a.Roots = append(a.Roots, append([]byte{}, h[:]...))
	}
	for i := int64(0); i < size; i++ {
		got, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil {
			return err
		}
		a.Leaves = append(a.Leaves, append([]byte{}, got[0][:]...))
	}
	record, err := tlog.ProveRecord(size, size-1, reader)
	if err != nil {
		return err
	}
	a.ProofOfLast = raw(record)
	tree, err := tlog.ProveTree(size, size/2+1, reader)
	if err != nil {
		return err
	}
	a.TreeProof = raw(tree)
	return entries(q, a, size)
}

// entries reads the entry bundles and hashes each entry to its leaf.
func entries(q question, a *answer, size int64) error {
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		path := strings.Replace(tlog.Tile{H: 8, L: 0, N: n, W: int(width)}.Path(), "tile/8/0/", "tile/entries/", 1)
		data, err := ioutil.ReadFile(filepath.Join(q.Folder, path))
		if err != nil {
			return err
		}
		for i := n * 256; i < n*256+width; i++ {
			end := 2 + int(binary.BigEndian.Uint16(data))
			leaf := tlog.RecordHash(data[2:end])
			if !bytes.Equal(leaf[:], a.Leaves[i]) {
				return fmt.Errorf("entry %d is not its leaf", i)
			}
			data = data[end:]
			a.Entries++
		}
		if len(data) != 0 {
			return fmt.Errorf("bytes are left in bundle %d", n)
		}
	}
	return nil
}
