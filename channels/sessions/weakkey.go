package sessions

import (
	"bytes"
	"fmt"
	"strings"
)

// exampleWords are what keys that somebody forgot to replace are made of. They have
// six letters or more: a random key holds one with a probability under 10⁻⁹.
var exampleWords = []string{
	"example", "changeme", "change-me", "change_me", "change me", "replace",
	"insecure", "password", "default", "secret", "0123456789", "abcdefgh", "qwerty",
}

// weakness says what is wrong with a key, or nothing: "is shorter than 32 bytes".
func weakness(key []byte) string {
	switch {
	case len(key) < minKey:
		return fmt.Sprintf("has %d bytes and needs at least %d", len(key), minKey)
	case looksWritten(string(key)):
		return "looks like an example"
	case distinct(key) < 8, repeats(key), counts(key):
		return "is not random"
	}
	return ""
}

// looksWritten reports whether text has a word that a person would write.
func looksWritten(text string) bool {
	text = strings.ToLower(text)
	for _, word := range exampleWords {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func distinct(key []byte) int {
	var seen [256]bool
	n := 0
	for _, b := range key {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}

// repeats reports whether key is a block of at most half its length, repeated.
func repeats(key []byte) bool {
	for n := 1; n <= len(key)/2; n++ {
		if bytes.Equal(key[n:], key[:len(key)-n]) {
			return true
		}
	}
	return false
}

// counts reports whether key goes up or down in equal steps.
func counts(key []byte) bool {
	step := key[1] - key[0]
	for i := 2; i < len(key); i++ {
		if key[i]-key[i-1] != step {
			return false
		}
	}
	return true
}
