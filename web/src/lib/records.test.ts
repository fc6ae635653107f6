import { describe, expect, it } from 'vitest'
import type { Device, Window } from '@/api/types'
import { answered, keeps, nextOpen } from './drafts'
import { ulid } from './id'
import { columns, guessKind, nearestLimit, ordered, worst } from './readings'
import { may, moves, roleIn } from './rights'

describe('ids', () => {
  it('makes ULIDs that sort by time and fit the id grammar', () => {
    const a = ulid(1_700_000_000_000)
    const b = ulid(1_700_000_000_001)
    expect(a).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    expect(a.slice(0, 10) < b.slice(0, 10)).toBe(true)
    expect(ulid()).not.toBe(ulid())
    expect(ulid(0, (b) => b.fill(0))).toBe('0'.repeat(26))
  })
})

describe('checks', () => {
  const items = ['a', 'b', 'c'].map((code) => ({ code, max: 10, min_value: null, max_value: 30 }))
  it('finds the next open item, round the end', () => {
    expect(nextOpen(items, {}, -1)).toBe(0)
    expect(nextOpen(items, { c: { code: 'c', result: 'pass' } }, 1)).toBe(0)
    expect(
      nextOpen(items, Object.fromEntries(items.map((i) => [i.code, { code: i.code, result: 'pass' as const }])), 0),
    ).toBe(-1)
  })
  it('sends only what belongs to the answer', () => {
    expect(
      answered(items, {
        b: { code: 'b', result: 'pass', deduct: 3, note: '  ' },
        a: { code: 'a', result: 'fail', deduct: 3, value: 31, note: ' loose ' },
      }),
    ).toEqual([
      { code: 'a', result: 'fail', deduct: 3, value: 31, note: 'loose' },
      { code: 'b', result: 'pass' },
    ])
  })
  it('judges a measured value by its limits', () => {
    expect(keeps({ code: 'a', max: 0, min_value: 1.2, max_value: null }, 1.1)).toBe(false)
    expect(keeps({ code: 'a', max: 0, min_value: null, max_value: 30 }, 30)).toBe(true)
  })
})

describe('readings', () => {
  const device = {
    kind: 'tower_crane',
    last: [
      { metric: 'load', unit: 't', t: '', value: 2, level: '', limits: [] },
      {
        metric: 'moment_percent',
        unit: '%',
        t: '',
        value: 41,
        level: '',
        limits: [
          { severity: 'critical', limit: 100 },
          { severity: 'warning', limit: 90 },
        ],
      },
      { metric: 'wind_speed', unit: 'm/s', t: '', value: 11, level: 'warning', limits: [] },
    ],
  } as unknown as Device
  it('puts what is over its limit first, then what the kind is watched for', () => {
    expect(ordered(device).map((v) => v.metric)).toEqual(['wind_speed', 'moment_percent', 'load'])
    expect(worst(device)).toBe('warning')
    expect(nearestLimit(device.last![1]!)?.limit).toBe(90)
  })
  it('guesses the kind of an unknown device by what it measures', () => {
    expect(guessKind(['pm25', 'pm10', 'noise', 'wind_speed', 'temperature'])).toBe('dust')
    expect(guessKind(['wind_speed', 'temperature', 'rain'])).toBe('weather')
    expect(guessKind(['x'])).toBe('')
  })
  it('breaks the curve where nothing was measured', () => {
    const w = (minute: number): Window => ({
      t: new Date(minute * 60_000).toISOString(),
      min: 1,
      mean: 2,
      max: 3,
      count: 1,
    })
    const [t, , mean] = columns([w(60), w(0), w(10)], 600)
    expect(t).toEqual([0, 600, 1200, 3600])
    expect(mean).toEqual([2, 2, null, 2])
  })
})

describe('rights', () => {
  it('follows the roles', () => {
    expect(may('supervisor', 'report')).toBe(true)
    expect(may('supervisor', 'close')).toBe(false)
    expect(may(undefined, 'view')).toBe(false)
    expect(roleIn({ '*': 'viewer', p: 'safety' }, 'p', false)).toBe('safety')
    expect(roleIn({ '*': 'viewer' }, 'q', false)).toBe('viewer')
    expect(roleIn({}, 'q', true)).toBe('admin')
  })
  it('offers only the moves that a role may make', () => {
    expect(moves('reported', 'supervisor')).toEqual([])
    expect(moves('reported', 'safety')).toEqual(['closed', 'rejected'])
    expect(moves('open', 'viewer')).toEqual([])
    expect(moves('open', 'supervisor')).toEqual(['assessed', 'assigned', 'in_hand'])
  })
})
