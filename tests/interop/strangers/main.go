// Judges Proviso's files with other people's libraries: torchwood's proof and policy verifiers and
// Tessera's client. Exit status 0 if what is asked holds.
//
//	strangers proof POLICY PROOF LEAF        torchwood: does the tlog-proof hold for the leaf's bytes?
//	strangers inclusion LOG SIZE INDEX       Tessera's client: the inclusion path from the tiles, base64 lines
//	strangers consistency LOG FROM TO        Tessera's client: the consistency path from the tiles
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/tlog"
)

func proof(policyFile, proofFile, leafFile string) error {
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return err
	}
	proof, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	leaf, err := os.ReadFile(leafFile)
	if err != nil {
		return err
	}
	return torchwood.VerifyProof(policy, tlog.RecordHash(leaf), proof)
}

func builder(log string, size uint64) (*client.ProofBuilder, error) {
	source := client.FileFetcher{Root: log}
	return client.NewProofBuilder(context.Background(), size, source.ReadTile)
}

func show(hashes [][]byte) {
	for _, hash := range hashes {
		fmt.Println(base64.StdEncoding.EncodeToString(hash))
	}
}

func inclusion(log string, size, index uint64) error {
	from, err := builder(log, size)
	if err != nil {
		return err
	}
	hashes, err := from.InclusionProof(context.Background(), index)
	if err == nil {
		show(hashes)
	}
	return err
}

func consistency(log string, smaller, larger uint64) error {
	from, err := builder(log, larger)
	if err != nil {
		return err
	}
	hashes, err := from.ConsistencyProof(context.Background(), smaller, larger)
	if err == nil {
		show(hashes)
	}
	return err
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: strangers proof|inclusion|consistency …")
	}
	if args[0] == "proof" {
		return proof(args[1], args[2], args[3])
	}
	first, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	second, err := strconv.ParseUint(args[3], 10, 64)
	if err != nil {
		return err
	}
	if args[0] == "inclusion" {
		return inclusion(args[1], first, second)
	}
	return consistency(args[1], first, second)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
