package series_test

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api/write"

	"topout/internal/testserver"
	"topout/series"
	"topout/site"
)

// stream is a site's points as they come: twelve devices, two values a reading.
func stream(from time.Time, n int) []site.Point {
	points := make([]site.Point, n)
	for i := range points {
		points[i] = site.Point{
			Measurement: series.Reading,
			Tags:        []site.Tag{{Key: "device", Value: fmt.Sprintf("crane-%d", i%12)}, {Key: "project", Value: "wenyuan"}},
			Fields:      []site.Field{{Key: "moment_percent", Value: 40 + float64(i%997)/16}, {Key: "wind_speed", Value: float64(i%211) / 10}},
			Time:        from.Add(time.Duration(i/12) * 5 * time.Second),
		}
	}
	return points
}

// BenchmarkEncode compares the line encoders: ns/op is for one point.
func BenchmarkEncode(b *testing.B) {
	points := stream(monday, series.MaxLines)
	b.Run("topout", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i += len(points) {
			series.Encode(points)
		}
	})
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i += len(points) {
			for _, p := range points {
				tags, fields := map[string]string{}, map[string]any{}
				for _, t := range p.Tags {
					tags[t.Key] = t.Value
				}
				for _, f := range p.Fields {
					fields[f.Key] = f.Value
				}
				write.PointToLineProtocol(write.NewPoint(p.Measurement, tags, fields, p.Time), time.Nanosecond)
			}
		}
	})
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkWriteInflux measures a write of MaxLines points, the store's way, with
// gzip, and the client's way: cpu-ns/point is what it costs this process.
func BenchmarkWriteInflux(b *testing.B) {
	in := testserver.Influx2(b)
	s := openInflux(b, in)
	run := func(name string, write func(ctx context.Context, points []site.Point) error) {
		b.Run(name, func(b *testing.B) {
			points := stream(monday, series.MaxLines)
			before := cpu(b)
			for b.Loop() {
				if err := write(context.Background(), points); err != nil {
					b.Fatal(err)
				}
			}
			per := float64(b.N) * float64(len(points))
			b.ReportMetric(float64(cpu(b)-before)/per, "cpu-ns/point")
			b.ReportMetric(per/b.Elapsed().Seconds(), "points/s")
		})
	}
	run("topout", func(ctx context.Context, points []site.Point) error {
		_, err := s.Write(ctx, points)
		return err
	})
	zipped := influxdb2.NewClientWithOptions(in.URL, in.Token, influxdb2.DefaultOptions().SetUseGZip(true))
	defer zipped.Close()
	run("gzip", func(ctx context.Context, points []site.Point) error {
		return zipped.WriteAPIBlocking(in.Org, in.Bucket).WriteRecord(ctx, series.Encode(points))
	})
	client := influxdb2.NewClient(in.URL, in.Token)
	defer client.Close()
	run("client", func(ctx context.Context, points []site.Point) error {
		theirs := make([]*write.Point, len(points))
		for i, p := range points {
			theirs[i] = write.NewPointWithMeasurement(p.Measurement).SetTime(p.Time)
			for _, t := range p.Tags {
				theirs[i].AddTag(t.Key, t.Value)
			}
			for _, f := range p.Fields {
				theirs[i].AddField(f.Key, f.Value)
			}
		}
		return client.WriteAPIBlocking(in.Org, in.Bucket).WritePoint(ctx, theirs...)
	})
}

// BenchmarkWriteEmbedded measures transactions of new points, and of points that
// are all there already.
func BenchmarkWriteEmbedded(b *testing.B) {
	for _, size := range []int{100, series.MaxLines} {
		for _, repeat := range []bool{false, true} {
			b.Run(fmt.Sprintf("points=%d,repeat=%t", size, repeat), func(b *testing.B) {
				s := openEmbedded(b, filepath.Join(b.TempDir(), "series.db"))
				at := monday
				points := stream(at, size)
				for b.Loop() {
					if !repeat {
						b.StopTimer()
						points = stream(at, size)
						at = at.Add(time.Duration(size/12+1) * 5 * time.Second)
						b.StartTimer()
					}
					mustWrite(b, s, points...)
				}
				per := float64(b.N) * float64(size)
				b.ReportMetric(per/b.Elapsed().Seconds(), "points/s")
			})
		}
	}
}

// BenchmarkRead measures what the screens ask for, over a month of readings each
// five seconds.
func BenchmarkRead(b *testing.B) {
	for _, store := range all {
		b.Run(store.name, func(b *testing.B) {
			s := store.open(b)
			from := monday.AddDate(0, 0, -30)
			const month = 30 * 24 * time.Hour
			var batch []site.Point
			for t := from; t.Before(monday); t = t.Add(5 * time.Second) {
				batch = append(batch, pm10("dust-1", t, float64(t.Unix()%1000)/8))
				if len(batch) == 50000 {
					mustWrite(b, s, batch...)
					batch = batch[:0]
				}
			}
			mustWrite(b, s, batch...)
			for _, q := range []struct {
				name string
				q    site.SeriesQuery
			}{
				{"day by 10m", query("dust-1", monday.Add(-24*time.Hour), monday, 10*time.Minute)},
				{"week by 10m", query("dust-1", monday.Add(-7*24*time.Hour), monday, 10*time.Minute)},
				{"month by 1h", query("dust-1", from, monday, time.Hour)},
				{"month by 24h", query("dust-1", from, monday, 24*time.Hour)},
			} {
				b.Run(q.name, func(b *testing.B) {
					for b.Loop() {
						mustWindows(b, s, q.q)
					}
				})
			}
			b.Run("newest 100 by 10m of all", func(b *testing.B) {
				q := query("dust-1", time.Time{}, monday.Add(20*time.Minute), 10*time.Minute)
				q.Limit = 100
				for b.Loop() {
					mustWindows(b, s, q)
				}
			})
			b.Run("raw 1000", func(b *testing.B) {
				q := query("dust-1", from, from.Add(month), 0)
				q.Limit = 1000
				for b.Loop() {
					mustRaw(b, s, q)
				}
			})
			b.Run("last", func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Last(context.Background(), "wenyuan", "dust-1"); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
