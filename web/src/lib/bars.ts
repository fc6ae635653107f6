import { parseDay, type Day } from './dates'
import type { Scale } from './scale'
import type { TimelineTask } from '@/api/types'

export interface Span {
  x: number
  width: number
}

/** What is drawn for one task, in pixels of the scale. */
export interface Bar {
  baseline: Span | null
  /** From the actual start to the finish, or to the data date. */
  actual: Span | null
  /** The share of `actual` that is filled: the percent. */
  filled: Span | null
  forecast: Span | null
  /** The part of the forecast past the agreed finish. */
  late: Span | null
  /** All of actual and forecast. */
  whole: Span | null
}

type Dates = Pick<
  TimelineTask,
  | 'baseline_start'
  | 'baseline_finish'
  | 'actual_start'
  | 'actual_finish'
  | 'forecast_start'
  | 'forecast_finish'
  | 'percent'
>

/** Finishes are last working days, so a bar ends where the next day begins. */
export function makeBar(task: Dates, scale: Scale, nowX: number): Bar {
  const start = (d: string | null) => at(d, 0)
  const end = (d: string | null) => at(d, 1)
  function at(text: string | null, plus: number): number | null {
    const day: Day | null = parseDay(text)
    return day === null ? null : scale.x(day + plus)
  }

  const baseline = span(start(task.baseline_start), end(task.baseline_finish))
  const began = start(task.actual_start)
  const done = end(task.actual_finish)
  const actual = began === null ? null : span(began, done ?? Math.max(nowX, began))
  const filled = actual && { x: actual.x, width: (actual.width * Math.min(100, Math.max(0, task.percent))) / 100 }

  let forecast: Span | null = null
  if (done === null) {
    const from = actual ? actual.x + actual.width : start(task.forecast_start)
    const to = end(task.forecast_finish)
    if (from !== null && to !== null && to > from) forecast = { x: from, width: to - from }
  }
  let late: Span | null = null
  const agreed = end(task.baseline_finish)
  if (forecast && agreed !== null) {
    const from = Math.max(forecast.x, agreed)
    const to = forecast.x + forecast.width
    if (to > from) late = { x: from, width: to - from }
  }
  const left = actual ?? forecast
  const right = forecast ?? actual
  const whole = left && right ? { x: left.x, width: right.x + right.width - left.x } : null
  return { baseline, actual, filled, forecast, late, whole }
}

function span(from: number | null, to: number | null): Span | null {
  return from === null || to === null || to < from ? null : { x: from, width: to - from }
}

/** A building as one bar: from its first start to its last finish. */
export function summary(tasks: readonly TimelineTask[]): Dates | null {
  if (tasks.length === 0) return null
  const first = (pick: (t: TimelineTask) => string | null) =>
    tasks.reduce<string | null>((best, t) => earlier(best, pick(t)), null)
  const last = (pick: (t: TimelineTask) => string | null) =>
    tasks.reduce<string | null>((best, t) => later(best, pick(t)), null)
  const finished = tasks.every((t) => t.actual_finish)
  const weight = tasks.reduce((sum, t) => sum + t.percent, 0) / tasks.length
  return {
    baseline_start: first((t) => t.baseline_start),
    baseline_finish: last((t) => t.baseline_finish),
    actual_start: first((t) => t.actual_start),
    actual_finish: finished ? last((t) => t.actual_finish) : null,
    forecast_start: first((t) => t.forecast_start),
    forecast_finish: last((t) => t.actual_finish ?? t.forecast_finish),
    percent: weight,
  }
}

function earlier(a: string | null, b: string | null): string | null {
  if (!a || !b) return a ?? b
  return a < b ? a : b
}

function later(a: string | null, b: string | null): string | null {
  if (!a || !b) return a ?? b
  return a > b ? a : b
}

/** The path of a link between two rows, drawn with right angles. */
export function elbow(x1: number, y1: number, x2: number, y2: number, fromEnd: boolean, toStart: boolean): string {
  const stub = 7
  const out = x1 + (fromEnd ? stub : -stub)
  const into = x2 + (toStart ? -stub : stub)
  const direct = fromEnd === toStart ? (fromEnd ? out <= into : out >= into) : true
  if (direct) {
    const turn = fromEnd === toStart ? (fromEnd ? into : into) : fromEnd ? Math.max(out, into) : Math.min(out, into)
    return `M${x1} ${y1}H${turn}V${y2}H${x2}`
  }
  const middle = (y1 + y2) / 2
  return `M${x1} ${y1}H${out}V${middle}H${into}V${y2}H${x2}`
}
