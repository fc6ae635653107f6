package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"topout/series"
	"topout/store"
)

// The files of a data folder that a backup holds.
const (
	recordsFile = "topout.db"
	seriesFile  = "series.db"
	journalDir  = "journal"
)

// Backup copies the records and the embedded series into an empty or new folder,
// each as of one instant, while a server may be running. It gives the names of
// the files.
func Backup(ctx context.Context, s Settings, dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(s.Data, recordsFile)); err != nil {
		return nil, &Hint{What: fmt.Sprintf("%s holds no records", s.Data), Do: "Set TOPOUT_DATA to the folder of the server.", Err: err}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, &Hint{What: fmt.Sprintf("%s cannot be made", dir), Do: "Choose another folder.", Err: err}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return nil, &Hint{What: fmt.Sprintf("%s is not empty", dir), Do: "Choose a new folder for each backup.", Err: err}
	}
	records, err := store.Open(ctx, store.Options{Path: filepath.Join(s.Data, recordsFile)})
	if err != nil {
		return nil, err
	}
	defer records.Close()
	if err := records.Backup(ctx, filepath.Join(dir, recordsFile)); err != nil {
		return nil, err
	}
	files := []string{recordsFile}
	if _, err := os.Stat(filepath.Join(s.Data, seriesFile)); err == nil {
		points, err := series.OpenEmbedded(ctx, filepath.Join(s.Data, seriesFile), series.EmbeddedOptions{})
		if err != nil {
			return nil, err
		}
		defer points.Close()
		if err := points.Backup(ctx, filepath.Join(dir, seriesFile)); err != nil {
			return nil, err
		}
		files = append(files, seriesFile)
	}
	return files, nil
}

// Restore copies a backup into a data folder that has no records, and gives the
// names of the files. No server may run on the folder.
func Restore(s Settings, dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, recordsFile)); err != nil {
		return nil, &Hint{What: fmt.Sprintf("%s is no backup", dir), Do: "Name a folder that topout backup made.", Err: err}
	}
	lock, err := lockFolder(s.Data)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	for _, name := range []string{recordsFile, seriesFile, journalDir} {
		if _, err := os.Stat(filepath.Join(s.Data, name)); err == nil {
			return nil, &Hint{What: fmt.Sprintf("%s is in use: it has %s", s.Data, name), Do: "Restore into an empty folder; nothing was changed."}
		}
	}
	var files []string
	for _, name := range []string{recordsFile, seriesFile} {
		switch err := copyFile(filepath.Join(dir, name), filepath.Join(s.Data, name)); {
		case os.IsNotExist(err):
		case err != nil:
			return nil, fmt.Errorf("restore %s: %w", name, err)
		default:
			files = append(files, name)
		}
	}
	return files, nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}
