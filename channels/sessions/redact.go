package sessions

import (
	"fmt"
	"io"
	"log/slog"
)

// Format prints the session's ID, whatever the verb: its values and its token are
// nobody's business in a log.
func (s *Session) Format(f fmt.State, _ rune) { io.WriteString(f, "Session("+s.ID()+")") }

// LogValue is the ID and whether it is new, for a log.
func (s *Session) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", s.ID()), slog.Bool("new", s.IsNew()))
}
