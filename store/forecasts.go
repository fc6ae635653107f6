package store

import (
	"time"

	"topout/site"
)

const (
	forecastColumnsBut = `SELECT id, project, at, baseline, finish, p50, p80, slip_days, percent, spi, spi_t, milestones`
	forecastColumns    = forecastColumnsBut + `, tasks FROM forecasts`
)

// SaveForecast keeps the result of a forecast and gives its id.
func (t *Tx) SaveForecast(f site.ForecastRun) (int64, error) {
	id, err := single[int64](t, `INSERT INTO forecasts
		(project, at, baseline, finish, p50, p80, slip_days, percent, spi, spi_t, milestones, tasks, sent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`,
		f.Project, ms(f.At), f.Baseline, f.Finish, f.P50, f.P80, f.SlipDays, f.Percent, f.SPI, f.SPIT,
		jsonOf{f.Milestones}, jsonOf{f.Tasks}, false)
	return id, constraint(err, nil, unknownProject(f.Project))
}

// LatestForecast gives the newest forecast of a project; NotFound when it has none.
func (t *Tx) LatestForecast(project string) (site.ForecastRun, error) {
	return one(t, site.Errorf(site.NotFound, "store.no_forecast", "", "project", project), scanForecast,
		forecastColumns+` WHERE project = $1 ORDER BY at DESC, id DESC LIMIT 1`, project)
}

// Forecasts gives the forecasts of a project from a time on (zero: all), oldest
// first, without their tasks: a trend reads years of them.
func (t *Tx) Forecasts(project string, from time.Time) ([]site.ForecastRun, error) {
	var w where
	w.and("project = ?", project)
	w.andBetween("at", from, time.Time{})
	return all(t, scanForecast, forecastColumnsBut+`, 'null' FROM forecasts`+w.String()+` ORDER BY at, id`, w.args...)
}

// UnsentForecasts gives forecasts that are not in the series store yet, oldest first.
func (t *Tx) UnsentForecasts(limit int) ([]site.ForecastRun, error) {
	return all(t, scanForecast, forecastColumns+` WHERE NOT sent ORDER BY id LIMIT $1`, limit)
}

// MarkForecastSent notes that a forecast is in the series store.
func (t *Tx) MarkForecastSent(id int64) error {
	_, err := t.exec(`UPDATE forecasts SET sent = $2 WHERE id = $1`, id, true)
	return err
}

func scanForecast(row scanner, f *site.ForecastRun) error {
	return row.Scan(&f.ID, &f.Project, msTo{&f.At}, &f.Baseline, &f.Finish, &f.P50, &f.P80,
		&f.SlipDays, &f.Percent, &f.SPI, &f.SPIT, jsonTo{&f.Milestones}, jsonTo{&f.Tasks})
}
