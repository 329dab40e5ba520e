package sessions

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// ParseKeys returns the ring that text lists: keys in base64 (either alphabet,
// padded or not), separated by commas or white space, the first one to sign with.
// A key that is to retire is followed by "@" and when, as RFC 3339 has it:
//
//	dpFx…Q0g=, n2Kc…Vw8=@2027-01-31T00:00:00Z
//
// "#" begins a comment that ends with the line. No error shows a part of a key.
func ParseKeys(text string) (Keyring, error) {
	var set keyset
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for _, field := range strings.FieldsFunc(line, isKeySeparator) {
			if err := set.parse(field); err != nil {
				return Keyring{}, err
			}
		}
	}
	if len(set.keys) == 0 {
		return Keyring{}, errors.New("sessions: no key in the text")
	}
	return Keyring{&set}, nil
}

func isKeySeparator(r rune) bool {
	return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
}

func (s *keyset) parse(field string) error {
	n := len(s.keys) + 1
	text, until, retires := strings.Cut(field, "@")
	var notAfter time.Time
	if retires {
		var err error
		if notAfter, err = time.Parse(time.RFC3339, until); err != nil {
			return fmt.Errorf("sessions: key %d: what follows @ is not a time such as 2027-01-31T00:00:00Z", n)
		}
		if n == 1 {
			return errors.New("sessions: the first key of a ring cannot be a retiring one")
		}
	}
	if looksWritten(text) {
		return fmt.Errorf("sessions: key %d looks like an example", n)
	}
	text = strings.TrimRight(text, "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	secret, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("sessions: key %d is not base64", n)
	}
	return s.add(secret, notAfter)
}

// KeyEnv returns the ring in an environment variable, in the form that
// [ParseKeys] reads.
func KeyEnv(name string) (Keyring, error) {
	text, ok := os.LookupEnv(name)
	if !ok {
		return Keyring{}, fmt.Errorf("sessions: the environment variable %s is not set", name)
	}
	ring, err := ParseKeys(text)
	if err != nil {
		return Keyring{}, fmt.Errorf("environment variable %s: %w", name, err)
	}
	return ring, nil
}

// KeyFile returns the ring in a file, in the form that [ParseKeys] reads. If there
// is no such file, it is made with one random key, readable by its owner only; of
// several processes that do so at once, all get the same key. A file that
// everybody may read or others may write is refused (not on Windows).
func KeyFile(path string) (Keyring, error) {
	text, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKeyFile(path); err == nil {
			text, err = readKeyFile(path)
		}
	}
	if err != nil {
		return Keyring{}, fmt.Errorf("sessions: key file: %w", err)
	}
	ring, err := ParseKeys(text)
	if err != nil {
		return Keyring{}, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

const maxKeyFile = 64 << 10

func readKeyFile(path string) (string, error) {
	if path == "" {
		return "", errors.New("its name is empty")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s is a directory", path)
	}
	if perm := info.Mode().Perm(); runtime.GOOS != "windows" && perm&0o026 != 0 {
		return "", fmt.Errorf("%s has mode %#o, which lets others read or change it: chmod 600 it", path, perm)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxKeyFile)
	}
	return string(text), err
}

// makeKeyFile writes the file under another name and links it to its own, so that
// nobody sees it half written, and whoever comes second does not replace it.
func makeKeyFile(path string) error {
	secret := newSecret()
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "# Keys of sessions: the first signs, the others verify.\n%s\n", secret)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// newSecret returns a random key in base64.
func newSecret() string {
	for {
		secret := make([]byte, minKey)
		rand.Read(secret)
		text := base64.StdEncoding.EncodeToString(secret)
		if weakness(secret) == "" && !looksWritten(text) { // as good as always
			return text
		}
	}
}
