// Package schedule computes with plans: the working calendar, the network (CPM),
// earned value, the forecast with its Monte Carlo, and why a project is late.
//
// It is pure: no input or output, no clock, the standard library only. The same
// input gives the same result. Each formula names its source where it stands.
package schedule
