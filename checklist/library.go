package checklist

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

//go:embed forms/*.json jgj59-summary.json
var files embed.FS

// Library is a set of forms by id, with every version of each.
type Library struct {
	forms  map[string][]Form // versions rising
	scheme Scheme
}

// Embedded reads the forms that come with Topout.
func Embedded() (*Library, error) {
	names, err := fs.Glob(files, "forms/*.json")
	if err != nil {
		return nil, err
	}
	lib := &Library{forms: make(map[string][]Form, len(names))}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		form, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		lib.forms[form.ID] = append(lib.forms[form.ID], form)
	}
	for id, versions := range lib.forms {
		slices.SortFunc(versions, func(a, b Form) int { return cmp.Compare(a.Version, b.Version) })
		for i := 1; i < len(versions); i++ {
			if versions[i].Version == versions[i-1].Version {
				return nil, fmt.Errorf("form %s: version %d stands twice", id, versions[i].Version)
			}
		}
	}
	data, err := files.ReadFile("jgj59-summary.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &lib.scheme); err != nil {
		return nil, fmt.Errorf("jgj59-summary.json: %w", err)
	}
	return lib, nil
}

// Form is the newest version of a form.
func (l *Library) Form(id string) (Form, bool) {
	versions := l.forms[id]
	if len(versions) == 0 {
		return Form{}, false
	}
	return versions[len(versions)-1], true
}

// Version is one version of a form, so that an old check can be read by the
// form that it was made with.
func (l *Library) Version(id string, version int) (Form, bool) {
	for _, f := range l.forms[id] {
		if f.Version == version {
			return f, true
		}
	}
	return Form{}, false
}

// Forms lists the newest version of each form: the site's daily forms first, in
// order of their ids, then the tables of JGJ 59 in the order of the standard.
func (l *Library) Forms() []Form {
	all := make([]Form, 0, len(l.forms))
	for _, id := range slices.SortedFunc(maps.Keys(l.forms), compareIDs) {
		all = append(all, l.forms[id][len(l.forms[id])-1])
	}
	return all
}

// JGJ59 is the summary table of JGJ 59-2011, appendix A.
func (l *Library) JGJ59() Scheme { return l.scheme }

// compareIDs orders jgj59-b2 before jgj59-b10, and both after all others.
func compareIDs(a, b string) int {
	na, nb := tableNumber(a), tableNumber(b)
	if na != nb {
		return cmp.Compare(na, nb)
	}
	return cmp.Compare(a, b)
}

func tableNumber(id string) int {
	var n int
	if _, err := fmt.Sscanf(id, "jgj59-b%d", &n); err != nil {
		return 0
	}
	return n
}
