package memnet_test

import (
	"testing"

	"github.com/sluicehq/sluice/channels/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
