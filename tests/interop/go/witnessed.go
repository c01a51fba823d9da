package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

// growWitnessed adds entries to a log of Tessera's in a folder, which is made when it is not there, and prints the
// checkpoint that holds them all, once the witnesses of the policy have cosigned it within so many seconds. Tessera
// publishes none before.
func growWitnessed(seconds, folder, skey, policyFile string, entries []string) error {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	patience, err := time.ParseDuration(seconds + "s")
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(time.Second).
		WithBatching(uint(len(entries)), time.Second).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: patience})
	appender, _, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 100*time.Millisecond)
	var futures []tessera.IndexFuture
	for _, entry := range entries {
		futures = append(futures, appender.Add(ctx, tessera.NewEntry([]byte(entry))))
	}
	var checkpoint []byte
	for _, future := range futures {
		if _, checkpoint, err = awaiter.Await(ctx, future); err != nil {
			return fmt.Errorf("no cosigned checkpoint: %w", err)
		}
	}
	fmt.Printf("%s", checkpoint)
	return nil
}
