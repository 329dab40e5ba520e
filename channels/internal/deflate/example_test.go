package deflate_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/sluicehq/sluice/channels/internal/deflate"
)

func ExampleCompress() {
	fmt.Printf("% x\n", deflate.Compress(nil, []byte("Hello"), nil))
	// Output:
	// f2 48 cd c9 c9 07 00
}

func ExampleDecompress() {
	message, err := deflate.Decompress(nil, []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, 5, nil)
	fmt.Printf("%q %v\n", message, err)
	message, err = deflate.Decompress(nil, []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, 4, nil)
	fmt.Printf("%q %v\n", message, err)
	// Output:
	// "Hello" <nil>
	// "" deflate: message over the limit
}

// With context takeover the second message refers to the first.
func ExampleWindow() {
	var sender, receiver = deflate.Window{Takeover: true}, deflate.Window{Takeover: true}
	for range 2 {
		payload := deflate.Compress(nil, []byte(`{"type":"chat.message","text":"Good morning"}`), &sender)
		message, err := deflate.Decompress(nil, payload, 1<<20, &receiver)
		fmt.Println(len(payload), len(message), err)
	}
	// Output:
	// 47 45 <nil>
	// 4 45 <nil>
}

func ExampleReader() {
	payload := deflate.Compress(nil, []byte(strings.Repeat("again and ", 1000)), nil)
	r := deflate.NewReader(strings.NewReader(string(payload)), 1<<20, nil)
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	fmt.Println(len(payload), n, err)
	// Output:
	// 73 10000 <nil>
}

func ExampleDecompressor() {
	payload := deflate.Compress(nil, []byte("a message in two fragments"), nil)
	d := deflate.NewDecompressor(1<<20, nil)
	message, _ := d.Append(nil, payload[:12]) // an error comes again from Finish
	fmt.Printf("%q so far\n", message)
	message, _ = d.Append(message, payload[12:])
	if err := d.Finish(message); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%q\n", message)
	// Output:
	// "a message i" so far
	// "a message in two fragments"
}
