import { describe, expect, it } from 'vitest'
import { newDay } from './dates'
import { age, day, moment, number, signedDays } from './format'

const today = newDay(2026, 11, 24)

describe('format', () => {
  it('writes numbers in the locale with a true minus and no minus zero', () => {
    expect(number('en', 1234.56)).toBe('1,234.6')
    expect(number('en', -3)).toBe('−3')
    expect(number('en', -0.04)).toBe('0')
  })
  it('writes slips with a sign, nothing when on time', () => {
    expect(signedDays('en', 6.4)).toBe('+6')
    expect(signedDays('en', -2)).toBe('−2')
    expect(signedDays('en', 0.5)).toBe('+0.5')
    expect(signedDays('en', 0.01)).toBe('')
    expect(signedDays('en', 0)).toBe('')
  })
  it('writes days with the weekday when near and the year when another', () => {
    expect(day('zh-CN', newDay(2026, 8, 20), today)).toBe('8月20日')
    expect(day('zh-CN', newDay(2026, 11, 27), today)).toBe('11月27日周五')
    expect(day('zh-CN', newDay(2027, 8, 20), today)).toBe('2027年8月20日')
    expect(day('en', newDay(2026, 8, 20), today)).toBe('20 Aug')
  })
  it('writes the time of today and the date of other days', () => {
    const now = new Date('2026-11-24T04:00:00Z')
    expect(moment('zh-CN', new Date('2026-11-24T01:41:00Z'), 'Asia/Shanghai', now)).toBe('09:41')
    expect(moment('zh-CN', new Date('2026-11-23T01:41:00Z'), 'Asia/Shanghai', now)).toBe('11月23日 09:41')
  })
  it('gives ages in the unit that still says something', () => {
    expect(age(500)).toEqual({ unit: 'now', n: 0 })
    expect(age(12_000)).toEqual({ unit: 's', n: 12 })
    expect(age(9 * 60_000)).toEqual({ unit: 'min', n: 9 })
    expect(age(2 * 3_600_000)).toEqual({ unit: 'h', n: 2 })
    expect(age(9 * 86_400_000)).toEqual({ unit: 'd', n: 9 })
  })
})
