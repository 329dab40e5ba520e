package groupbench

import (
	"fmt"
	"testing"
	"time"
)

// A meter reads processor times.
type meter struct {
	broker      int // the process's number, or 0
	self, other time.Duration
}

func (m *meter) start() { m.self, m.other = ownTime(), timeOf(m.broker) }

// report reports what has been used since start, for each of n things in an operation.
func (m *meter) report(b *testing.B, n int, thing string) {
	per := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / float64(b.N) / float64(n) }
	b.ReportMetric(per(ownTime()-m.self, n), fmt.Sprint("cpu-ns/", thing))
	if m.broker != 0 {
		b.ReportMetric(per(timeOf(m.broker)-m.other, 1), "broker-cpu-ns/op")
	}
}
