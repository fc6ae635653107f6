package alerts_test

import (
	"topout/alerts"
)

func (w *works) jobs() *alerts.Jobs {
	w.t.Helper()
	j, err := alerts.NewJobs(alerts.JobsOptions{Records: jobRecords{w.store}, Engine: w.engine, Now: w.clock.now, Log: w.log})
	w.must(err)
	return j
}

// job runs a job by hand.
func (w *works) job(name string) {
	w.t.Helper()
	w.must(w.jobs().Run(w.t.Context(), name))
}
