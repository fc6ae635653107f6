import { describe, expect, it } from 'vitest'
import {
  addMonths,
  dayIn,
  dayString,
  isoWeek,
  localParts,
  monday,
  newDay,
  parseDay,
  quarterStart,
  weekday,
} from './dates'

describe('days', () => {
  it('reads and writes days, and the date of a date-time as written', () => {
    expect(parseDay('1970-01-02')).toBe(1)
    expect(dayString(newDay(2026, 11, 24))).toBe('2026-11-24')
    expect(parseDay('2026-11-24T17:00')).toBe(newDay(2026, 11, 24))
    for (const bad of [null, undefined, '', 'soon']) expect(parseDay(bad)).toBeNull()
  })

  it('knows which day an instant falls on in a zone', () => {
    const at = new Date('2026-11-23T16:30:00Z')
    expect(dayIn('Asia/Shanghai', at)).toBe(newDay(2026, 11, 24))
    expect(dayIn('UTC', at)).toBe(newDay(2026, 11, 23))
    expect(localParts('Asia/Shanghai', at)).toEqual({ date: '2026-11-24', time: '00:30' })
  })

  it('counts weeks from Monday, after ISO 8601', () => {
    expect(weekday(newDay(2026, 11, 23))).toBe(0)
    expect(monday(newDay(2026, 11, 29))).toBe(newDay(2026, 11, 23))
    expect(isoWeek(newDay(2027, 1, 1))).toBe(53)
    expect(isoWeek(newDay(2026, 1, 1))).toBe(1)
    expect(isoWeek(newDay(2024, 12, 30))).toBe(1)
  })

  it('steps over months, quarters and years', () => {
    expect(addMonths(newDay(2026, 12, 31), 1)).toBe(newDay(2027, 1, 1))
    expect(addMonths(newDay(2026, 1, 31), -1)).toBe(newDay(2025, 12, 1))
    expect(quarterStart(newDay(2026, 8, 20))).toBe(newDay(2026, 7, 1))
  })
})
