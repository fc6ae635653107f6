package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"topout/internal/text"
	"topout/site"
)

// countTo names the environment of the child process that [TestKilledProcess] kills.
const countTo = "TOPOUT_TEST_COUNT_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(countTo); path != "" {
		if err := count(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// count commits 1, 2, 3 … and prints each when it is committed, until stdin ends.
func count(path string) error {
	s, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		_, _ = os.Stdin.Read(make([]byte, 1))
	}()
	for n := 1; ; n++ {
		if err := s.Update(context.Background(), func(tx *Tx) error { return tx.SetCursor("count", uint64(n)) }); err != nil {
			return err
		}
		fmt.Println(n)
		select {
		case <-stop:
			return s.Close()
		default:
		}
	}
}

// startCounting starts a process that counts and waits until it has reached n.
func startCounting(t *testing.T, path string) (cmd *exec.Cmd, reach func(n int), stop func()) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), countTo+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	reach = func(n int) {
		t.Helper()
		for lines.Scan() {
			if got, err := strconv.Atoi(lines.Text()); err == nil && got >= n {
				return
			}
		}
		t.Fatalf("the process ended before it counted to %d", n)
	}
	return cmd, reach, func() {
		_ = stdin.Close()
		for lines.Scan() { // what it still says, so that it can end
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestKilledProcess: what a transaction has committed is there after SIGKILL.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topout.db")
	for i := range 5 {
		cmd, reach, _ := startCounting(t, path)
		n := 10 + 7*i
		reach(n)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		s := openAt(t, path)
		if got := read(t, s, func(tx *Tx) (uint64, error) { return tx.Cursor("count") }); got < uint64(n) {
			t.Errorf("%d was committed, %d is there", n, got)
		}
		var verdict string
		if err := s.writer.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("integrity: %s, %v", verdict, err)
		}
	}
}

// TestTwoProcesses: another process writes while this one does, and DataVersion tells.
func TestTwoProcesses(t *testing.T) {
	s := open(t)
	version := func() int64 {
		t.Helper()
		v, err := s.DataVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := version()
	update(t, s, func(tx *Tx) error { return tx.SetSetting("mine", "1") })
	if version() != before {
		t.Error("a write of our own changed DataVersion")
	}
	_, reach, stop := startCounting(t, s.path)
	for i := range 20 {
		reach(5 * (i + 1))
		update(t, s, func(tx *Tx) error { return tx.SetCursor("mine", uint64(i+1)) })
	}
	stop()
	if version() == before {
		t.Error("another process's writes did not change DataVersion")
	}
	before = version()
	other := openAt(t, s.path)
	if version() != before {
		t.Error("opening changed DataVersion")
	}
	update(t, other, func(tx *Tx) error { return tx.SetSetting("theirs", "1") })
	// Our own write in between must not hide it, and asking does not wait for it.
	var during int64
	update(t, s, func(tx *Tx) error {
		during = version()
		return tx.SetSetting("mine", "2")
	})
	if during == before || version() != during {
		t.Errorf("DataVersion was %d before another handle's write, then %d, then %d", before, during, version())
	}
	for stream, least := range map[string]uint64{"mine": 20, "count": 100} {
		if got := read(t, s, func(tx *Tx) (uint64, error) { return tx.Cursor(stream) }); got < least {
			t.Errorf("%s is at %d, want %d", stream, got, least)
		}
	}
}

// TestNewConnection: DataVersion changes when the writer's connection was replaced,
// for then nobody knows what was missed.
func TestNewConnection(t *testing.T) {
	s := open(t)
	before, err := s.DataVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.writer.SetMaxIdleConns(-1) // closes it
	s.writer.SetMaxIdleConns(1)
	after, err := s.DataVersion(t.Context())
	if err != nil || after == before {
		t.Errorf("DataVersion stayed %d, %v", after, err)
	}
	school(t, s) // statements are prepared anew
}

func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "topout.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), Options{Path: path})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = s.Close() })
		})
	}
	wg.Wait()
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestPathsWithSigns(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for i, path := range []string{filepath.Join(dir, "a b%20c?d#e&f=g 文源.db"), "relative%3F?x=1.db", "./x#y.db", "a:b.db", filepath.Join("数据", "topout.db")} {
		s := openAt(t, path)
		update(t, s, func(tx *Tx) error { return tx.SetCursor("i", uint64(i+1)) })
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: the records are elsewhere (%v)", path, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx *Tx) error {
		if err := tx.SetSetting("k", "v"); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update with a cancelled context: %v", err)
	}
	// Waiting for the writer ends with the context, too.
	update(t, s, func(*Tx) error {
		if err := s.Update(ctx, func(*Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting for the writer: %v", err)
		}
		return nil
	})
	if read(t, s, func(tx *Tx) (bool, error) { _, ok, err := tx.Setting("k"); return ok, err }) {
		t.Error("a cancelled transaction left something behind")
	}
}

// TestRefusedFiles: a file that cannot be used is named, with what to do.
func TestRefusedFiles(t *testing.T) {
	says, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for code, prepare := range map[string]func(path string) error{
		"store.newer_version": func(path string) error {
			s, err := Open(t.Context(), Options{Path: path})
			if err != nil {
				return err
			}
			_, err = s.writer.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
			return errors.Join(err, s.Close())
		},
		"store.damaged": func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("this is not a database\n", 500)), 0o600)
		},
		"store.not_writable": func(path string) error { return os.Mkdir(path, 0o700) },
		"store.disk_error":   func(path string) error { return os.Mkdir(path+"-wal", 0o700) },
	} {
		path := filepath.Join(dir, code+".db")
		if err := prepare(path); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{Path: path})
		if err == nil {
			t.Errorf("%s: opened", code)
			_ = s.Close()
			continue
		}
		wantError(t, err, site.Unavailable, code)
		e := site.AsError(err)
		if e == nil {
			continue
		}
		for _, lang := range []text.Lang{text.Chinese, text.English} {
			if said := says.Say(lang, e.Code, e.Params); !strings.Contains(said, path) || strings.Contains(said, "no value") {
				t.Errorf("%s: %s", code, said)
			}
		}
	}
}

func TestDamagedLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topout.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	school(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096 * 2; i < len(b); i++ {
		b[i] = 0xa5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), Options{Path: path})
	if err == nil {
		err = s.View(t.Context(), func(tx *Tx) error {
			_, err := tx.Projects()
			_, err2 := tx.People()
			return errors.Join(err, err2)
		})
		_ = s.Close()
	}
	wantError(t, err, site.Unavailable, "store.damaged")
}

func TestBackup(t *testing.T) {
	s := open(t)
	school(t, s)
	path := filepath.Join(t.TempDir(), "备份 1.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Backup(t.Context(), path), site.Conflict, "store.backup_exists")
	update(t, s, func(tx *Tx) error { return tx.SetSetting("later", "1") })
	copied := openAt(t, path)
	same(t, "projects", read(t, copied, (*Tx).Projects), read(t, s, (*Tx).Projects))
	if read(t, copied, func(tx *Tx) (bool, error) { _, ok, err := tx.Setting("later"); return ok, err }) {
		t.Error("the copy changes with the original")
	}
	if err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "none", "x.db")); err == nil {
		t.Error("a backup into a folder that is not there")
	}
}

func TestRefusedPageIsBounded(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		for range 20 {
			if _, err := tx.Refuse(site.Refused{T: noon, Device: "d", Payload: make([]byte, 1<<20)}); err != nil {
				return err
			}
		}
		return nil
	})
	seen, pages, cursor := map[string]bool{}, 0, ""
	for {
		var list []site.Refused
		if err := s.View(t.Context(), func(tx *Tx) (err error) {
			list, cursor, err = tx.RefusedPage(site.RefusedQuery{Cursor: cursor})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			seen[r.ID] = true
		}
		pages++
		if cursor == "" {
			break
		}
	}
	if len(seen) != 20 || pages != 3 {
		t.Errorf("%d messages on %d pages", len(seen), pages)
	}
}

