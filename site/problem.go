package site

// Problem is something wrong or doubtful in a plan: where it stands, what it is.
type Problem struct {
	Task   string            // id of the task; empty: the whole plan
	Line   int               // in the file that was read; 0: not known
	Field  string            // e.g. predecessors, or tasks[3].duration_days for a plan from the API
	Code   string            // a key of the catalogue
	Params map[string]string // for the catalogue's text
	Fatal  bool              // no dates can be computed, or the file is not taken
}

// Err is the problem as an error for a client.
func (p Problem) Err() *Error {
	return &Error{Kind: Invalid, Code: p.Code, Field: p.Field, Params: p.Params}
}
