package site

import "time"

// ForecastRun is the kept result of one forecast of a project.
type ForecastRun struct {
	ID         int64 // set by the store
	Project    string
	At         time.Time
	Baseline   Day // agreed delivery
	Finish     Day // deterministic forecast of the delivery
	P50, P80   Day
	SlipDays   float64 // working days of Finish behind Baseline; negative: early
	Percent    float64
	SPI, SPIT  float64
	Milestones []MilestoneForecast
	Tasks      []TaskForecast
}

// MilestoneForecast is one milestone of a run.
type MilestoneForecast struct {
	ID       string  `json:"id"`
	Baseline Day     `json:"baseline"`
	Forecast Day     `json:"forecast"`
	P50      Day     `json:"p50"`
	P80      Day     `json:"p80"`
	SlipDays float64 `json:"slip_days"`
}

// TaskForecast is one task of a run; it becomes a `forecast` point.
type TaskForecast struct {
	Task     string    `json:"task"`
	Finish   time.Time `json:"finish"`
	SlipDays float64   `json:"slip_days"`
	P50      Day       `json:"p50"`
	P80      Day       `json:"p80"`
	SPI      float64   `json:"spi"`
	SPIT     float64   `json:"spi_t"`
}
