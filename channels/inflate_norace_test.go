//go:build !race

package channels_test

import (
	"context"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/channels"
	"github.com/sluicehq/sluice/channels/wstest"
)

// A compressed message that is streamed is nowhere in memory as a whole: neither where it
// is compressed nor where it is inflated. (With the race detector pools forget a part of
// what is put back.)
func TestInflateInPiecesAllocates(t *testing.T) {
	const size = 16 << 20
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			u := &channels.Upgrader{
				Compression: channels.Compression{Mode: mode},
				Limits:      channels.Limits{MessageSize: size},
			}
			client, server := wstest.Pipe(t, u)
			ctx := context.Background()
			line := []byte(strings.Repeat("a line of a long text, and then the next one, ", 20))
			done := make(chan error, 1)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			go func() {
				w, err := client.Writer(ctx, channels.TextMessage)
				for n := 0; n < size && err == nil; n += len(line) {
					_, err = w.Write(line[:min(len(line), size-n)])
				}
				if err == nil {
					err = w.Close()
				}
				done <- err
			}()
			_, r, err := server.Reader(ctx)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r)
			if n != size || err != nil {
				t.Fatalf("%d bytes, %v", n, err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
				t.Errorf("%d bytes allocated for a message of %d", used, size)
			}
		})
	}
}
