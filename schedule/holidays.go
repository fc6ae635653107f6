package schedule

import (
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"topout/site"
)

// The yearly notices of the State Council on holidays and make-up working days
// come from NateScarlet/holiday-cn (MIT, see calendars/cn/LICENSE), a file a
// year, unchanged. A year that is not published yet has no days there; then
// calendars/statutory.json gives the days that are off by law.
//
//go:embed calendars
var calendarFiles embed.FS

type notice struct {
	Year int `json:"year"`
	Days []struct {
		Name string   `json:"name"`
		Date site.Day `json:"date"`
		Off  bool     `json:"isOffDay"`
	} `json:"days"`
}

type statute struct {
	Fixed []struct { // every year, MM-DD
		Name string `json:"name"`
		Date string `json:"date"`
	} `json:"fixed"`
	Years map[int][]struct {
		Name string   `json:"name"`
		Date site.Day `json:"date"`
	} `json:"years"`
}

// layChinese lays the Chinese holidays and make-up days over the week.
func (c *Calendar) layChinese() error {
	c.holidays = true
	c.provisional = map[int]bool{}
	published := map[int]bool{}
	entries, err := calendarFiles.ReadDir("calendars/cn")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		var year int
		if n, _ := fmt.Sscanf(entry.Name(), "%d.json", &year); n != 1 {
			continue // the licence
		}
		var n notice
		if err := readJSON("calendars/cn/"+entry.Name(), &n); err != nil {
			return err
		}
		for _, d := range n.Days {
			kind := uint16(1)
			if d.Off {
				kind = 0
			}
			c.set(d.Date, d.Date, kind, d.Name)
		}
		published[n.Year] = len(n.Days) > 0
	}
	var law statute
	if err := readJSON("calendars/statutory.json", &law); err != nil {
		return err
	}
	for day := c.first; day < c.first+site.Day(len(c.kind)); {
		year := day.Start(time.UTC).Year()
		day = site.NewDay(year+1, time.January, 1)
		if published[year] {
			continue
		}
		c.provisional[year] = true
		if days, ok := law.Years[year]; ok {
			for _, d := range days {
				c.set(d.Date, d.Date, 0, d.Name)
			}
			continue
		}
		for _, f := range law.Fixed {
			d, err := site.ParseDay(fmt.Sprintf("%04d-%s", year, f.Date))
			if err != nil {
				return err
			}
			c.set(d, d, 0, f.Name)
		}
	}
	return nil
}

func readJSON(name string, v any) error {
	b, err := calendarFiles.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
