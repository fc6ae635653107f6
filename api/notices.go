package api

import (
	"context"
	"net/http"
	"time"

	"topout/site"
)

func (s *Server) addNotices() {
	const tag = "notices"
	add(s, operation{
		method: http.MethodPost, path: "/notices/test", id: "test-notices", summary: "Send a test notice on every channel", tag: tag, action: site.ActAccounts,
	}, s.testNotices)
	add(s, operation{
		method: http.MethodGet, path: "/notices/status", id: "notice-status", summary: "What waits to be sent, and what last failed", tag: tag, action: site.ActAccounts,
	}, s.noticeStatus)
}

type channelView struct {
	Channel string `json:"channel"`
	OK      bool   `json:"ok"`
	Error   string `json:"error" doc:"in the caller's language; empty when it went out"`
}

func (s *Server) testNotices(ctx context.Context, c *caller, _ *nothing) (*found[list[channelView]], error) {
	tests, err := s.notices.Test(ctx, c.person)
	if err != nil {
		return nil, err
	}
	return listOf(tests, "", func(t ChannelTest) channelView {
		if t.Err == nil {
			return channelView{Channel: t.Channel, OK: true}
		}
		return channelView{Channel: t.Channel, Error: s.say(ctx, t.Err.Code, t.Err.Params)}
	}), nil
}

type noticeStatusView struct {
	Pending  int           `json:"pending"`
	Failures []failureView `json:"failures"`
}

type failureView struct {
	Channel string    `json:"channel"`
	At      time.Time `json:"at"`
	Error   string    `json:"error"`
}

func (s *Server) noticeStatus(ctx context.Context, _ *caller, _ *nothing) (*found[noticeStatusView], error) {
	status, err := s.notices.Status(ctx)
	if err != nil {
		return nil, err
	}
	v := noticeStatusView{Pending: status.Pending, Failures: []failureView{}}
	for _, f := range status.Failures {
		v.Failures = append(v.Failures, failureView{f.Channel, at(f.At), f.Error})
	}
	return &found[noticeStatusView]{v}, nil
}
