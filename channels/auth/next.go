package auth

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NextParam is the parameter in which a login page is told where to go afterwards.
const NextParam = "next"

// maxNext is the longest address that is followed, in bytes.
const maxNext = 2048

// SafeNext returns next if it is an address within this site, a path with at most a
// query, and fallback otherwise. What any browser may take for another site is not:
// backslashes, control characters and double slashes, also escaped, "//host", a
// scheme, or more than 2,048 bytes.
func SafeNext(next, fallback string) string {
	if isLocal(next) {
		return next
	}
	return fallback
}

func isLocal(next string) bool {
	if next == "" || len(next) > maxNext || next[0] != '/' || !isPlain(next) {
		return false
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" {
		return false
	}
	// The path as a server behind a proxy may see it. An escaped character that is
	// no plain one has no business in it.
	return isPlain(u.Path) && u.Path[0] == '/' && path.Clean(u.Path)[0] == '/'
}

// isPlain reports whether no browser or proxy will read anything else in text.
func isPlain(text string) bool {
	if !utf8.ValidString(text) || strings.Contains(text, "//") || strings.Contains(text, `\`) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r)
	})
}

// Next returns where to go after a login: the form's first "next", or the query's if
// there is no form, or else fallback.
func Next(r *http.Request, fallback string) string {
	next := r.URL.Query().Get(NextParam)
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return fallback
		}
		if values := r.PostForm[NextParam]; len(values) > 0 {
			next = values[0]
		}
	}
	return SafeNext(next, fallback)
}

// RedirectNext redirects to what [Next] returns, with 303 (RFC 9110, Section 15.4.4): the
// browser makes a GET of it, where 307 would have it send the password again.
func RedirectNext(w http.ResponseWriter, r *http.Request, fallback string) {
	http.Redirect(w, r, Next(r, fallback), http.StatusSeeOther)
}

// LoginPage is a [Gate.Refuse] for a site with pages: whoever wants a page and is not logged
// in is sent to the one at address, which is told where to go afterwards. All else is
// answered by otherwise; a gate's Deny without a Refuse does if it is nil.
func LoginPage(address string, otherwise func(http.ResponseWriter, *http.Request, error)) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		page := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Upgrade") == ""
		if page && (errors.Is(err, ErrNobody) || errors.Is(err, ErrStale)) {
			target := address + "?" + url.Values{NextParam: {r.URL.RequestURI()}}.Encode()
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, target, http.StatusSeeOther)
			return
		}
		if otherwise != nil {
			otherwise(w, r, err)
			return
		}
		deny(w, err, nil)
	}
}
