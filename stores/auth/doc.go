// Package auth proves package sqlauth on real databases: PostgreSQL, found as package
// stores says, and SQLite in a file. It has tests only.
package auth
