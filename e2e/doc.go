// Package e2e tries the demo as its users do: the real program, on real ports,
// in a real browser, with nc, and with WebSocket clients that others wrote. Its
// tests need Chromium, Node.js with the packages in peers/, nc, and Debian's
// python3-websockets and python3-autobahn, and fail without them; .ci/run
// installs them.
//
// It is a module of its own because chromedp is one of its dependencies.
package e2e
