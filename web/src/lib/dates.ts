/** A calendar day as days since 1970-01-01, the same as the server's. */
export type Day = number

const DAY_MS = 86_400_000

/** Reads `YYYY-MM-DD`, also the date of a date-time as it is written; null for nothing or nonsense. */
export function parseDay(text: string | null | undefined): Day | null {
  const m = /^(\d{4})-(\d{2})-(\d{2})/.exec(text ?? '')
  if (!m) return null
  return Date.UTC(Number(m[1]), Number(m[2]) - 1, Number(m[3])) / DAY_MS
}

export function dayString(day: Day): string {
  return toDate(day).toISOString().slice(0, 10)
}

/** The day's midnight in UTC; format it with timeZone UTC. */
export function toDate(day: Day): Date {
  return new Date(day * DAY_MS)
}

export function newDay(year: number, month: number, date: number): Day {
  return Date.UTC(year, month - 1, date) / DAY_MS
}

/** The day that an instant falls on in a zone. */
export function dayIn(zone: string, at: Date): Day {
  return parseDay(localParts(zone, at).date) ?? Math.floor(at.getTime() / DAY_MS)
}

/** Date and time of day of an instant in a zone, as `YYYY-MM-DD` and `HH:MM`. */
export function localParts(zone: string, at: Date): { date: string; time: string } {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at)
  const get = (type: string) => parts.find((p) => p.type === type)?.value ?? ''
  return { date: `${get('year')}-${get('month')}-${get('day')}`, time: `${get('hour')}:${get('minute')}` }
}

/** 0 is Monday. */
export function weekday(day: Day): number {
  return (((day + 3) % 7) + 7) % 7
}

export function monday(day: Day): Day {
  return day - weekday(day)
}

/** Week of the year after ISO 8601: week 1 holds the year's first Thursday. */
export function isoWeek(day: Day): number {
  const thursday = monday(day) + 3
  const year = toDate(thursday).getUTCFullYear()
  return 1 + Math.floor((thursday - newDay(year, 1, 1)) / 7)
}

export function monthStart(day: Day): Day {
  const d = toDate(day)
  return newDay(d.getUTCFullYear(), d.getUTCMonth() + 1, 1)
}

/** The first day of the month that lies `months` after the day's own. */
export function addMonths(day: Day, months: number): Day {
  const d = toDate(day)
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + months, 1) / DAY_MS
}

export function quarterStart(day: Day): Day {
  const d = toDate(day)
  return newDay(d.getUTCFullYear(), Math.floor(d.getUTCMonth() / 3) * 3 + 1, 1)
}
