package sessions

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Cookie is the name and the attributes of a session's cookie, which is always
// HttpOnly. The zero value is the strictest: "__Host-session", Secure,
// SameSite=Lax, Path=/, and no Domain.
type Cookie struct {
	// Name is "__Host-session" when empty; "__Secure-session" with a Domain or
	// Path, "session" with InsecureHTTP. Browsers take a cookie named __Host-…
	// from this host alone, so that no other host of the domain can plant one.
	Name string

	// Domain makes the cookie readable, and replaceable, by every host below it.
	// Empty means this host alone.
	Domain string

	// Path is "/" when empty. It is no protection: pages of one host can read
	// each other's cookies, whatever the paths.
	Path string

	// SameSite is Lax when 0. None lets other sites embed this one, and send
	// requests with the cookie.
	SameSite http.SameSite

	// Partitioned keeps one cookie for every site that embeds this one (CHIPS).
	Partitioned bool

	// InsecureHTTP leaves Secure away, so that the cookie also travels over
	// plain http, where anybody on the way can read and replace it. It is not
	// needed on localhost: see the package's documentation.
	InsecureHTTP bool
}

// maxCookie is what browsers promise to keep of one cookie, name and attributes
// included (RFC 6265, Section 6.1).
const maxCookie = 4096

// A cookieLine writes Set-Cookie lines of one cookie.
type cookieLine struct {
	name       string
	attributes string // "; Path=/; HttpOnly; …"
}

// set returns the line that sets the cookie: for maxAge seconds, or, when that is
// 0, until the browser is closed.
func (c *cookieLine) set(value string, maxAge int64) (string, error) {
	age := ""
	if maxAge > 0 {
		age = "; Max-Age=" + strconv.FormatInt(maxAge, 10)
	}
	if n := len(c.name) + 1 + len(value) + len(age) + len(c.attributes); n > maxCookie {
		return "", fmt.Errorf("%w: the cookie has %d bytes of at most %d: store less, or set Manager.Store", ErrTooLarge, n, maxCookie)
	}
	return c.name + "=" + value + age + c.attributes, nil
}

// expire returns the line that makes the browser forget the cookie.
func (c *cookieLine) expire() string {
	return c.name + "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT" + c.attributes
}

// line fills in the defaults and checks what browsers would only ignore silently.
func (c Cookie) line() (cookieLine, error) {
	path := c.Path
	if path == "" {
		path = "/"
	}
	name := c.name()
	if err := c.check(name, path); err != nil {
		return cookieLine{}, err
	}
	var b strings.Builder
	b.WriteString("; Path=" + path)
	if c.Domain != "" {
		b.WriteString("; Domain=" + c.Domain)
	}
	b.WriteString("; HttpOnly")
	if !c.InsecureHTTP {
		b.WriteString("; Secure")
	}
	switch c.SameSite {
	case http.SameSiteNoneMode:
		b.WriteString("; SameSite=None")
	case http.SameSiteStrictMode:
		b.WriteString("; SameSite=Strict")
	default:
		b.WriteString("; SameSite=Lax")
	}
	if c.Partitioned {
		b.WriteString("; Partitioned")
	}
	return cookieLine{name, b.String()}, nil
}

func (c Cookie) name() string {
	switch {
	case c.Name != "":
		return c.Name
	case c.InsecureHTTP:
		return "session"
	case c.Domain != "", c.Path != "" && c.Path != "/":
		return "__Secure-session"
	}
	return "__Host-session"
}

// check enforces the rules of draft-ietf-httpbis-rfc6265bis, Section 4.1.3 (name
// prefixes) and of the attributes.
func (c Cookie) check(name, path string) error {
	if !isToken(name) {
		return fmt.Errorf("sessions: Cookie.Name %q: use letters, digits, - and _ only", name)
	}
	prefix, wants := securePrefix(name)
	switch {
	case prefix != "" && !strings.HasPrefix(name, prefix):
		return fmt.Errorf("sessions: Cookie.Name %q: browsers take it for %s: write it so", name, prefix)
	case prefix != "" && c.InsecureHTTP:
		return fmt.Errorf("sessions: Cookie.Name %q needs a Secure cookie: clear InsecureHTTP, or take a name without %s", name, prefix)
	case wants && c.Domain != "":
		return fmt.Errorf("sessions: Cookie.Name %q allows no Domain: clear Domain, or take the prefix __Secure-", name)
	case wants && path != "/":
		return fmt.Errorf("sessions: Cookie.Name %q needs Path \"/\": clear Path, or take the prefix __Secure-", name)
	case c.SameSite < 0 || c.SameSite > http.SameSiteNoneMode:
		return fmt.Errorf("sessions: Cookie.SameSite %d is none of the constants of net/http", c.SameSite)
	case c.SameSite == http.SameSiteNoneMode && c.InsecureHTTP:
		return errors.New("sessions: Cookie.SameSite None needs a Secure cookie: clear InsecureHTTP")
	case c.Partitioned && c.InsecureHTTP:
		return errors.New("sessions: Cookie.Partitioned needs a Secure cookie: clear InsecureHTTP")
	case !isPath(path):
		return fmt.Errorf("sessions: Cookie.Path %q: begin it with / and use printable ASCII without ;", path)
	case c.Domain != "" && !isDomain(c.Domain):
		return fmt.Errorf("sessions: Cookie.Domain %q: write a host name such as example.com", c.Domain)
	}
	return nil
}

// securePrefix returns the prefix that browsers see in a name, without regard to
// case, and whether it ties the cookie to one host.
func securePrefix(name string) (prefix string, hostOnly bool) {
	for _, p := range []string{"__Host-Http-", "__Host-", "__Http-", "__Secure-"} {
		if len(name) >= len(p) && strings.EqualFold(name[:len(p)], p) {
			return p, strings.HasPrefix(p, "__Host-")
		}
	}
	return "", false
}

// isToken reports whether s is a token (RFC 9110, Section 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func isPath(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f || c == ';' {
			return false
		}
	}
	return s[0] == '/'
}

// isDomain takes host names only: browsers ignore a cookie whose Domain is an
// address, and one without a dot is a public suffix.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 253 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != ""
}
