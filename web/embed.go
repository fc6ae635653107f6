// Package web holds the built web app, so that the binary needs no files beside it.
package web

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed placeholder/index.html
var placeholder embed.FS

// FS is the root of the web app's files with index.html at its top. A binary
// that was built without the web app gives a page that says how to build it.
func FS() (fs.FS, error) {
	_, err := fs.Stat(dist, "dist/index.html")
	switch {
	case err == nil:
		return sub(dist, "dist")
	case errors.Is(err, fs.ErrNotExist):
		return sub(placeholder, "placeholder")
	default:
		return nil, fmt.Errorf("web app: %w", err)
	}
}

func sub(files fs.FS, dir string) (fs.FS, error) {
	root, err := fs.Sub(files, dir)
	if err != nil {
		return nil, fmt.Errorf("web app: %w", err)
	}
	return root, nil
}
