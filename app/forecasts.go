package app

import (
	"context"
	"time"

	"topout/series"
	"topout/site"
	"topout/store"
)

// sendForecasts writes the kept forecasts that the series store does not have
// yet as `forecast` points. A run counts as sent only when all its points are
// written; writing one again changes nothing.
func sendForecasts(ctx context.Context, records *store.Store, points series.Store) error {
	for {
		var unsent []site.ForecastRun
		zones := map[string]*time.Location{}
		err := records.View(ctx, func(tx *store.Tx) (err error) {
			if unsent, err = tx.UnsentForecasts(20); err != nil {
				return err
			}
			for _, run := range unsent {
				project, err := tx.Project(run.Project)
				if err != nil {
					return err
				}
				zones[run.Project] = project.Location()
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(unsent) == 0 {
			return nil
		}
		for _, run := range unsent {
			if _, err := points.Write(ctx, forecastPoints(run, zones[run.Project])); err != nil {
				return err
			}
			if err := records.Update(ctx, func(tx *store.Tx) error { return tx.MarkForecastSent(run.ID) }); err != nil {
				return err
			}
		}
	}
}

// forecastPoints is one point a task, after the published schema: finish, p50
// and p80 in Unix seconds; where only the day is known, of its start in the
// project's zone.
func forecastPoints(run site.ForecastRun, zone *time.Location) []site.Point {
	points := make([]site.Point, 0, len(run.Tasks))
	for _, t := range run.Tasks {
		fields := []site.Field{
			{Key: "finish", Value: t.Finish.Unix()},
			{Key: "slip_days", Value: t.SlipDays},
			{Key: "spi", Value: t.SPI},
			{Key: "spi_t", Value: t.SPIT},
		}
		for _, day := range []struct {
			key string
			day site.Day
		}{{"p50", t.P50}, {"p80", t.P80}} {
			if !day.day.IsZero() {
				fields = append(fields, site.Field{Key: day.key, Value: day.day.Start(zone).Unix()})
			}
		}
		points = append(points, site.Point{
			Measurement: "forecast",
			Tags:        []site.Tag{{Key: "project", Value: run.Project}, {Key: "task", Value: t.Task}},
			Fields:      fields,
			Time:        run.At,
		})
	}
	return points
}
