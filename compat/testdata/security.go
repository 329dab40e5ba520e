package doc

import (
	"net"
	"net/http"
)

var (
	handler http.Handler
	l       net.Listener
)
