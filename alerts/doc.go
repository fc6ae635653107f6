// Package alerts judges what arrives against rules that are data, keeps the loop
// of issues (研判 → 交办 → 代办 → 反馈 → 销号), runs the cron jobs that find what is
// late, missing or silent, and tells people of every change.
//
// Whatever needs a person is an issue with a key: the same trouble is the same
// issue. An issue, its notices and the memory of the rule that opened it are
// written in one transaction, which the caller brings as a Tx; the Notifier sends
// what is queued, at least once.
package alerts
