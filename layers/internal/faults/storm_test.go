package faults_test

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/layers/internal/faults"
)

func TestExamine(t *testing.T) {
	tests := []struct {
		events        string
		refused       map[int]bool
		missing, gaps int
		says          string // "" for no error
	}{
		{events: "0 1 2"},
		{events: "0 gap 3 4", missing: 2, gaps: 1},
		{events: "0 3 4 gap", missing: 2, gaps: 1},
		{events: "0 3", refused: map[int]bool{1: true, 2: true}},
		{events: "0 gap 1 gap 2", gaps: 2},
		{events: "0 2", missing: 1, says: "message 1 is missing"},
		{events: "0 gap 1 3", missing: 1, gaps: 1, says: "message 2 is missing"},
		{events: "0 2", refused: map[int]bool{0: true}, missing: 1, says: "message 1 is missing"},
		{events: "0 1 1", says: "message 1 was delivered after message 1"},
		{events: "0 2 gap 1", missing: 1, gaps: 1, says: "message 1 was delivered after message 2"},
		{events: "0 x", says: `"x" was delivered`},
	}
	for _, test := range tests {
		missing, gaps, err := faults.Examine(strings.Fields(test.events), test.refused)
		if missing != test.missing || gaps != test.gaps {
			t.Errorf("%s: %d missing, %d gaps; want %d, %d", test.events, missing, gaps, test.missing, test.gaps)
		}
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want %q", test.events, err, test.says)
		}
	}
}
