import { describe, expect, it } from 'vitest'
import type { Timeline, TimelineTask } from '@/api/types'
import { buildRows, firstFolds, milestonesKey, step, visibleRange } from './rows'

const task = (id: string, slip = 0, critical = false): TimelineTask => ({
  id,
  name: `Task ${id}`,
  code: '02',
  baseline_start: '2026-03-02',
  baseline_finish: '2026-03-20',
  actual_start: null,
  actual_finish: null,
  forecast_start: '2026-03-02',
  forecast_finish: '2026-03-20',
  percent: 0,
  slip_days: slip,
  total_float: 0,
  critical,
  cause: [],
})
const data: Timeline = {
  as_of: '2026-03-10',
  delivery: { baseline: null, p50: null, p80: null, slip_days: 0, cause: [] },
  buildings: [
    { id: 'a', name: 'A', percent: 0, slip_days: 0, tasks: [task('A1'), task('A2', 6, true), task('M')] },
    { id: 'b', name: 'B', percent: 0, slip_days: 0, tasks: [task('B1')] },
  ],
  milestones: [{ id: 'M', name: 'Topped out', baseline: '2026-03-20', forecast: '2026-03-20', slip_days: 0 }],
}
const none = { late: false, critical: false, text: '' }
const keys = (folded: string[], filter = none) => buildRows(data, new Set(folded), filter).map((r) => r.key)

describe('rows', () => {
  it('lists milestones once, then buildings with their tasks', () => {
    expect(keys([])).toEqual([milestonesKey, 'm:M', 'b:a', 'A1', 'A2', 'b:b', 'B1'])
  })
  it('puts the milestones of a building into it', () => {
    const moved = { ...data, milestones: data.milestones.map((m) => ({ ...m, building: 'a' })) }
    expect(buildRows(moved, new Set(), none).map((r) => r.key)).toEqual(['b:a', 'A1', 'A2', 'm:M', 'b:b', 'B1'])
  })
  it('opens at first what holds the delivery', () => {
    expect(firstFolds(data)).toEqual(['b:b'])
    const cause = [{ task: 'B1', days: 3, reason: 'weather', issue: '', building: 'b' }]
    expect(firstFolds({ ...data, delivery: { ...data.delivery, cause } })).toEqual(['b:a'])
  })
  it('folds a building', () => {
    expect(keys(['b:a'])).toEqual([milestonesKey, 'm:M', 'b:a', 'b:b', 'B1'])
  })
  it('keeps what is asked for and drops buildings without any of it', () => {
    expect(keys([], { ...none, late: true })).toEqual(['b:a', 'A2'])
    expect(keys(['b:b'], { ...none, text: 'b1' })).toEqual(['b:b', 'B1'])
  })
  it('draws only what is in view, and never outside the list', () => {
    expect(visibleRange(0, 280, 28, 2000, 2)).toEqual({ from: 0, to: 12 })
    expect(visibleRange(28_000, 280, 28, 2000, 2)).toEqual({ from: 998, to: 1012 })
    expect(visibleRange(99_999, 280, 28, 10, 2)).toEqual({ from: 10, to: 10 })
    expect(visibleRange(0, 280, 28, 0)).toEqual({ from: 0, to: 0 })
  })
  it('walks within the list', () => {
    expect(step(0, -1, 5)).toBe(0)
    expect(step(3, 5, 5)).toBe(4)
    expect(step(0, 1, 0)).toBe(-1)
  })
})
