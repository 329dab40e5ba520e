module github.com/sluicehq/sluice/examples/jwt

go 1.26.0

replace github.com/sluicehq/sluice => ../..

require (
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/sluicehq/sluice v0.0.0-00010101000000-000000000000
)

require golang.org/x/net v0.62.0 // indirect
