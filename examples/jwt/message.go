package main

import (
	"strings"

	"github.com/sluicehq/sluice/channels"
)

// cutToken returns the token of a message "token …".
func cutToken(m channels.Message) (string, bool) {
	if m.Type != channels.TextMessage {
		return "", false
	}
	return strings.CutPrefix(string(m.Data), "token ")
}
