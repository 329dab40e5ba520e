// Package e2e tries the demo as its users do: the real program, on real ports,
// in real browsers, with nc and curl, and with WebSocket clients that others wrote;
// and the client of package channels with their servers. Its tests need Chromium,
// Firefox, Node.js with the packages in peers/, curl, nc, and Debian's
// python3-websockets and python3-autobahn, and fail without them; .ci/run installs
// them.
//
// It is a module of its own because chromedp is one of its dependencies.
package e2e
