package auth

import (
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/channels/sessions"
)

// keyLogin is the key of the login in a session. It is one key, so that no two logins
// that happen at the same time can be mixed.
const keyLogin = "auth.login"

// A keptLogin is what a session keeps of a login. Its text is its fields with spaces
// between them, the ID last, which may hold some: "1700000000000 STAMP main.accounts 42".
type keptLogin struct {
	since   moment
	stamp   string // "-" in the text if it is empty
	backend string
	id      string
}

func (k keptLogin) String() string {
	stamp := k.stamp
	if stamp == "" {
		stamp = "-"
	}
	return strconv.FormatInt(int64(k.since), 10) + " " + stamp + " " + k.backend + " " + k.id
}

// readLogin returns the login that a session keeps, if there is one.
func readLogin(s *sessions.Session) (k keptLogin, ok bool) {
	text, ok := sessions.Get[string](s, keyLogin)
	if !ok {
		return k, false
	}
	since, text, ok1 := strings.Cut(text, " ")
	stamp, text, ok2 := strings.Cut(text, " ")
	backend, id, ok3 := strings.Cut(text, " ")
	millis, err := strconv.ParseInt(since, 10, 64)
	if !ok1 || !ok2 || !ok3 || err != nil || stamp == "" || backend == "" || id == "" {
		return k, false
	}
	if stamp == "-" {
		stamp = ""
	}
	return keptLogin{moment(millis), stamp, backend, id}, true
}

// write puts a login into a session.
func write[U Identity](s *sessions.Session, who *login[U]) error {
	return s.Set(keyLogin, keptLogin{who.since, who.stamp, who.backend.name, who.id}.String())
}
