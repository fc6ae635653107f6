package ingest

import (
	"unicode/utf8"

	"topout/site"
)

// decodeStatus reads the payload of a status topic: plain text, not JSON.
func decodeStatus(b []byte) (string, *site.Error) {
	switch string(b) {
	case "online":
		return "online", nil
	case "offline":
		return "offline", nil
	}
	if !utf8.Valid(b) {
		return "", site.Errorf(site.Invalid, "ingest.invalid_utf8", "")
	}
	return "", site.Errorf(site.Invalid, "ingest.bad_status", "", "status", clip(string(b)))
}
