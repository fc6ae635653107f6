package api

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"topout/schedule"
	"topout/site"
)

func (s *Server) addTimeline() {
	const tag = "timeline"
	timeline := operation{method: http.MethodGet, path: "/projects/{p}/timeline", id: "timeline", tag: tag, action: site.ActView, cached: true,
		summary: "Per building and task: baseline, actual, forecast, and why it is late"}
	add(s, timeline, s.timeline)
	describeBytes[timelineView](s, timeline)
	curve := operation{method: http.MethodGet, path: "/projects/{p}/curve", id: "curve", tag: tag, action: site.ActView, cached: true,
		summary: "Planned and earned value by day"}
	add(s, curve, s.curve)
	describeBytes[curveView](s, curve)
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/trend", id: "trend", tag: tag, action: site.ActView,
		summary: "Forecast dates of each milestone over time, newest first"}, s.trend)
}

// describeBytes documents the body of an operation that writes it ready-made.
func describeBytes[T any](s *Server, o operation) {
	ok := s.huma.OpenAPI().Paths[o.path].Get.Responses["200"]
	ok.Content = map[string]*huma.MediaType{"application/json": {Schema: schemaOf[T](s)}}
}

type timelineView struct {
	AsOf         string          `json:"as_of" doc:"day, or instant when one was asked for"`
	DataDate     site.Day        `json:"data_date"`
	ProjectStart site.Day        `json:"project_start"`
	Percent      float64         `json:"percent"`
	Delivery     deliveryView    `json:"delivery"`
	Buildings    []buildingView  `json:"buildings"`
	Milestones   []milestoneView `json:"milestones"`
	Links        []linkView      `json:"links"`
	Holidays     []holidayView   `json:"holidays" doc:"days without work"`
}

type deliveryView struct {
	Task      string      `json:"task"`
	Baseline  site.Day    `json:"baseline"`
	Forecast  site.Day    `json:"forecast"`
	P50       site.Day    `json:"p50"`
	P80       site.Day    `json:"p80"`
	SlipDays  float64     `json:"slip_days"`
	Since     site.Day    `json:"since" doc:"since when it is late"`
	StaleDays int         `json:"stale_days"`
	Cause     []causeView `json:"cause"`
}

type causeView struct {
	Task       string      `json:"task"`
	Name       string      `json:"name"`
	Building   string      `json:"building"`
	Days       float64     `json:"days"`
	Reason     site.Reason `json:"reason"`
	Issue      string      `json:"issue"`
	Note       string      `json:"note"`
	By         string      `json:"by"`
	LastReport *time.Time  `json:"last_report"`
}

type buildingView struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Percent  float64    `json:"percent"`
	Baseline site.Day   `json:"baseline"`
	Forecast site.Day   `json:"forecast"`
	SlipDays float64    `json:"slip_days"`
	Tasks    []taskView `json:"tasks"`
}

type taskView struct {
	ID             string      `json:"id"`
	Name           string      `json:"name"`
	Code           string      `json:"code"`
	Trade          string      `json:"trade"`
	Building       string      `json:"building"`
	Milestone      bool        `json:"milestone"`
	BaselineStart  site.Day    `json:"baseline_start"`
	BaselineFinish site.Day    `json:"baseline_finish"`
	ActualStart    site.Day    `json:"actual_start"`
	ActualFinish   site.Day    `json:"actual_finish"`
	ForecastStart  site.Day    `json:"forecast_start"`
	ForecastFinish site.Day    `json:"forecast_finish"`
	P50            site.Day    `json:"p50"`
	P80            site.Day    `json:"p80"`
	Percent        float64     `json:"percent"`
	SlipDays       float64     `json:"slip_days"`
	TotalFloat     float64     `json:"total_float"`
	Critical       bool        `json:"critical"`
	Cause          []causeView `json:"cause"`
	LastReport     *time.Time  `json:"last_report"`
	StaleDays      int         `json:"stale_days" doc:"working days without a report, of a task in progress"`
}

type milestoneView struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Building string   `json:"building"`
	Baseline site.Day `json:"baseline"`
	Forecast site.Day `json:"forecast"`
	P50      site.Day `json:"p50"`
	P80      site.Day `json:"p80"`
	SlipDays float64  `json:"slip_days"`
	Reached  bool     `json:"reached"`
}

type linkView struct {
	Pred string        `json:"pred"`
	Succ string        `json:"succ"`
	Type site.LinkType `json:"type"`
	Lag  float64       `json:"lag_days"`
}

type holidayView struct {
	From site.Day `json:"from"`
	To   site.Day `json:"to"`
	Name string   `json:"name" doc:"empty for the weekly rest"`
}

// asOfQuery asks for the state at a data date, and tells what the client has.
type asOfQuery struct {
	InProject
	AsOf        moment `query:"as_of" doc:"data date; absent: now"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000"`
	Encodings   string `header:"Accept-Encoding" hidden:"true"`
}

