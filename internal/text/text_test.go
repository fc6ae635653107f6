package text

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var place = regexp.MustCompile(`\{\{\s*\.(\w+)\s*\}\}`)

// TestBothLanguagesAreComplete holds every entry to both languages, with the same parameters.
func TestBothLanguagesAreComplete(t *testing.T) {
	names, err := fs.Glob(files, "catalogue/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no catalogue: %v", err)
	}
	said := map[string]map[string][]string{"en": {}, "zh-CN": {}}
	for _, name := range names {
		parts := strings.Split(strings.TrimPrefix(name, "catalogue/"), ".")
		if len(parts) != 3 || said[parts[1]] == nil {
			t.Fatalf("%s is not AREA.LANG.json", name)
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		var entries map[string]json.RawMessage
		if err := json.Unmarshal(b, &entries); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for code, raw := range entries {
			if _, twice := said[parts[1]][code]; twice {
				t.Errorf("%s: %s stands in two files", name, code)
			}
			var params []string
			for _, m := range place.FindAllStringSubmatch(string(raw), -1) {
				if !slices.Contains(params, m[1]) {
					params = append(params, m[1])
				}
			}
			slices.Sort(params)
			said[parts[1]][code] = params
		}
	}
	for code, params := range said["en"] {
		zh, ok := said["zh-CN"][code]
		if !ok {
			t.Errorf("%s has no Chinese", code)
		} else if !slices.Equal(zh, params) {
			t.Errorf("%s: parameters %v in en, %v in zh-CN", code, params, zh)
		}
	}
	for code := range said["zh-CN"] {
		if _, ok := said["en"][code]; !ok {
			t.Errorf("%s has no English", code)
		}
	}
}

func TestSay(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Say(English, "error.not_found", nil); got != "There is nothing here by that name." {
		t.Errorf("English: %q", got)
	}
	if got := c.Say(c.Match("zh"), "error.not_found", nil); got != "没有这个名称的记录。" {
		t.Errorf("Chinese: %q", got)
	}
	for header, want := range map[string]Lang{"": Chinese, "en-GB,en;q=0.9": English, "zh-TW": Chinese, "fr": Chinese, "%%": Chinese} {
		if got := c.Match(header); got != want {
			t.Errorf("Match(%q) = %s, want %s", header, got, want)
		}
	}
}
