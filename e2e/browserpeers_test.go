package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Browsers echo, close and chat as any page of the demo's own could: the page and
// its script are in peers/. Each reports what was wrong by itself, so that it takes
// nothing but the browser to drive it.
func TestBrowsersAsPeers(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, url string){
		"Chromium": openChromium,
		"Firefox":  openFirefox,
	} {
		t.Run(name, func(t *testing.T) {
			d := startDemo(t)
			terminal := dialChat(t, d)
			terminal.enter("alice", "alice-demo", "tea")
			page, reports := peerPage(t, d)
			open(t, page)
			select {
			case r := <-reports:
				t.Logf("%s took %.1f s", r.Agent, r.Took/1000)
				for _, failure := range r.Failures {
					t.Error(failure)
				}
			case <-time.After(6 * patience):
				t.Fatal("the page has not reported")
			}
			terminal.wantLine("bob: hello from ")
		})
	}
}

type browserReport struct {
	Agent    string
	Took     float64 // milliseconds
	Failures []string
}

// peerPage serves the page in front of the demo, so that it is one of the demo's
// own: what is not under /peer/ goes to the demo as it is.
func peerPage(t *testing.T, d *demo) (page string, reports <-chan browserReport) {
	demo, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan browserReport, 1)
	mux := http.NewServeMux()
	mux.Handle("GET /peer/", http.StripPrefix("/peer/", http.FileServer(http.Dir("peers"))))
	mux.HandleFunc("POST /peer/report", func(w http.ResponseWriter, r *http.Request) {
		var report browserReport
		if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
			report.Failures = []string{"the report: " + err.Error()}
		}
		received <- report
	})
	mux.Handle("/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(demo)
		r.Out.Host = r.In.Host // or the page's origin would be another site's
	}})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/peer/browser.html", received
}

// firefoxSettings keep Firefox from asking the network for anything but the page.
const firefoxSettings = `
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.safebrowsing.provider.google4.updateURL", "");
user_pref("browser.safebrowsing.provider.mozilla.updateURL", "");
user_pref("browser.search.update", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.systemAddon.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("media.gmp-manager.updateEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.prefetch-next", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.unified", false);
`

// openFirefox opens a page in a Firefox of its own.
func openFirefox(t *testing.T, url string) {
	profile := t.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxSettings), 0o600); err != nil {
		t.Fatal(err)
	}
	startBrowser(t, profile, "firefox-esr", "--headless", "--no-remote", "--profile", profile, url)
}

// openChromium opens a page in a Chromium of its own: the one that the other tests
// share does not always answer any more after the megabytes of this one.
func openChromium(t *testing.T, url string) {
	profile := t.TempDir()
	startBrowser(t, profile, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+profile, url)
}

// startBrowser starts a browser, which is ended with the test.
func startBrowser(t *testing.T, home, name string, args ...string) {
	log := &recorder{}
	b := exec.Command(name, args...)
	b.Env = append(os.Environ(), "HOME="+home)
	b.Stdout, b.Stderr = log, log
	b.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it starts others
	b.WaitDelay = patience
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-b.Process.Pid, syscall.SIGKILL)
		b.Wait()
		if t.Failed() {
			t.Logf("%s says:\n%s", name, strings.TrimSpace(log.String()))
		}
	})
}
