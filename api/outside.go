package api

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// outside adds what stands beside the operations: the OpenAPI document, health,
// metrics, the web app, and the answers for everything else.
func (s *Server) outside(engine *gin.Engine, o Options) error {
	document, err := json.Marshal(s.huma.OpenAPI())
	if err != nil {
		return err
	}
	etag := etagOf(document)
	route := func(path string, handle func(*gin.Context)) {
		named := func(c *gin.Context) {
			requestOf(c.Request.Context()).route = path
			handle(c)
		}
		engine.GET(path, named)
		engine.HEAD(path, named)
	}
	route(base+"/openapi.json", func(c *gin.Context) {
		c.Header("ETag", etag)
		c.Header("Cache-Control", "no-cache")
		if matches(c.GetHeader("If-None-Match"), etag) {
			c.Status(http.StatusNotModified)
			return
		}
		c.Data(http.StatusOK, "application/json", document)
	})
	route("/healthz", func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, gin.H{"status": "ok"})
	})
	route("/readyz", func(c *gin.Context) {
		ready := s.health.Ready(c.Request.Context())
		if ready.Checks == nil {
			ready.Checks = map[string]Component{}
		}
		status := http.StatusOK
		if ready.Status == "down" {
			status = http.StatusServiceUnavailable
		}
		c.Header("Cache-Control", "no-store")
		c.JSON(status, ready)
	})
	scrape := promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{})
	route("/metrics", func(c *gin.Context) { scrape.ServeHTTP(c.Writer, c.Request) })

	app, err := newWebApp(o.Web)
	if err != nil {
		return err
	}
	engine.NoMethod(func(c *gin.Context) { s.stray(c, http.StatusMethodNotAllowed, "api.method_not_allowed") })
	engine.NoRoute(func(c *gin.Context) {
		switch {
		case isAPI(c.Request.URL.Path) || app == nil:
			s.stray(c, http.StatusNotFound, "api.no_such_path")
		case c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead:
			c.Header("Allow", "GET, HEAD")
			s.stray(c, http.StatusMethodNotAllowed, "api.method_not_allowed")
		default:
			requestOf(c.Request.Context()).route = "web"
			if !app.serve(c.Writer, c.Request) {
				s.stray(c, http.StatusNotFound, "api.no_such_path")
			}
		}
	})
	return nil
}

// stray answers a request that no operation takes.
func (s *Server) stray(c *gin.Context, status int, code string) {
	s.write(c.Writer, c.Request, s.problem(requestOf(c.Request.Context()).lang, status, code, nil))
}
