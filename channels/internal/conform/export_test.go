package conform

import (
	"bufio"
	"bytes"
)

// DrawFrames draws the frames that b begins with.
func DrawFrames(b []byte) (drawn []string, err error) {
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		f, err := readFrame(r)
		if err != nil {
			return drawn, err
		}
		drawn = append(drawn, f.String())
	}
}

// Reencode reads one frame and encodes it again, with the length written as it was.
func Reencode(b []byte) ([]byte, error) {
	f, err := readFrame(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return nil, err
	}
	return f.append(nil), nil
}

// An Inflater is the judge's decompressor.
type Inflater struct{ z inflater }

func NewInflater(window int, noTakeover bool) *Inflater {
	return &Inflater{inflater{window: window, noTakeover: noTakeover}}
}

func (i *Inflater) Message(b []byte) ([]byte, error) { return i.z.message(b) }

// A Deflater is the judge's compressor.
type Deflater struct{ z deflater }

func NewDeflater(window int, noTakeover bool) *Deflater {
	return &Deflater{deflater{window: window, noTakeover: noTakeover}}
}

func (d *Deflater) Message(b []byte) []byte { return d.z.message(b) }

// ParseOffer reads a header that has one offer of permessage-deflate.
func ParseOffer(line string) (bits [2]int, err error) {
	all, err := parseExtensions([]string{line})
	if err != nil {
		return bits, err
	}
	a, err := parseDeflate(all[0], false)
	if err != nil {
		return bits, err
	}
	return [2]int{a.serverBits, a.clientBits}, nil
}

// Agree says whether an answer accepts one of the offers.
func Agree(offers []string, answer string) error {
	_, _, err := agree(offers, []string{answer})
	return err
}

// ReadHead reads the head of an HTTP message.
func ReadHead(b []byte) error {
	_, _, err := readHead(bufio.NewReader(bytes.NewReader(b)))
	return err
}
