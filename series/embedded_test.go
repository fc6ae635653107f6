package series_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"topout/internal/testserver"
	"topout/series"
	"topout/site"
)

// TestSecondProcess uses the file from two processes at once, as the server and
// a command do: both write, and each sees what the other wrote.
func TestSecondProcess(t *testing.T) {
	const points = 300
	if path := os.Getenv("SERIES_TEST_FILE"); path != "" {
		s := openEmbedded(t, path)
		for i := range points {
			mustWrite(t, s, pm10("theirs", monday.Add(time.Duration(i)*time.Second), float64(i)))
		}
		if got := mustRaw(t, s, query("ours", time.Time{}, time.Time{}, 0)); len(got) == 0 {
			t.Error("the command sees nothing of the server")
		}
		return
	}
	path := filepath.Join(t.TempDir(), "series.db")
	s := openEmbedded(t, path)
	mustWrite(t, s, pm10("ours", monday, 0))
	cmd := exec.Command(os.Args[0], "-test.run=^TestSecondProcess$")
	cmd.Env = append(os.Environ(), "SERIES_TEST_FILE="+path)
	ended := make(chan error, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		ended <- err
	}()
	for i := range points {
		mustWrite(t, s, pm10("ours", monday.Add(time.Duration(i)*time.Second), float64(i)))
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{"ours", "theirs"} {
		got := mustWindows(t, s, query(device, monday, monday.Add(time.Hour), time.Hour))
		if len(got) != 1 || got[0].Count != points {
			t.Errorf("%s: %v", device, got)
		}
	}
}

// TestManyAtOnce writes and reads from many goroutines.
func TestManyAtOnce(t *testing.T) {
	s := openEmbedded(t, filepath.Join(t.TempDir(), "series.db"))
	var all sync.WaitGroup
	for g := range 6 {
		all.Go(func() {
			for i := range 30 {
				if g%2 == 0 {
					mustWrite(t, s, pm10("d", monday.Add(time.Duration(g*1000+i)*time.Second), 1), pm10("d"+strconv.Itoa(i), monday, 1))
					continue
				}
				mustRaw(t, s, query("d", time.Time{}, time.Time{}, 0))
				mustWindows(t, s, query("d", time.Time{}, time.Time{}, time.Hour))
			}
		})
	}
	all.Wait()
	if got := mustRaw(t, s, query("d", time.Time{}, time.Time{}, 0)); len(got) != 90 {
		t.Errorf("%d of 90", len(got))
	}
}

// TestReopen finds everything again, also by a path relative to the folder.
func TestReopen(t *testing.T) {
	t.Chdir(t.TempDir())
	path := filepath.Join("data", "series.db")
	s, err := series.OpenEmbedded(t.Context(), path, series.EmbeddedOptions{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, pm10("d", monday, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantRaw(t, openEmbedded(t, path), "d", site.Sample{T: monday, Value: 1})
}

func TestNewerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "series.db")
	s := openEmbedded(t, path)
	mustWrite(t, s, pm10("d", monday, 1))
	alter(t, path, "PRAGMA user_version = 9")
	_, err := series.OpenEmbedded(t.Context(), path, series.EmbeddedOptions{})
	wantCode(t, err, "series.newer_file")
	if _, err := series.OpenEmbedded(t.Context(), t.TempDir(), series.EmbeddedOptions{}); err == nil {
		t.Error("a folder was opened as a file")
	}
}

func alter(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// TestBackup copies the file while it is written to.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := openEmbedded(t, filepath.Join(dir, "series.db"))
	mustWrite(t, s, stream(monday, 6000)...)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				mustWrite(t, s, pm10("live", monday.Add(time.Duration(i)*time.Second), 1))
			}
		}
	})
	copied := filepath.Join(dir, "copy of 文件.db")
	err := s.Backup(t.Context(), copied)
	close(stop)
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	got := mustWindows(t, openEmbedded(t, copied), site.SeriesQuery{Project: "wenyuan", Device: "crane-1", Metric: "wind_speed", Every: 8760 * time.Hour})
	if len(got) != 1 || got[0].Count != 500 {
		t.Errorf("the copy has %v", got)
	}
	if err := s.Backup(t.Context(), copied); err == nil {
		t.Error("a file that was there is written over")
	}
}

// TestTooOld holds that a month whose raw readings are gone is closed, and that
// other measurements are not.
func TestTooOld(t *testing.T) {
	s := openEmbedded(t, filepath.Join(t.TempDir(), "series.db"))
	march := time.Date(2025, 3, 31, 23, 0, 0, 0, time.UTC)
	mustWrite(t, s, pm10("d", march, 1))
	if err := s.Prune(t.Context(), march); err != nil { // in the month: it stays
		t.Fatal(err)
	}
	wantRaw(t, s, "d", site.Sample{T: march, Value: 1})
	if err := s.Prune(t.Context(), march.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(t.Context(), march.AddDate(-1, 0, 0)); err != nil { // less than before: nothing opens again
		t.Fatal(err)
	}
	wantRaw(t, s, "d")
	progress := site.Point{Measurement: "progress", Tags: []site.Tag{{Key: "project", Value: "p"}, {Key: "task", Value: "t"}}, Fields: []site.Field{{Key: "percent", Value: 3.0}}, Time: march}
	refused, err := s.Write(t.Context(), []site.Point{pm10("d", march, 2), progress, pm10("d", march.Add(time.Hour), 3)})
	if err != nil || len(refused) != 1 || refused[0].Index != 0 {
		t.Fatal(refused, err)
	}
	wantCode(t, refused[0].Err, "series.too_old")
	got := mustWindows(t, s, query("d", march, march.Add(2*time.Hour), time.Hour))
	if len(got) != 2 || got[0].Max != 1 || got[1].Max != 3 {
		t.Errorf("windows: %v", got)
	}
	// Windows that are no multiple of an hour count a rolled-up hour where it starts.
	got = mustWindows(t, s, query("d", march.Add(-time.Hour), march.Add(3*time.Hour), 90*time.Minute))
	if len(got) != 2 || got[0].Count != 1 || got[1].Count != 1 {
		t.Errorf("windows of 90 minutes: %v", got)
	}
}

// TestLockedFile holds that a store that cannot write says so, loses nothing of
// what it had, and goes on when it can.
func TestLockedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "series.db")
	s := openEmbedded(t, path)
	mustWrite(t, s, pm10("d", monday, 1))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// Somebody holds the file's only write lock for good.
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = s.Write(ctx, []site.Point{pm10("d", monday.Add(time.Second), 2)})
	wantRetry(t, err, "series.file_unusable")
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	testserver.Eventually(t, 20*time.Second, "the write", func() error {
		_, err := s.Write(t.Context(), []site.Point{pm10("d", monday.Add(time.Second), 2)})
		return err
	})
	if got := mustRaw(t, s, query("d", time.Time{}, time.Time{}, 0)); len(got) != 2 {
		t.Error(got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "series.file_unusable") {
		t.Error("closed:", err)
	}
}
