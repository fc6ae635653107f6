import { addMonths, monday, monthStart, quarterStart, toDate, type Day } from './dates'

export const zooms = ['day', 'week', 'month', 'quarter'] as const
export type Zoom = (typeof zooms)[number]

/** Pixels of one day at each zoom. */
export const dayWidth: Record<Zoom, number> = { day: 28, week: 12, month: 4.4, quarter: 1.6 }

export interface Scale {
  zoom: Zoom
  from: Day
  /** The first day after the scale. */
  to: Day
  perDay: number
  width: number
  /** Left edge of a day in pixels. */
  x(day: Day): number
  /** The day at a place, with its fraction. */
  day(x: number): number
}

/** The closest zoom at which so many days fit into a width; null when none does. */
export function fittingZoom(days: number, width: number): Zoom | null {
  return zooms.find((z) => days * dayWidth[z] <= width) ?? null
}

/**
 * A scale from one day to another (both shown), stretched to whole months and at least
 * `minWidth` wide; with `maxWidth` (paper) the days are narrowed until they fit.
 */
export function makeScale(zoom: Zoom, first: Day, last: Day, minWidth = 0, maxWidth = Infinity): Scale {
  const from = monthStart(first)
  let to = addMonths(last, 1)
  const perDay = Math.min(dayWidth[zoom], maxWidth / (to - from))
  const missing = minWidth - (to - from) * perDay
  if (missing > 0) to = from + Math.ceil(minWidth / perDay)
  return {
    zoom,
    from,
    to,
    perDay,
    width: (to - from) * perDay,
    x: (day) => (day - from) * perDay,
    day: (x) => from + x / perDay,
  }
}

export interface Tick {
  day: Day
  x: number
  width: number
  unit: 'day' | 'week' | 'month' | 'quarter' | 'year'
}

const steps: Record<Tick['unit'], { start(day: Day): Day; next(day: Day): Day }> = {
  day: { start: (d) => Math.floor(d), next: (d) => d + 1 },
  week: { start: (d) => monday(Math.floor(d)), next: (d) => d + 7 },
  month: { start: monthStart, next: (d) => addMonths(d, 1) },
  quarter: { start: quarterStart, next: (d) => addMonths(d, 3) },
  year: { start: (d) => addMonths(d, -toDate(d).getUTCMonth()), next: (d) => addMonths(d, 12) },
}

const tiers: Record<Zoom, { major: Tick['unit']; minor: Tick['unit'] }> = {
  day: { major: 'month', minor: 'day' },
  week: { major: 'month', minor: 'week' },
  month: { major: 'year', minor: 'month' },
  quarter: { major: 'year', minor: 'quarter' },
}

/** The ticks of a header tier between two places; the first may begin before `left`. */
export function ticks(scale: Scale, tier: 'major' | 'minor', left: number, right: number): Tick[] {
  const unit = tiers[scale.zoom][tier]
  const step = steps[unit]
  const end = Math.min(scale.to, scale.day(right))
  const out: Tick[] = []
  for (let day = step.start(Math.floor(Math.max(scale.from, scale.day(left)))); day < end; ) {
    const next = step.next(day)
    const from = Math.max(day, scale.from)
    const to = Math.min(next, scale.to)
    if (to > from) out.push({ day, x: scale.x(from), width: (to - from) * scale.perDay, unit })
    day = next
  }
  return out
}
