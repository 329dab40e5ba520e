package channels

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// redirect returns where resp sends us. Another host is not given what was meant
// for this one.
func (d *dialer) redirect(from *url.URL, resp *http.Response) (*url.URL, error) {
	base := *from
	base.Scheme = httpScheme(from.Scheme)
	to, err := base.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, errors.New("malformed redirect")
	}
	switch to.Scheme {
	case "http":
		to.Scheme = "ws"
	case "https":
		to.Scheme = "wss"
	}
	if to, err = parseTarget(to.String()); err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	if from.Scheme == "wss" && to.Scheme == "ws" {
		return nil, errors.New("redirect from wss to ws")
	}
	if address(to) != address(from) {
		d.header = nil
		if d.tls != nil {
			// A certificate is a credential, too, and the name was the first host's.
			d.tls = d.tls.Clone()
			d.tls.Certificates, d.tls.GetClientCertificate, d.tls.ServerName = nil, nil, ""
		}
	}
	return to, nil
}
