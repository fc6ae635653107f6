package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// webApp serves the built web app from memory: every file is read, hashed and
// compressed once, at start.
type webApp struct {
	files map[string]*webFile
}

type webFile struct {
	plain   []byte
	zipped  []byte // nil when it would not be smaller
	kind    string // content type
	etag    string
	forever bool // its name changes with its content
}

// hashed is the name of a file that Vite gave a content hash.
var hashed = regexp.MustCompile(`^assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$`)

// newWebApp reads the app; nil when there is none.
func newWebApp(files fs.FS) (*webApp, error) {
	if files == nil {
		return nil, nil
	}
	if _, err := fs.Stat(files, "index.html"); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a binary that was built without the web app
	}
	app := &webApp{files: make(map[string]*webFile)}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		app.files[name], err = newWebFile(name, b)
		return err
	})
	return app, err
}

func newWebFile(name string, b []byte) (*webFile, error) {
	f := &webFile{plain: b, etag: etagOf(b), forever: hashed.MatchString(name), kind: contentType(name)}
	if !compressible(f.kind) {
		return f, nil
	}
	var err error
	f.zipped, err = zip(b, gzip.BestCompression)
	return f, err
}

// zip compresses; nil when b is small or would not get smaller.
func zip(b []byte, level int) ([]byte, error) {
	if len(b) < 1024 {
		return nil, nil
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, level)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if zipped.Len() >= len(b) {
		return nil, nil
	}
	return zipped.Bytes(), nil
}

// zippedTag is the ETag of a body's compressed form, which is another than that
// of its plain one (RFC 9110, 8.8.3.3).
func zippedTag(etag string) string { return strings.TrimSuffix(etag, `"`) + `-gzip"` }

// contentType knows the app's kinds of file whatever the machine's tables say.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func compressible(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "application/json") ||
		strings.HasPrefix(kind, "application/manifest") || kind == "image/svg+xml"
}

// serve answers with a file, or with the app's page for a path that is one of
// the app's own routes. It is false for a file that is not there.
func (a *webApp) serve(w http.ResponseWriter, r *http.Request) bool {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	f, ok := a.files[name]
	if !ok {
		if strings.HasPrefix(name, "assets/") || path.Ext(name) != "" {
			return false
		}
		f = a.files["index.html"]
	}
	f.write(w, r)
	return true
}

func (f *webFile) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	body, etag := f.plain, f.etag
	if f.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body, etag = f.zipped, zippedTag(etag)
	}
	h.Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client's loss
	}
}

// acceptsGzip reads an Accept-Encoding.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" || name == "*" {
			return !strings.HasSuffix(strings.ReplaceAll(weight, " ", ""), "q=0")
		}
	}
	return false
}
