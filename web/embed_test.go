package web_test

import (
	"io/fs"
	"strings"
	"testing"

	"topout/web"
)

func TestFSAlwaysHasAPage(t *testing.T) {
	root, err := web.FS()
	if err != nil {
		t.Fatal(err)
	}
	page, err := fs.ReadFile(root, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "Topout") {
		t.Errorf("index.html does not name the product: %.80q", page)
	}
}
