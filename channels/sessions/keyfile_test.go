package sessions_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/channels/sessions"
)

func TestParseKeys(t *testing.T) {
	a, b := secret("a"), secret("b")
	std, url := base64.StdEncoding, base64.RawURLEncoding
	both := ring(t, "a", "b").String()
	tests := []struct{ name, text, want string }{
		{"one", std.EncodeToString(a), ring(t, "a").String()},
		{"without padding, other alphabet", url.EncodeToString(a) + "," + url.EncodeToString(b), both},
		{"lines and comments", "# first\n" + std.EncodeToString(a) + " # signs\r\n\n" + std.EncodeToString(b) + "\n", both},
		{"spaces and commas", " " + std.EncodeToString(a) + " ,\t" + std.EncodeToString(b) + ",", both},
		{
			"retiring", std.EncodeToString(a) + "," + std.EncodeToString(b) + "@2027-01-31T00:00:00Z",
			strings.Replace(both, ")", " until 2027-01-31T00:00:00Z)", 1),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := sessions.ParseKeys(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, k.String()); diff != "" {
				t.Errorf("ring (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseKeysRefuses(t *testing.T) {
	a := base64.StdEncoding.EncodeToString(secret("a"))
	tests := []struct{ name, text, want string }{
		{"empty", "", "no key"},
		{"a comment", "# " + a, "no key"},
		{"L4 not base64", "not*base64", "key 1 is not base64"},
		{"L4 short", "c2hvcnQ=", "key 1 has 5 bytes"},
		{"L4 the same twice", a + "," + a, "keys 1 and 2 are the same"},
		{"L4 an example", "Replace_this_with_32_random_bytes_in_base64", "key 1 looks like an example"},
		{"retiring without a time", a + "," + a + "@tomorrow", "key 2: what follows @"},
		{"the first retiring", a + "@2027-01-31T00:00:00Z", "cannot be a retiring one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sessions.ParseKeys(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q in it", err, tt.want)
			}
			if len(tt.text) > 8 && strings.Contains(err.Error(), tt.text[:8]) {
				t.Errorf("the error shows a part of the text: %v", err)
			}
		})
	}
}

func TestKeyEnv(t *testing.T) {
	if _, err := sessions.KeyEnv("SLUICE_TEST_KEYS"); err == nil || !strings.Contains(err.Error(), "SLUICE_TEST_KEYS is not set") {
		t.Errorf("L4: unset: error %v", err)
	}
	t.Setenv("SLUICE_TEST_KEYS", "c2hvcnQ=")
	if _, err := sessions.KeyEnv("SLUICE_TEST_KEYS"); err == nil || !strings.Contains(err.Error(), "SLUICE_TEST_KEYS") {
		t.Errorf("L4: short: error %v", err)
	}
	t.Setenv("SLUICE_TEST_KEYS", base64.StdEncoding.EncodeToString(secret("a")))
	k, err := sessions.KeyEnv("SLUICE_TEST_KEYS")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ring(t, "a").String(), k.String()); diff != "" {
		t.Errorf("ring (-want +got):\n%s", diff)
	}
}

func TestKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var wg sync.WaitGroup
	rings := make([]string, 8)
	for i := range rings {
		wg.Go(func() {
			k, err := sessions.KeyFile(path)
			if err != nil {
				t.Error(err)
			}
			rings[i] = k.String()
		})
	}
	wg.Wait()
	for _, got := range rings {
		if got != rings[0] || got == "Keyring()" {
			t.Fatalf("processes that start at once have different keys: %v", rings)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

func TestKeyFileRefuses(t *testing.T) {
	dir := t.TempDir()
	good := base64.StdEncoding.EncodeToString(secret("a"))
	tests := []struct {
		name, content string
		perm          os.FileMode
		want          string
	}{
		{"L4 empty", "", 0o600, "no key in the text"},
		{"L4 short", "c2hvcnQ=", 0o600, "key 1 has 5 bytes"},
		{"read by others", good, 0o604, "chmod 600"},
		{"written by the group", good, 0o620, "chmod 600"},
		{"too large", strings.Repeat("#\n", 40_000), 0o600, "larger than 65536"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.perm); err != nil {
				t.Fatal(err)
			}
			_, err := sessions.KeyFile(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %q and the path in it", err, tt.want)
			}
		})
	}
	if _, err := sessions.KeyFile(filepath.Join(dir, "no", "such", "folder")); err == nil {
		t.Error("no error for a folder that does not exist")
	}
	if _, err := sessions.KeyFile(dir); err == nil || !strings.HasSuffix(err.Error(), "is a directory") {
		t.Errorf("of a folder: %v", err)
	}
	if _, err := sessions.KeyFile(""); err == nil || !strings.HasSuffix(err.Error(), "its name is empty") {
		t.Errorf("without a name: %v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	good := base64.StdEncoding.EncodeToString(secret("a"))
	f.Add(good)
	f.Add("# c\n" + good + "," + good + "@2027-01-31T00:00:00Z")
	f.Add("c2hvcnQ=\n@,#")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := sessions.ParseKeys(text)
		if (err == nil) == k.IsZero() {
			t.Fatalf("ring %v with error %v", k, err)
		}
		if err != nil {
			return
		}
		s := k.Derive("p")
		token := s.Seal("n", []byte("x"), farFuture)
		if _, err := s.Open("n", token); err != nil {
			t.Fatalf("a ring that does not open what it sealed: %v", err)
		}
	})
}
