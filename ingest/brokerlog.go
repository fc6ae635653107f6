package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// brokerLog is nats-server's logger. The server answers a publish to a forbidden
// topic like any other and says so in its log only; that is where Topout learns of
// it. A line's format begins with the client's label and ends with the text, so
// what a client calls itself cannot be taken for either; tests hold the pinned
// version to it.
type brokerLog struct {
	log    *slog.Logger
	turned func(cid uint64, code, topic string, params map[string]string)
}

var clientLabel = regexp.MustCompile(`^\S+ - mid(?:_ws)?:(\d+)`)

// Errorf looks for what was turned away, and logs the rest.
func (l *brokerLog) Errorf(format string, v ...any) {
	if m := clientLabel.FindStringSubmatch(format); m != nil {
		cid, _ := strconv.ParseUint(m[1], 10, 64)
		switch {
		case strings.HasSuffix(format, " - Publish Violation - Subject %q") && len(v) == 1:
			if subject, ok := v[0].([]byte); ok {
				topic := topicOf(string(subject))
				l.turned(cid, "ingest.foreign_topic", topic, map[string]string{"topic": clip(topic)})
				return
			}
		case strings.HasSuffix(format, " - %s: %d vs %d") && len(v) == 3 && v[0] == server.ErrMaxPayload.Error():
			l.turned(cid, "ingest.too_large", "", map[string]string{"size": fmt.Sprint(v[1]), "most": strconv.Itoa(maxPayload)})
			return
		case len(v) == 0 && isTopicError(format):
			l.turned(cid, "ingest.topic_characters", "", nil)
			return
		case strings.HasSuffix(format, server.ErrAuthentication.Error()), strings.Contains(format, " - %v - %s") && len(v) == 2 && isAuthError(v[0]):
			return // told by the sign-in itself
		}
	}
	l.log.Warn("the embedded broker warns", "text", fmt.Sprintf(format, v...))
}

// isTopicError tells what nats-server says of a topic that it cannot map to a
// subject; the connection ends then.
func isTopicError(line string) bool {
	for _, text := range []string{
		" - character not supported for MQTT topics", " - wildcards not allowed in publish's topic: ", " - topic cannot be empty",
		" - invalid utf8 for topic ", " - invalid null character in topic ",
	} {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

func isAuthError(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, server.ErrAuthentication)
}

// Fatalf logs; the server's start reports the same as an error.
func (l *brokerLog) Fatalf(format string, v ...any) {
	l.log.Error("the embedded broker fails", "text", fmt.Sprintf(format, v...))
}

// Warnf logs.
func (l *brokerLog) Warnf(format string, v ...any) {
	l.log.Warn("the embedded broker warns", "text", fmt.Sprintf(format, v...))
}

// Noticef logs for those who look closely.
func (l *brokerLog) Noticef(format string, v ...any) {
	l.log.Debug("the embedded broker says", "text", fmt.Sprintf(format, v...))
}

// Debugf is never called: debugging is off.
func (l *brokerLog) Debugf(string, ...any) {}

// Tracef is never called: tracing is off, it would log payloads.
func (l *brokerLog) Tracef(string, ...any) {}
