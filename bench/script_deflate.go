package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// documents is how many different messages there are; then they begin again.
const documents = 256

// deflateScript sends compressed JSON. With context takeover it refers to what
// was sent before, as far back as the server allows, like a browser does.
type deflateScript struct {
	inFlight int
	plain    [][]byte
	stream   []byte   // two cycles of plain, one behind the other
	offset   []int    // where each message begins in stream
	first    [][]byte // batches of the first cycle, when there is little to refer to
	steady   [][]byte // batches of every later one
}

func newDeflateScript(args LoadArgs, extension string) (script, error) {
	if !strings.HasPrefix(extension, "permessage-deflate") {
		return nil, fmt.Errorf("the server does not compress: its extensions are %q", extension)
	}
	if _, no := extensionParameter(extension, "server_no_context_takeover"); no != (args.Deflate == deflateMessage) {
		return nil, fmt.Errorf("mode %q was negotiated as %q", args.Deflate, extension)
	}
	if documents%args.InFlight != 0 {
		return nil, fmt.Errorf("%d documents are no multiple of %d", documents, args.InFlight)
	}
	s := &deflateScript{inFlight: args.InFlight, plain: jsonDocuments()}
	for n := range 2 * documents {
		s.offset = append(s.offset, len(s.stream))
		s.stream = append(s.stream, s.plain[n%documents]...)
	}
	window := clientWindow(extension)
	for start := 0; start < documents; start += args.InFlight {
		var first, steady []byte
		for i := start; i < start+args.InFlight; i++ {
			first = appendFrame(first, opText|rsv1Bit, s.deflate(i, window))
			steady = appendFrame(steady, opText|rsv1Bit, s.deflate(i+documents, window))
		}
		s.first = append(s.first, first)
		s.steady = append(s.steady, steady)
	}
	return s, nil
}

func (s *deflateScript) batch(n int) []byte {
	if n < documents {
		return s.first[n/s.inFlight]
	}
	return s.steady[n%documents/s.inFlight]
}

func (s *deflateScript) verify(n int, first byte, payload []byte) error {
	if first != finBit|opText|rsv1Bit && first != opText|rsv1Bit {
		return fmt.Errorf("a compressed message came back with the first byte %#x", first)
	}
	// RFC 7692, Section 7.2.2; the last block ends the stream for package flate.
	tail := strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), tail), s.history(n, 1<<15))
	got, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("message %d came back damaged: %w", n, err)
	}
	if !bytes.Equal(got, s.plain[n%documents]) {
		return fmt.Errorf("message %d of %d bytes came back changed as %d bytes", n, len(s.plain[n%documents]), len(got))
	}
	return nil
}

// history returns the last bytes, at most size, that were sent before message n. A
// cycle is longer than any window, so that all but the first look alike.
func (s *deflateScript) history(n, size int) []byte {
	if n >= documents {
		n = documents + n%documents
	}
	end := s.offset[n]
	return s.stream[max(0, end-size):end]
}

// deflate returns message n compressed so that nothing refers further back than
// window (RFC 7692, Section 7.2.1). No dictionary longer than what the message
// leaves of the window is given, as package flate knows windows of 32 KiB only.
func (s *deflateScript) deflate(n, window int) []byte {
	plain := s.plain[n%documents]
	var b bytes.Buffer
	dict := s.history(n, max(0, window-len(plain)))
	w, _ := flate.NewWriterDict(&b, flate.DefaultCompression, dict) // the level is valid
	w.Write(plain)                                                  // a bytes.Buffer does not fail
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
}

// jsonDocuments are messages of a chat, of about 1,100 bytes each, always the same.
func jsonDocuments() [][]byte {
	words := strings.Fields("the a of to and in that is was for on are with as at be this have from or one had by word " +
		"but not what all were we when your can said there use an each which she do how their if will up other about " +
		"out many then them these so some her would make like him into time has look two more write go see number no " +
		"way could people my than first water been call who oil its now find long down day did get come made may part")
	rnd := rand.New(rand.NewPCG(1, 2))
	docs := make([][]byte, documents)
	for i := range docs {
		var b bytes.Buffer
		fmt.Fprintf(&b, `{"type":"chat.message","id":"%016x","room":"room-%d","user":{"id":%d,"name":"%s.%s","avatar":"https://static.example.com/avatars/%08x.png"},"sent":"2026-03-%02dT%02d:%02d:%02d.%03dZ","reactions":[`,
			rnd.Uint64(), rnd.IntN(40), rnd.IntN(5000), words[rnd.IntN(len(words))], words[rnd.IntN(len(words))], rnd.Uint32(),
			1+rnd.IntN(28), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), rnd.IntN(1000))
		for j := range 3 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"emoji":"%s","count":%d,"mine":%t}`, []string{"+1", "heart", "laugh", "eyes"}[rnd.IntN(4)], rnd.IntN(30), rnd.IntN(2) == 0)
		}
		b.WriteString(`],"text":"`)
		for b.Len() < 1080 {
			b.WriteString(words[rnd.IntN(len(words))])
			b.WriteByte(' ')
		}
		b.WriteString(`end"}`)
		docs[i] = b.Bytes()
	}
	return docs
}
