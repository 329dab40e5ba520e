// Package conformance runs the suites of package wstest against WebSocket
// libraries that others have written. What each of them does differently is listed
// by case in testdata, and a list that is too long or too short fails the test: the
// suites are held against reality, and readers see what to expect of whom. README.md
// has it in a table.
//
// Every library echoes with its own means, and is set to be as strict as it can be
// told to be. Messages are limited to 1 MiB and permessage-deflate is on.
package conformance
