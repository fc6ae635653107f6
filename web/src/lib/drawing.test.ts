import { describe, expect, it } from 'vitest'
import type { Timeline, TimelineTask } from '@/api/types'
import { newDay } from './dates'
import { deskLayout, drawRow, extent, linkPaths, rowIndex, shades } from './drawing'
import { buildRows } from './rows'
import { makeScale } from './scale'

const task = (id: string, building: string): TimelineTask => ({
  id,
  name: id,
  code: '',
  building,
  baseline_start: '2026-03-02',
  baseline_finish: '2026-03-20',
  actual_start: '2026-03-02',
  actual_finish: null,
  forecast_start: '2026-03-02',
  forecast_finish: '2026-03-25',
  percent: 40,
  slip_days: 4,
  total_float: 0,
  critical: true,
  cause: [],
})
const data: Timeline = {
  as_of: '2026-03-10',
  delivery: { baseline: null, p50: null, p80: '2026-05-02', slip_days: 0, cause: [] },
  buildings: [
    { id: 'a', name: 'A', percent: 0, slip_days: 0, tasks: [task('A1', 'a'), task('A2', 'a')] },
    { id: 'b', name: 'B', percent: 0, slip_days: 0, tasks: [task('B1', 'b')] },
  ],
  milestones: [{ id: 'M', name: 'M', building: 'b', baseline: '2026-04-20', forecast: '2026-04-24', slip_days: 4 }],
  links: [
    { pred: 'A1', succ: 'A2', type: 'FS', lag_days: 0 },
    { pred: 'A2', succ: 'B1', type: 'SS', lag_days: 0 },
    { pred: 'B1', succ: 'M', type: 'FF', lag_days: 0 },
  ],
  holidays: [
    { from: '2026-04-04', to: '2026-04-06', name: 'Qingming' },
    { from: '2026-03-08', to: '2026-03-08', name: '' },
  ],
}
const today = newDay(2026, 3, 10)
const none = { late: false, critical: false, text: '' }

function drawing(folded: string[], selected: string, all: boolean) {
  const rows = buildRows(data, new Set(folded), none)
  const { first, last } = extent(data, today)
  const scale = makeScale('month', first, last)
  return linkPaths({
    data,
    rows,
    index: rowIndex(rows, data),
    tasks: new Map(data.buildings.flatMap((b) => b.tasks).map((t) => [t.id, t])),
    scale,
    nowX: scale.x(today),
    layout: deskLayout,
    range: { from: 0, to: rows.length },
    selected,
    all,
  }).map((l) => l.key)
}

describe('drawing', () => {
  it('shows from the first start to the 80 % day', () => {
    expect(extent(data, today)).toEqual({ first: newDay(2026, 3, 2), last: newDay(2026, 5, 2) })
  })
  it('draws the links of the chosen task, also into a folded building', () => {
    expect(drawing([], 'A2', false)).toEqual(['A1>A2', 'A2>B1'])
    expect(drawing(['b:b'], 'A2', false)).toEqual(['A1>A2', 'A2>B1'])
    expect(drawing([], '', false)).toEqual([])
  })
  it('draws all links on demand, but none of a folded building', () => {
    expect(drawing([], '', true)).toEqual(['A1>A2', 'A2>B1', 'B1>M'])
    expect(drawing(['b:b'], '', true)).toEqual(['A1>A2'])
  })
  it('shades days off, single ones only where a day is wide', () => {
    const at = (zoom: 'day' | 'month') => {
      const scale = makeScale(zoom, newDay(2026, 3, 1), newDay(2026, 5, 1))
      return shades(data, scale, 0, scale.width).map((s) => s.name)
    }
    expect(at('day')).toEqual(['Qingming', ''])
    expect(at('month')).toEqual(['Qingming'])
  })
  it('marks a task that is late and critical, and labels it behind its bar', () => {
    const scale = makeScale('month', newDay(2026, 3, 1), newDay(2026, 5, 1))
    const row = buildRows(data, new Set(), none).find((r) => r.key === 'A1')!
    const d = drawRow(row, 1, 28, scale, scale.x(today))
    expect(d).toMatchObject({ late: true, critical: true, done: false, slipDays: 4 })
    expect(d.labelX).toBeGreaterThan(d.bar!.whole!.x + d.bar!.whole!.width)
  })
})
