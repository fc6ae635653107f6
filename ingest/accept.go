package ingest

import (
	"context"
	"math/rand/v2"
	"time"

	"topout/site"
)

// ticket is a caller of Accept that waits.
type ticket struct {
	records chan verdict
	series  chan bool
}

// Receipt says what had become of a message when Accept returned.
type Receipt struct {
	Records bool        // applied to the records
	Series  bool        // written to the time series
	Repeat  bool        // its id was known: the first report stands
	Refused *site.Error // why it was not taken, nil: it was
}

// applied is called for each message after the records cursor has it.
func (i *Ingest) applied(e *entry, v verdict) {
	i.metrics.count(e.Door, v)
	if e.ticket == 0 {
		return
	}
	i.mu.Lock()
	t := i.tickets[e.ticket]
	i.mu.Unlock()
	if t != nil {
		select {
		case t.records <- v:
		default:
		}
	}
}

// written is called for each message when the series cursor has it, or cannot.
func (i *Ingest) written(e *entry, ok bool) {
	if e.ticket == 0 {
		return
	}
	i.mu.Lock()
	t := i.tickets[e.ticket]
	i.mu.Unlock()
	if t != nil {
		select {
		case t.series <- ok:
		default:
		}
	}
}

// Accept takes a message: without an error it is durable, and the receipt says
// what has become of it. Accept waits a moment for it to be applied, unless what
// it needs is known to be away. A message of DoorAPI that cannot be understood is
// refused without being kept: its sender is there to be told.
func (i *Ingest) Accept(ctx context.Context, m site.Message) (Receipt, error) {
	return i.accept(ctx, &entry{Message: m})
}

// Retake tries a refused message again, as it came then. When it is taken, it is
// marked so in the same transaction; when it is refused again, nothing changes.
func (i *Ingest) Retake(ctx context.Context, r site.Refused) (Receipt, error) {
	if r.Payload == nil {
		return Receipt{Refused: site.Errorf(site.Conflict, "ingest.no_payload", "")}, nil
	}
	m := site.Message{Door: r.Door, Topic: r.Topic, Payload: r.Payload, Arrived: r.T}
	if r.Door == site.DoorAPI {
		m.By = r.Device
	}
	return i.accept(ctx, &entry{Message: m, retake: r.ID})
}

func (i *Ingest) accept(ctx context.Context, e *entry) (Receipt, error) {
	if e.Arrived.IsZero() {
		e.Arrived = i.opts.Now()
	}
	if e.Door == site.DoorAPI {
		if fault := i.understand(e); fault != nil {
			i.metrics.count(e.Door, verdict{kind: kindOf(e.Topic), fault: fault})
			return Receipt{Refused: fault}, nil
		}
	}
	if err := i.room(); err != nil {
		return Receipt{}, err
	}
	if !i.journal.fits(e) {
		return Receipt{Refused: tooLarge(len(e.Payload))}, nil
	}
	t := &ticket{records: make(chan verdict, 1), series: make(chan bool, 1)}
	i.mu.Lock()
	for e.ticket == 0 || i.tickets[e.ticket] != nil {
		e.ticket = rand.Uint64()
	}
	i.tickets[e.ticket] = t
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		delete(i.tickets, e.ticket)
		i.mu.Unlock()
	}()
	if err := i.journal.write(ctx, e); err != nil {
		return Receipt{}, &site.Error{Kind: site.Unavailable, Code: "ingest.journal_away", Cause: err}
	}
	return i.await(ctx, t), nil
}

// await waits for what becomes of a durable message.
func (i *Ingest) await(ctx context.Context, t *ticket) Receipt {
	var r Receipt
	timer := time.NewTimer(i.opts.Wait)
	defer timer.Stop()
	if !i.health.records.ok() {
		return r
	}
	select {
	case v := <-t.records:
		r.Records, r.Repeat, r.Refused = true, v.repeat, v.fault
	case <-timer.C:
		return r
	case <-ctx.Done():
		return r
	}
	if r.Refused != nil || !i.health.series.ok() {
		return r
	}
	select {
	case r.Series = <-t.series:
	case <-timer.C:
	case <-ctx.Done():
	}
	return r
}

// understand decodes a message to see whether it can be.
func (i *Ingest) understand(e *entry) *site.Error {
	addr, fault := parseTopic(e.Topic)
	if fault != nil {
		return fault
	}
	switch addr.kind {
	case kindReadings:
		fault = decodeReadings(make(names), e.Payload, e.Arrived, i.opts.limits()).bad
	case kindStatus:
		_, fault = decodeStatus(e.Payload)
	case kindProgress:
		_, fault = decodeProgress(e.Payload)
	case kindChecks:
		_, fault = decodeCheck(e.Payload)
	case kindWithdrawals:
		_, fault = decodeWithdrawal(e.Payload)
	default:
		fault = site.Errorf(site.Invalid, "ingest.bad_topic", "topic", "topic", clip(e.Topic))
	}
	return fault
}

func kindOf(topic string) string {
	if addr, _ := parseTopic(topic); addr.kind != "" {
		return addr.kind
	}
	return kindOther
}
