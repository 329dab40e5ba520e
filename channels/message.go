package channels

import (
	"encoding/json"
	"fmt"
)

// A MessageType is the kind of a data message; its value is the frame's opcode
// (RFC 6455, Section 5.6).
type MessageType uint8

const (
	TextMessage   MessageType = 1 // UTF-8 text
	BinaryMessage MessageType = 2
)

func (t MessageType) String() string {
	switch t {
	case TextMessage:
		return "text"
	case BinaryMessage:
		return "binary"
	}
	return fmt.Sprintf("MessageType(%d)", uint8(t))
}

// check refuses what is neither: as an opcode it would be a frame of another kind.
func (t MessageType) check() error {
	if t == TextMessage || t == BinaryMessage {
		return nil
	}
	return badMessageType(t)
}

func badMessageType(t MessageType) error {
	return fmt.Errorf("channels: the type of a message is TextMessage or BinaryMessage, not %v", t)
}

// A Message is one whole message. Data belongs to whoever receives it: it is never
// written to or used again by this package (but see [BorrowedConsumer]).
type Message struct {
	Type MessageType
	Data []byte
}

// Text returns a text message; s should be valid UTF-8, as the peer will refuse
// what is not.
func Text(s string) Message { return Message{TextMessage, []byte(s)} }

// Binary returns a binary message that holds b itself, not a copy.
func Binary(b []byte) Message { return Message{BinaryMessage, b} }

// JSON returns a text message with v encoded by encoding/json.
func JSON(v any) (Message, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Message{}, fmt.Errorf("channels: encode message: %w", err)
	}
	return Message{TextMessage, b}, nil
}

// Decode parses the message as JSON into v. Its error is a *CloseError, fit to
// be returned from a handler: 1003 (unsupported data) for a binary message, 1007
// (invalid payload) for one that is not JSON or does not fit v.
func (m Message) Decode(v any) error {
	if m.Type != TextMessage {
		return newCloseError(StatusUnsupportedData, "a text message is expected")
	}
	if err := json.Unmarshal(m.Data, v); err != nil {
		return newCloseError(StatusInvalidPayload, "not the JSON that is expected")
	}
	return nil
}

// String returns the type and the size, not the data, which a log should not see.
func (m Message) String() string {
	return fmt.Sprintf("%v message, %d bytes", m.Type, len(m.Data))
}
