package alerts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"topout/alerts"
	"topout/internal/testserver"
	"topout/site"
	"topout/store"
)

// mailsTo waits for a number of mails and gives them by recipient.
func mailsTo(t testing.TB, mailpit *testserver.Mailbox, count int) map[string]testserver.Mail {
	t.Helper()
	var list []testserver.Mail
	eventually(t, fmt.Sprintf("%d mails", count), func() bool {
		var err error
		list, err = mailpit.Messages()
		if err != nil {
			t.Fatal(err)
		}
		return len(list) >= count
	})
	if len(list) != count {
		t.Fatalf("%d mails, want %d", len(list), count)
	}
	by := make(map[string]testserver.Mail)
	for _, m := range list {
		by[m.To[0].Address] = m
	}
	return by
}

func TestMail(t *testing.T) {
	w := newWorks(t)
	mailpit := testserver.Mailpit(t)
	n, _ := w.notifier(alerts.NotifierOptions{Mail: alerts.MailOptions{URL: "smtp://user:pass@" + mailpit.SMTP, From: "Topout <topout@example.com>"}})
	i, err := w.openByPerson("safety", alerts.NewIssue{Title: "临边无防护\r\nBcc: spy@example.com\r\n\r\n正文", Severity: site.Critical})
	w.must(err)
	n.Wake()
	mails := mailsTo(t, mailpit, 2)
	zh, en := mails["foreman@example.com"], mails["boss@example.com"]
	if want := "【文源学校】严重：临边无防护  Bcc: spy@example.com    正文"; zh.Subject != want {
		t.Errorf("subject %q, want %q", zh.Subject, want)
	}
	if !strings.HasPrefix(en.Subject, "[文源学校] Critical: 临边无防护") || !strings.Contains(en.Text, "Due: 2026-11-24 20:00") || !strings.Contains(en.Text, "https://topout.example/p/wenyuan/issues/"+i.ID) {
		t.Errorf("mail %+v", en)
	}
	for _, m := range mails {
		if len(m.To) != 1 || strings.Contains(m.To[0].Address, "spy") {
			t.Errorf("to %+v", m.To)
		}
	}
	if !strings.Contains(zh.Text, "期限：2026-11-24 20:00") || !strings.Contains(zh.Text, "状态：待研判") {
		t.Errorf("text:\n%s", zh.Text)
	}
}

// TestMailIsNoStorm holds that what comes at once goes out as one mail, and what
// follows at a pace.
func TestMailIsNoStorm(t *testing.T) {
	w := newWorks(t)
	mailpit := testserver.Mailpit(t)
	for d := range 12 {
		id := fmt.Sprintf("box-%d", d+10)
		w.update(func(tx *store.Tx) {
			w.must(tx.CreateDevice(site.Device{ID: id, Project: project, Kind: "distribution_box", CreatedAt: noon}, []byte("x")))
		})
		w.reading(id, "current", 1)
	}
	n, _ := w.notifier(alerts.NotifierOptions{Mail: alerts.MailOptions{URL: "smtp://" + mailpit.SMTP, From: "topout@example.com"}})
	w.clock.add(time.Hour)
	w.job(alerts.JobSilence)
	n.Wake()
	mails := mailsTo(t, mailpit, 2) // to the foreman and the safety officer
	zh := mails["foreman@example.com"]
	if zh.Subject != "【文源学校】12 条事项动态" || strings.Count(zh.Text, "- 【文源学校】警告：box-") != 12 || strings.Count(zh.Text, "https://topout.example/") != 12 {
		t.Errorf("mail %q:\n%s", zh.Subject, zh.Text)
	}
	eventually(t, "nothing waits", func() bool { return w.pending() == 0 })
	// A reading that swings all the time.
	for i := range 40 {
		w.clock.add(100 * time.Millisecond)
		w.reading("crane-1", "moment_percent", []float64{95, 50}[i%2])
		w.settled()
	}
	list, err := mailpit.Messages()
	w.must(err)
	if len(list) < 4 || len(list) > 2+2*5 {
		t.Errorf("%d mails about a swinging reading", len(list))
	}
	w.clock.add(time.Minute)
	eventually(t, "nothing waits", func() bool { return w.pending() == 0 })
	if list, err = mailpit.Messages(); err != nil || !strings.Contains(list[0].Subject, "条事项动态") {
		t.Errorf("the last mail is %q, %v", list[0].Subject, err)
	}
}

func TestMailServerAway(t *testing.T) {
	w := newWorks(t)
	mailpit := testserver.Mailpit(t)
	mailpit.Stop()
	n, _ := w.notifier(alerts.NotifierOptions{Mail: alerts.MailOptions{URL: "smtp://" + mailpit.SMTP, From: "topout@example.com"}})
	w.reading("crane-1", "moment_percent", 92)
	eventually(t, "a failed try", func() bool { return n.Status()[2].Error != nil })
	w.settled()
	mailpit.Start()
	w.clock.add(2 * time.Second)
	eventually(t, "nothing waits", func() bool { return w.pending() == 0 })
	list, err := mailpit.Messages()
	w.must(err)
	if len(list) != 2 || !strings.Contains(list[0].Text, "限值依据") {
		t.Errorf("mails %+v", list)
	}
}