// cachedBody is a ready-made body with its ETag; 304 has none.
type cachedBody struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	ContentType  string `header:"Content-Type" hidden:"true"`
	Encoding     string `header:"Content-Encoding" hidden:"true"`
	Vary         string `header:"Vary" hidden:"true"`
	Body         []byte
}

// cachedJSON answers with a body that is made once for a forecast.
func (s *Server) cachedJSON(ctx context.Context, c *caller, in *asOfQuery, name string, build func(*projectOutlook) any) (*cachedBody, error) {
	a, err := s.parseAsOf(in.AsOf, c.project)
	if err != nil {
		return nil, err
	}
	view, err := s.outlook(ctx, c.project, a)
	if err != nil {
		return nil, err
	}
	kept, err := view.body(name+asOfText(a, view), func() any { return build(view) })
	if err != nil {
		return nil, err
	}
	out := &cachedBody{
		Status: http.StatusOK, ETag: kept.etag, CacheControl: "private, no-cache", ContentType: "application/json",
		Vary: vary + ", Accept-Encoding", Body: kept.json,
	}
	if kept.zipped != nil && acceptsGzip(in.Encodings) {
		out.ETag, out.Encoding, out.Body = zippedTag(kept.etag), "gzip", kept.zipped
	}
	if matches(in.IfNoneMatch, out.ETag) {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, nil
}

// matches reports whether an If-None-Match names the ETag (RFC 9110, 13.1.2).
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}

func asOfText(a asOf, view *projectOutlook) string {
	if !a.at.IsZero() {
		return a.at.Format(time.RFC3339)
	}
	return view.outlook.DataDate.String()
}

type readyBody struct {
	json   []byte
	zipped []byte // nil when it would not be smaller
	etag   string // of json; zippedTag makes that of zipped
}

// body gives a body of this forecast, made the first time.
func (v *projectOutlook) body(name string, build func() any) (*readyBody, error) {
	if kept, ok := v.bodies.Load(name); ok {
		return kept.(*readyBody), nil
	}
	b, err := json.Marshal(build())
	if err != nil {
		return nil, err
	}
	zipped, err := zip(b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	kept, _ := v.bodies.LoadOrStore(name, &readyBody{b, zipped, etagOf(b)})
	return kept.(*readyBody), nil
}

func (s *Server) timeline(ctx context.Context, c *caller, in *asOfQuery) (*cachedBody, error) {
	return s.cachedJSON(ctx, c, in, "timeline ", func(v *projectOutlook) any {
		a, _ := s.parseAsOf(in.AsOf, c.project) // parsed before
		return v.timeline(asOfText(a, v))
	})
}

// timeline is the forecast as the screens draw it.
func (v *projectOutlook) timeline(asOf string) timelineView {
	o := v.outlook
	names := make(map[string]site.Task, len(v.plan.Tasks))
	for _, t := range v.plan.Tasks {
		names[t.ID] = t
	}
	causes := func(list []schedule.Cause) []causeView {
		all := make([]causeView, len(list))
		for i, x := range list {
			all[i] = causeView{x.Task, names[x.Task].Name, names[x.Task].Building, x.Days, x.Reason, x.Issue, x.Note, x.By, utc(x.LastReport)}
		}
		return all
	}
	d := o.Delivery
	t := timelineView{
		AsOf: asOf, DataDate: o.DataDate, ProjectStart: o.ProjectStart, Percent: o.Percent,
		Delivery:  deliveryView{d.Task, d.Baseline, d.Forecast, d.P50, d.P80, d.SlipDays, v.late, d.StaleDays, causes(d.Cause)},
		Buildings: []buildingView{}, Milestones: []milestoneView{}, Links: []linkView{}, Holidays: []holidayView{},
	}
	place := make(map[string]int, len(o.Buildings))
	for i, b := range o.Buildings {
		place[b.ID] = i
		t.Buildings = append(t.Buildings, buildingView{b.ID, b.Name, b.Percent, b.Baseline, b.Finish, b.SlipDays, []taskView{}})
	}
	for _, x := range o.Tasks {
		i, ok := place[x.Building]
		if !ok {
			continue
		}
		t.Buildings[i].Tasks = append(t.Buildings[i].Tasks, taskView{
			ID: x.ID, Name: x.Name, Code: x.Code, Trade: x.Trade, Building: x.Building, Milestone: x.Milestone,
			BaselineStart: x.BaselineStart, BaselineFinish: x.BaselineFinish, ActualStart: x.ActualStart, ActualFinish: x.ActualFinish,
			ForecastStart: x.ForecastStart, ForecastFinish: x.ForecastFinish, P50: x.P50, P80: x.P80,
			Percent: x.Percent, SlipDays: x.SlipDays, TotalFloat: x.TotalFloat, Critical: x.Critical,
			Cause: causes(x.Cause), LastReport: utc(x.LastReport), StaleDays: x.StaleDays,
		})
	}
	for _, m := range o.Milestones {
		t.Milestones = append(t.Milestones, milestoneView{m.ID, m.Name, m.Building, m.Baseline, m.Forecast, m.P50, m.P80, m.SlipDays, m.Reached})
	}
	for _, l := range v.plan.Links {
		t.Links = append(t.Links, linkView{l.Pred, l.Succ, l.Type, l.Lag.Days()})
	}
	first, last := v.span()
	for _, h := range v.calendar.NonWorking(first, last) {
		t.Holidays = append(t.Holidays, holidayView{h.From, h.To, h.Name})
	}
	return t
}

// span is the range of days that a timeline shows.
func (v *projectOutlook) span() (first, last site.Day) {
	const margin, most = 14, 366 * 30
	first, last = v.outlook.DataDate, v.outlook.DataDate
	grow := func(d site.Day) {
		if !d.IsZero() {
			first, last = min(first, d), max(last, d)
		}
	}
	grow(v.outlook.ProjectStart)
	grow(v.outlook.Delivery.P80)
	for _, t := range v.outlook.Tasks {
		for _, d := range []site.Day{t.BaselineStart, t.BaselineFinish, t.ForecastStart, t.ForecastFinish, t.P80} {
			grow(d)
		}
	}
	return max(first-margin, last-most), last + margin
}

type curveView struct {
	Items       []curvePoint `json:"items"`
	SPI         *float64     `json:"spi" doc:"earned by planned value"`
	SPIT        *float64     `json:"spi_t" doc:"earned schedule by actual time"`
	EarnedDays  *float64     `json:"earned_schedule_days"`
	ActualDays  *float64     `json:"actual_days"`
	PlannedDays *float64     `json:"planned_days"`
	DataDate    site.Day     `json:"data_date"`
	Planned     *float64     `json:"planned" doc:"at the data date, percent of the whole"`
	Earned      *float64     `json:"earned"`
}

type curvePoint struct {
	Day     site.Day `json:"day"`
	Planned float64  `json:"planned" doc:"percent of the whole"`
	Earned  *float64 `json:"earned" doc:"null after the data date"`
}

func (s *Server) curve(ctx context.Context, c *caller, in *asOfQuery) (*cachedBody, error) {
	return s.cachedJSON(ctx, c, in, "curve ", func(v *projectOutlook) any {
		o := v.outlook
		view := curveView{
			Items: []curvePoint{}, DataDate: o.DataDate, SPI: number(o.Value.SPI), SPIT: number(o.Value.SPIT), EarnedDays: number(o.Value.ES),
			ActualDays: number(o.Value.AT), PlannedDays: number(o.Value.PD), Planned: number(o.Value.Planned), Earned: number(o.Value.Earned),
		}
		for _, p := range o.Curve {
			view.Items = append(view.Items, curvePoint(p))
		}
		return view
	})
}

type trendPoint struct {
	At         time.Time        `json:"at"`
	SlipDays   float64          `json:"slip_days"`
	Finish     site.Day         `json:"forecast"`
	P50        site.Day         `json:"p50"`
	P80        site.Day         `json:"p80"`
	Milestones []trendMilestone `json:"milestones"`
}

type trendMilestone struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Forecast site.Day `json:"forecast"`
	P50      site.Day `json:"p50"`
	P80      site.Day `json:"p80"`
}

