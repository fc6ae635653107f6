package store

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"strconv"

	"github.com/pressly/goose/v3"

	"topout/site"
)

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// migrate brings the tables of the file at path up to this version.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return site.Errorf(site.Unavailable, "store.newer_version", "",
			"path", path, "version", strconv.FormatInt(current, 10), "known", strconv.FormatInt(target, 10))
	}
	if current == target {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		// Another process may have done it in the meantime: then its tables are there.
		if now, _, err2 := p.GetVersions(ctx); err2 == nil && now == target {
			return nil
		}
		return err
	}
	return nil
}