func TestTidy(t *testing.T) {
	s := open(t)
	school(t, s)
	update(t, s, func(tx *Tx) error {
		_, err := tx.AddChange(site.Change{At: noon.Add(-8 * 24 * time.Hour)})
		_, err2 := tx.AddChange(site.Change{At: noon})
		_, err3 := tx.Refuse(site.Refused{T: noon.Add(-time.Hour)})
		_, err4 := tx.Refuse(site.Refused{T: noon})
		return errors.Join(err, err2, err3, err4,
			tx.SaveSession(site.Session{Hash: [32]byte{1}, Login: "li", Expires: noon}), tx.SaveSession(site.Session{Hash: [32]byte{2}, Login: "li", Expires: noon.Add(1e9)}),
			tx.AddLoginFailure("li", noon.Add(-25*time.Hour)), tx.AddLoginFailure("li", noon))
	})
	update(t, s, func(tx *Tx) error {
		n, err := tx.PruneRefused(noon)
		same(t, "refused messages removed", n, 1)
		return errors.Join(err, tx.Tidy(noon))
	})
	if err := s.View(t.Context(), func(tx *Tx) error {
		changes, err := tx.ChangesAfter(0, 10)
		same(t, "changes", len(changes), 1)
		failures, err2 := tx.LoginFailures("li", time.Time{})
		same(t, "failures", failures, 1)
		_, err3 := tx.SessionByHash([32]byte{2})
		_, err4 := tx.SessionByHash([32]byte{1})
		wantError(t, err4, site.NotFound, "store.unknown_session")
		return errors.Join(err, err2, err3)
	}); err != nil {
		t.Fatal(err)
	}
}

// TestEachErrorHasItsText: the codes in the source and in the catalogue are the
// same, and each text gets the parameters that it names.
func TestEachErrorHasItsText(t *testing.T) {
	says, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`^"store\.[a-z0-9_]+"$`)
	n := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		literal := func(e ast.Expr) string {
			if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
				return l.Value
			}
			return ""
		}
		check := func(quoted string, params map[string]string) {
			n++
			for _, lang := range []text.Lang{text.Chinese, text.English} {
				c := strings.Trim(quoted, `"`)
				if said := says.Say(lang, c, params); said == c || strings.Contains(said, "<no value>") {
					t.Errorf("%s: %s in %s says %q", name, c, lang, said)
				}
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch x := node.(type) {
			case *ast.CallExpr:
				if f, ok := x.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Errorf" && len(x.Args) > 2 && literal(x.Args[1]) != "" {
					params := map[string]string{}
					for i := 3; i+1 < len(x.Args); i += 2 {
						params[strings.Trim(literal(x.Args[i]), `"`)] = "x"
					}
					check(literal(x.Args[1]), params)
					return false
				}
			case *ast.BasicLit: // in atPath
				if code.MatchString(x.Value) {
					check(x.Value, map[string]string{"path": "x"})
				}
			}
			return true
		})
	}
	if n < 20 {
		t.Errorf("only %d codes found", n)
	}
}

// TestDiskFull: nothing of a transaction that found no room is kept, and the
// next one goes on when there is room again.
func TestDiskFull(t *testing.T) {
	s := open(t)
	school(t, s)
	limit := func(pages int) {
		t.Helper()
		if _, err := s.writer.Exec("PRAGMA max_page_count = " + strconv.Itoa(pages)); err != nil {
			t.Fatal(err)
		}
	}
	refuse := func(tx *Tx) error {
		for range 4 {
			if _, err := tx.Refuse(site.Refused{T: noon, Payload: make([]byte, 1<<18)}); err != nil {
				return err
			}
		}
		return nil
	}
	count := func() int {
		return len(read(t, s, func(tx *Tx) ([]site.Refused, error) {
			list, _, err := tx.RefusedPage(site.RefusedQuery{})
			return list, err
		}))
	}
	limit(300)
	wantError(t, s.Update(t.Context(), refuse), site.Unavailable, "store.disk_full")
	same(t, "messages kept without room", count(), 0)
	limit(1 << 30)
	update(t, s, refuse)
	same(t, "messages kept with room", count(), 4)
}
