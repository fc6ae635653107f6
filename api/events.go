package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"topout/site"
)

const routeEvents = base + "/events"

const (
	heartbeat   = 15 * time.Second
	writeBound  = 20 * time.Second // a client that takes nothing for so long is gone
	resumeBound = 5000             // changes told again after a break; more: the client reloads
)

func (s *Server) addEvents() {
	o := operation{
		method: http.MethodGet, path: "/events", id: "events", tag: "events", stream: true,
		summary: "Server-sent events: progress, check, issue, slip, plan, device", mayMiss: true,
	}
	add(s, o, s.events)
	s.huma.OpenAPI().Paths["/events"].Get.Responses["200"].Content = map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString, Description: "id: the change; event: its kind; data: {\"project\",\"ref\",\"at\"} and what the kind adds. A comment every 15 s."}},
	}
}

type eventsQuery struct {
	Project string `query:"project" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"only this project; absent: all that I may see"`
	Last    string `header:"Last-Event-ID" maxLength:"20" pattern:"^[0-9]*$" doc:"go on after this event"`
}

func (s *Server) events(ctx context.Context, c *caller, in *eventsQuery) (*huma.StreamResponse, error) {
	if in.Project != "" {
		if !c.person.Can(site.ActView, in.Project) {
			return nil, site.Errorf(site.NotFound, "api.no_project", "project")
		}
		err := s.records.View(ctx, func(tx Tx) error { _, err := tx.Project(in.Project); return err })
		if err != nil {
			return nil, err
		}
	}
	if err := s.feed.catchUp(ctx); err != nil {
		return nil, err
	}
	now := s.feed.state()
	st := &stream{s: s, c: c, project: in.Project, from: now.last, access: now.access}
	if last, err := strconv.ParseInt(in.Last, 10, 64); err == nil && last <= now.last {
		st.from = last
	}
	if now.last-st.from > resumeBound {
		st.from, st.reload = now.last, true
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		gc := humagin.Unwrap(hc)
		st.w, st.control = gc.Writer, http.NewResponseController(gc.Writer)
		h := gc.Writer.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no") // nginx
		gc.Writer.WriteHeader(http.StatusOK)
		s.metrics.streams.Inc()
		defer s.metrics.streams.Dec()
		if err := st.run(gc.Request.Context()); err != nil && gc.Request.Context().Err() == nil {
			s.log.DebugContext(gc.Request.Context(), "event stream ended", "error", err)
		}
	}}, nil
}

// stream is one client's events. It holds no changes of its own: it reads on
// from the feed at its own speed.
type stream struct {
	s       *Server
	c       *caller
	project string
	from    int64 // last change told
	access  int64 // of the feed, when the person's rights were last looked at
	reload  bool  // too much was missed: tell the client to load anew
	w       http.ResponseWriter
	control *http.ResponseController
}

func (st *stream) run(ctx context.Context) error {
	hello := "retry: 2000\n\n"
	if st.reload {
		hello += "event: reload\nid: " + strconv.FormatInt(st.from, 10) + "\ndata: {}\n\n"
	}
	if err := st.write([]byte(hello)); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		now := st.s.feed.state()
		if now.closed {
			return nil
		}
		if now.access != st.access {
			if ok, err := st.mayGoOn(ctx); !ok || err != nil {
				return err
			}
			st.access = now.access
		}
		if now.last > st.from {
			if err := st.tell(ctx); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-now.more:
		case <-beat.C:
			if ok, err := st.mayGoOn(ctx); !ok || err != nil { // also ends with its session
				return err
			}
			if err := st.write([]byte(": \n\n")); err != nil {
				return err
			}
		}
	}
}

// mayGoOn looks up the person anew: signed out, disabled or without the
// project's role, the stream ends.
func (st *stream) mayGoOn(ctx context.Context) (bool, error) {
	err := st.s.records.View(ctx, func(tx Tx) error { return st.s.again(tx, st.c) })
	if site.IsKind(err, site.Unauthenticated) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return st.project == "" || st.c.person.Can(site.ActView, st.project), nil
}

// again looks up an admitted caller once more.
func (s *Server) again(tx Tx, c *caller) error {
	if c.session.Login != "" {
		return s.bySession(tx, c.session.Hash, c)
	}
	kept, err := tx.TokenByHash(c.tokenHash)
	if err == nil {
		c.person, err = tx.Person(kept.Login)
	}
	if site.IsKind(err, site.NotFound) || err == nil && c.person.Disabled {
		return unauthenticated()
	}
	return err
}

// tell writes the changes that the person may see.
func (st *stream) tell(ctx context.Context) error {
	page, err := st.s.feed.after(ctx, st.from)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, c := range page {
		st.from = c.ID
		if c.Kind == site.ChangeAccess || st.project != "" && c.Project != st.project {
			continue
		}
		scope := c.Project
		if scope == "" {
			scope = site.AllProjects
		}
		if !st.c.person.Can(site.ActView, scope) || scope == site.AllProjects && !st.c.person.Can(site.ActRefused, scope) {
			continue
		}
		writeEvent(&b, c)
	}
	if len(page) == 0 {
		st.from = st.s.feed.state().last
	}
	if b.Len() == 0 {
		return nil
	}
	return st.write(b.Bytes())
}

// writeEvent writes one change: what every event tells, and what its kind adds.
func writeEvent(b *bytes.Buffer, c site.Change) {
	data := map[string]any{}
	if len(c.Data) > 0 && json.Unmarshal(c.Data, &data) != nil {
		data = map[string]any{}
	}
	data["project"], data["ref"], data["at"] = c.Project, c.Ref, at(c.At)
	text, err := json.Marshal(data)
	if err != nil {
		return
	}
	b.WriteString("id: " + strconv.FormatInt(c.ID, 10) + "\nevent: " + string(c.Kind) + "\ndata: ")
	b.Write(text)
	b.WriteString("\n\n")
}

func (st *stream) write(b []byte) error {
	// A writer without deadlines has no connection that could hang.
	_ = st.control.SetWriteDeadline(time.Now().Add(writeBound))
	if _, err := st.w.Write(b); err != nil {
		return err
	}
	return st.control.Flush()
}
