import { describe, expect, it } from 'vitest'
import { elbow, makeBar, summary } from './bars'
import { newDay } from './dates'
import { makeScale } from './scale'

const scale = makeScale('day', newDay(2026, 3, 1), newDay(2026, 4, 30))
const now = scale.x(newDay(2026, 3, 11))
const dates = {
  baseline_start: '2026-03-02',
  baseline_finish: '2026-03-20',
  actual_start: '2026-03-02',
  actual_finish: null,
  forecast_start: '2026-03-02',
  forecast_finish: '2026-03-25',
  percent: 40,
}
const at = (d: number, m = 3) => scale.x(newDay(2026, m, d))

describe('bars', () => {
  it('draws a late task in progress: actual to the data date, forecast behind it, the late part past the agreed finish', () => {
    const b = makeBar(dates, scale, now)
    expect(b.baseline).toEqual({ x: at(2), width: at(21) - at(2) })
    expect(b.actual).toEqual({ x: at(2), width: now - at(2) })
    expect(b.filled?.width).toBeCloseTo((now - at(2)) * 0.4)
    expect(b.forecast).toEqual({ x: now, width: at(26) - now })
    expect(b.late).toEqual({ x: at(21), width: at(26) - at(21) })
    expect(b.whole).toEqual({ x: at(2), width: at(26) - at(2) })
  })
  it('draws a finished task whole and without a forecast', () => {
    const b = makeBar({ ...dates, actual_finish: '2026-03-10', percent: 100 }, scale, now)
    expect(b.actual).toEqual({ x: at(2), width: at(11) - at(2) })
    expect(b.forecast).toBeNull()
    expect(b.late).toBeNull()
  })
  it('draws a task that has not begun', () => {
    const b = makeBar({ ...dates, actual_start: null, percent: 0, forecast_start: '2026-03-23' }, scale, now)
    expect(b.actual).toBeNull()
    expect(b.late).toEqual(b.forecast)
  })
  it('sums a building up', () => {
    const tasks = [dates, { ...dates, actual_start: null, baseline_start: '2026-02-01', forecast_finish: '2026-04-02' }]
    const s = summary(
      tasks.map((d, i) => ({
        ...d,
        id: `${i}`,
        name: '',
        code: '',
        slip_days: 0,
        total_float: 0,
        critical: false,
        cause: [],
      })),
    )
    expect(s).toMatchObject({ baseline_start: '2026-02-01', forecast_finish: '2026-04-02', actual_finish: null })
    expect(summary([])).toBeNull()
  })
  it('leads a link with right angles only', () => {
    for (const path of [
      elbow(10, 5, 50, 33, true, true),
      elbow(50, 5, 10, 33, true, true),
      elbow(10, 5, 50, 33, false, true),
    ])
      expect(path).toMatch(/^M[\d. -]+(H[-\d.]+(V[\d.]+)?)+$/)
  })
})
