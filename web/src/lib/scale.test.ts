import { describe, expect, it } from 'vitest'
import { newDay, toDate } from './dates'
import { dayWidth, fittingZoom, makeScale, ticks, zooms } from './scale'

const first = newDay(2026, 3, 5)
const last = newDay(2027, 8, 20)

describe('scale', () => {
  it('covers whole months and is the inverse of itself', () => {
    for (const zoom of zooms) {
      const s = makeScale(zoom, first, last)
      expect(toDate(s.from).getUTCDate()).toBe(1)
      expect(s.x(s.from)).toBe(0)
      expect(s.x(s.to)).toBeCloseTo(s.width)
      expect(s.day(s.x(last))).toBeCloseTo(last)
      expect(s.x(last + 1) - s.x(last)).toBeCloseTo(dayWidth[zoom])
    }
  })

  it('fills the width that there is', () => {
    const s = makeScale('quarter', first, first + 10, 900)
    expect(s.width).toBeGreaterThanOrEqual(900)
  })

  it('narrows the days to fit paper, and finds the zoom that fits a screen', () => {
    expect(makeScale('day', first, last, 0, 1000).width).toBeCloseTo(1000)
    expect(fittingZoom(30, 900)).toBe('day')
    expect(fittingZoom(500, 900)).toBe('quarter')
    expect(fittingZoom(5000, 900)).toBeNull()
  })

  it('tiles the header without a gap, whatever part is in view', () => {
    for (const zoom of zooms) {
      const s = makeScale(zoom, first, last)
      for (const tier of ['major', 'minor'] as const) {
        const all = ticks(s, tier, 0, s.width)
        expect(all[0]?.x).toBe(0)
        for (let i = 1; i < all.length; i++) {
          const before = all[i - 1]!
          expect(all[i]!.x).toBeCloseTo(before.x + before.width)
        }
        const end = all[all.length - 1]!
        expect(end.x + end.width).toBeCloseTo(s.width)
        const some = ticks(s, tier, 500, 700)
        expect(some[0]!.x).toBeLessThanOrEqual(500)
        expect(some.length).toBeLessThan(all.length + 1)
      }
    }
  })
})
