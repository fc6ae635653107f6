package store

import (
	"time"

	"topout/site"
)

const noticeColumns = `SELECT id, project, issue, event, channel, target, payload, created_at, next_at, tries, sent_at, last_error FROM notices`

// QueueNotice keeps a notice to be sent; one with a known id changes nothing.
// A zero NextAt is due at once.
func (t *Tx) QueueNotice(n site.Notice) error {
	_, err := t.exec(`INSERT INTO notices (id, project, issue, event, channel, target, payload, created_at, next_at, tries, sent_at, last_error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
		n.ID, n.Project, n.Issue, n.Event, n.Channel, n.Target, n.Payload, ms(n.CreatedAt), ms(n.NextAt), n.Tries, optMs(n.SentAt), n.LastError)
	return err
}

// DueNotices gives the notices that are to be sent by now, the longest due first.
func (t *Tx) DueNotices(now time.Time, limit int) ([]site.Notice, error) {
	return all(t, scanNotice, noticeColumns+` WHERE sent_at IS NULL AND next_at <= $1 ORDER BY next_at, id LIMIT $2`, ms(now), limit)
}

// UpdateNotice notes the outcome of a try: when next, tries, sent, error.
func (t *Tx) UpdateNotice(n site.Notice) error {
	return t.change(site.Errorf(site.NotFound, "store.unknown_notice", "", "id", n.ID),
		`UPDATE notices SET next_at = $2, tries = $3, sent_at = $4, last_error = $5 WHERE id = $1`,
		n.ID, ms(n.NextAt), n.Tries, optMs(n.SentAt), n.LastError)
}

// NoticesOf gives the notices of an issue, oldest first.
func (t *Tx) NoticesOf(issue string) ([]site.Notice, error) {
	return all(t, scanNotice, noticeColumns+` WHERE issue = $1 ORDER BY created_at, id`, issue)
}

// PendingNotices counts the notices that are not sent yet.
func (t *Tx) PendingNotices() (int, error) {
	return single[int](t, `SELECT COUNT(*) FROM notices WHERE sent_at IS NULL`)
}

func scanNotice(row scanner, n *site.Notice) error {
	return row.Scan(&n.ID, &n.Project, &n.Issue, &n.Event, &n.Channel, &n.Target, &n.Payload,
		msTo{&n.CreatedAt}, msTo{&n.NextAt}, &n.Tries, msTo{&n.SentAt}, &n.LastError)
}