func (s *Server) trend(ctx context.Context, c *caller, in *struct {
	InProject
	Span
	Paged
}) (*found[list[trendPoint]], error) {
	from, to, err := in.times(c.project)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	var runs []site.ForecastRun
	err = s.records.View(ctx, func(tx Tx) error {
		plan, err := tx.Plan(c.project.ID)
		if err != nil && !missing(err) {
			return err
		}
		for _, t := range plan.Tasks {
			names[t.ID] = t.Name
		}
		runs, err = tx.Forecasts(c.project.ID, from)
		return err
	})
	if err != nil {
		return nil, err
	}
	sortRuns(runs)
	items := []trendPoint{}
	next := ""
	for i := len(runs) - 1; i >= 0; i-- {
		r := runs[i]
		key := at(r.At).Format(time.RFC3339Nano)
		if !to.IsZero() && !r.At.Before(to) || in.Cursor != "" && key >= in.Cursor {
			continue
		}
		if len(items) == in.Limit {
			next = at(items[len(items)-1].At).Format(time.RFC3339Nano)
			break
		}
		items = append(items, viewRun(r, names))
	}
	return &found[list[trendPoint]]{list[trendPoint]{items, next}}, nil
}

func viewRun(r site.ForecastRun, names map[string]string) trendPoint {
	p := trendPoint{At: at(r.At), SlipDays: r.SlipDays, Finish: r.Finish, P50: r.P50, P80: r.P80, Milestones: []trendMilestone{}}
	for _, m := range r.Milestones {
		p.Milestones = append(p.Milestones, trendMilestone{m.ID, names[m.ID], m.Forecast, m.P50, m.P80})
	}
	return p
}

func sortRuns(runs []site.ForecastRun) {
	sort.SliceStable(runs, func(i, j int) bool { return runs[i].At.Before(runs[j].At) })
}
