module github.com/sluicehq/sluice/layers/redis

go 1.26.0

require (
	github.com/redis/rueidis v1.0.79
	github.com/sluicehq/sluice v0.0.0-00010101000000-000000000000
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/sluicehq/sluice => ../..
