// Package api is Topout's HTTP side: the JSON API of version 1 with its OpenAPI
// document, sign-in, rights, server-sent events, health, metrics and the web
// app's files. What it needs of the other parts it declares as small interfaces.
package api

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"topout/api/auth"
	"topout/checklist"
	"topout/internal/text"
)

// Options say what a Server works with. All interfaces are required.
type Options struct {
	Records    Records
	Inbox      Inbox
	Series     Series
	Issues     Issues
	Rules      Rules
	Notices    Notices
	Broker     Broker
	Jobs       Jobs
	Health     Health
	Checklists *checklist.Library
	Texts      *text.Catalogue

	Registry *prometheus.Registry // required: where the HTTP metrics go and /metrics is read from
	Web      fs.FS                // the built web app; nil: none is served
	Version  string               // of the program, for the OpenAPI document
	// SecureCookies says that clients come by HTTPS although the connection
	// here is plain, as behind a proxy.
	SecureCookies bool
	Timeout       time.Duration    // of one request; 0 is 30 s
	Rate          float64          // requests a second of one session; 0 is 200
	Now           func() time.Time // nil is time.Now
	Log           *slog.Logger     // nil is slog.Default
}

// Server answers HTTP. Make it with New, serve its Handler and Run it.
type Server struct {
	*explainer
	records    Records
	inbox      Inbox
	series     Series
	issues     Issues
	rules      Rules
	notices    Notices
	jobs       Jobs
	health     Health
	checklists *checklist.Library

	huma          huma.API
	problemSchema *huma.Schema
	passwords     *auth.Passwords
	rates         *rates
	feed          *feed
	outlooks      *outlooks
	metrics       *metrics
	handler       http.Handler
	secureCookies bool
	timeout       time.Duration
	clock         func() time.Time
	closing       sync.Once
}

// New builds the server; nothing runs yet.
func New(o Options) (*Server, error) {
	if o.Records == nil || o.Inbox == nil || o.Series == nil || o.Issues == nil || o.Rules == nil ||
		o.Notices == nil || o.Broker == nil || o.Jobs == nil || o.Health == nil || o.Checklists == nil || o.Texts == nil || o.Registry == nil {
		return nil, errors.New("api: a required option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Rate == 0 {
		o.Rate = 200
	}
	passwords, err := auth.NewPasswords(0)
	if err != nil {
		return nil, err
	}
	s := &Server{
		explainer: &explainer{texts: o.Texts, log: o.Log},
		records:   o.Records, inbox: o.Inbox, series: o.Series, issues: o.Issues, rules: o.Rules,
		notices: o.Notices, jobs: o.Jobs, health: o.Health, checklists: o.Checklists,
		passwords: passwords, rates: newRates(o.Rate), secureCookies: o.SecureCookies,
		timeout: o.Timeout, clock: o.Now,
	}
	s.feed = newFeed(o.Records, o.Broker)
	s.outlooks = newOutlooks()
	if s.metrics, err = newMetrics(o.Registry); err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	gin.SetMode(gin.ReleaseMode) // it prints its routes otherwise
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.UseRawPath, engine.UnescapePathValues = true, true
	if err := engine.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	s.describe(engine, o.Version)
	if err := s.outside(engine, o); err != nil {
		return nil, err
	}
	s.handler = s.chain(engine)
	return s, nil
}

// describe registers every operation; the OpenAPI document comes out of it.
func (s *Server) describe(engine *gin.Engine, version string) {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Topout", Version: version, Description: "Building sites: plan, progress, checks, readings, issues."},
			Servers: []*huma.Server{{URL: base}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"session": {Type: "apiKey", In: "cookie", Name: cookieName},
					"token":   {Type: "http", Scheme: "bearer"},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.transform},
	}
	config.AllowAdditionalPropertiesByDefault = true
	s.huma = humagin.NewWithGroup(engine, engine.Group(base), config)
	registry := config.Components.Schemas
	aliasSchemas(registry)
	s.problemSchema = registry.Schema(problemGoType, true, "Problem")

	s.addSessions()
	s.addPeople()
	s.addTokens()
	s.addProjects()
	s.addPlan()
	s.addProgress()
	s.addChecks()
	s.addTimeline()
	s.addDevices()
	s.addReadings()
	s.addRules()
	s.addIssues()
	s.addRefused()
	s.addNotices()
	s.addEvents()

	for _, path := range s.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Put, path.Post, path.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Content {
				admitNull(registry, media.Schema, map[*huma.Schema]bool{})
			}
		}
	}
	// huma describes its own errors too; they are never sent.
	delete(registry.Map(), "ErrorModel")
	delete(registry.Map(), "ErrorDetail")
}

// Handler is what a http.Server serves.
func (s *Server) Handler() http.Handler { return s.handler }

// NewHTTPServer is a http.Server for the handler with bounds on everything that
// a client may drag out. Event streams lift the write bound for themselves.
func (s *Server) NewHTTPServer() *http.Server {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
	}
	server.RegisterOnShutdown(s.CloseStreams)
	return server
}

// Run follows the changes, also those that other processes make, until ctx is
// done; then all event streams end.
func (s *Server) Run(ctx context.Context) error {
	defer s.CloseStreams()
	return s.feed.run(ctx, s.log)
}

// Wake tells that there are new changes, so that nobody waits for the next poll.
func (s *Server) Wake() { s.feed.wake() }

// CloseStreams ends all event streams and takes no new ones.
func (s *Server) CloseStreams() { s.closing.Do(s.feed.close) }

func (s *Server) now() time.Time { return s.clock() }
