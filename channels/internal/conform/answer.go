package conform

import (
	"errors"
	"fmt"
	"strings"
)

// What RFC 6455, Section 4.2.2, and RFC 9110 say about the 101 that accepts an
// opening handshake. Each is a check of its own so that a server with one mistake
// fails one case.

func checkStatusLine(_, answer *head) error {
	if !strings.HasPrefix(answer.start, "HTTP/1.1 101") {
		return fmt.Errorf("the status line %q", answer.start)
	}
	return nil
}

func checkUpgrade(_, answer *head) error {
	upgrade, err := answer.one("Upgrade")
	if err == nil && !strings.EqualFold(upgrade, "websocket") {
		err = fmt.Errorf("the field Upgrade is %q", upgrade)
	}
	return err
}

func checkConnection(_, answer *head) error {
	if !answer.has("Connection", "Upgrade") {
		return errors.New("no Connection: Upgrade")
	}
	return nil
}

func checkAccept(request, answer *head) error {
	accept, err := answer.one("Sec-WebSocket-Accept")
	if err != nil {
		return err
	}
	key, err := request.one("Sec-WebSocket-Key")
	if err == nil && accept != acceptFor(key) {
		err = fmt.Errorf("Sec-WebSocket-Accept: %s; to the key belongs %s", accept, acceptFor(key))
	}
	return err
}

func checkNoContent(_, answer *head) error {
	for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
		if answer.values(name) != nil {
			return fmt.Errorf("a %s in a 101", name)
		}
	}
	return nil
}

// checkSubprotocol: at most one, and one of those that were offered.
func checkSubprotocol(request, answer *head) error {
	chosen := answer.values("Sec-WebSocket-Protocol")
	if chosen == nil {
		return nil
	}
	if len(chosen) > 1 {
		return errors.New("two fields Sec-WebSocket-Protocol")
	}
	for _, offered := range request.values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(offered, ",") {
			if strings.Trim(name, " \t") == chosen[0] && isToken(chosen[0]) {
				return nil
			}
		}
	}
	return fmt.Errorf("Sec-WebSocket-Protocol: %s was not offered", chosen[0])
}

func checkNoExtension(_, answer *head) error {
	if all := answer.values("Sec-WebSocket-Extensions"); all != nil {
		return fmt.Errorf("Sec-WebSocket-Extensions: %s was not offered", strings.Join(all, ", "))
	}
	return nil
}
