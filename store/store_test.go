package store

import (
	"path/filepath"
	"testing"
	"time"

	"topout/site"
)

// open opens a store in a new folder.
func open(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "topout.db"))
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	testStore(t, func(t testing.TB) *Store { return open(t) })
}

var noon = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// update runs fn in a writing transaction that must succeed.
func update(t testing.TB, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// read gives what fn reads, which must succeed.
func read[T any](t testing.TB, s *Store, fn func(*Tx) (T, error)) T {
	t.Helper()
	var v T
	if err := s.View(t.Context(), func(tx *Tx) (err error) {
		v, err = fn(tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return v
}

// wantError holds err to a kind and a code.
func wantError(t testing.TB, err error, kind site.Kind, code string) {
	t.Helper()
	e := site.AsError(err)
	if e == nil || e.Kind != kind || e.Code != code {
		t.Errorf("error %v, want kind %d, code %s", err, kind, code)
	}
}

// school is a project with people and a device, to refer to.
func school(t testing.TB, s *Store) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		if err := tx.CreateProject(site.Project{ID: "wenyuan", Name: "文源学校", Zone: "Asia/Shanghai", CreatedAt: noon}); err != nil {
			return err
		}
		if err := tx.CreateProject(site.Project{ID: "plant", Name: "标准厂房", Zone: "Asia/Shanghai", CreatedAt: noon}); err != nil {
			return err
		}
		if err := tx.CreatePerson(site.Person{Login: "li", Name: "李工", CreatedAt: noon, Roles: map[string]site.Role{"wenyuan": site.RoleSupervisor}}, "hash"); err != nil {
			return err
		}
		return tx.CreateDevice(site.Device{ID: "crane-1", Project: "wenyuan", Kind: "tower_crane", CreatedAt: noon}, []byte("secret"))
	})
}
