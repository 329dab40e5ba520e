package wstest

import (
	"testing"

	"github.com/sluicehq/sluice/channels/internal/leak"
)

// Main runs the tests of a package and exits the process. When they have passed
// but goroutines are left 10 s later, it prints their stacks and exits with 1: a
// socket, a server or a layer was not closed.
//
//	func TestMain(m *testing.M) { wstest.Main(m) }
func Main(m *testing.M) { leak.Main(m) }
