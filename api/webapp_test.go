package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
)

func TestWebApp(t *testing.T) {
	page, script := "<!doctype html><title>封顶</title>", strings.Repeat("export const x = 1;\n", 200)
	s := newSite(t, siteOptions{web: fstest.MapFS{
		"index.html":               {Data: []byte(page)},
		"favicon.svg":              {Data: []byte("<svg/>")},
		"assets/index-Ab3_x-9Q.js": {Data: []byte(script)},
		".gitkeep":                 {},
	}})
	plain := func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") }
	for _, path := range []string{"//", "//projects/wenyuan/timeline", "//index.html", "//a%20b"} {
		a := s.request("", "GET", path, nil, plain).want(200)
		if string(a.body) != page || a.header.Get("Cache-Control") != "no-cache" || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %s %v", path, a.body, a.header)
		}
	}
	asset := "//assets/index-Ab3_x-9Q.js"
	a := s.request("", "GET", asset, nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "br, gzip") }).want(200)
	if a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.header.Get("Content-Type") != "text/javascript; charset=utf-8" || a.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("asset: %v", a.header)
	}
	if got := must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(a.body))))); string(got) != script {
		t.Error("the asset is not what it was")
	}
	s.request("", "GET", asset, nil, plain, func(r *http.Request) {
		r.Header.Set("If-None-Match", s.request("", "GET", asset, nil, plain).header.Get("ETag"))
	}).want(304)
	if a := s.request("", "HEAD", "//projects", nil).want(200); len(a.body) != 0 {
		t.Error("HEAD has a body")
	}
	s.get("", "//assets/gone-12345678.js").problem(404, "api.no_such_path", "")
	s.get("", "//.gitkeep").problem(404, "api.no_such_path", "")
	s.get("", "//../../etc/passwd.txt").problem(404, "api.no_such_path", "")
	s.request("", "POST", "//projects", map[string]any{}).problem(405, "api.method_not_allowed", "")
	s.get("", "//api/v2/x").problem(404, "api.no_such_path", "")
}

func TestNoWebApp(t *testing.T) {
	s := newSite(t, siteOptions{web: fstest.MapFS{".gitkeep": {}}})
	s.get("", "//").problem(404, "api.no_such_path", "")
}
