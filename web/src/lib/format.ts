import { toDate, type Day } from './dates'

/** A number in the locale with at most `digits` decimals, and a true minus sign. */
export function number(locale: string, value: number, digits = 1): string {
  const rounded = Number(value.toFixed(digits))
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits })
    .format(Object.is(rounded, -0) ? 0 : rounded)
    .replace('-', '−')
}

/** Working days late with the sign, empty when it rounds to none: "+6", "−2", "+0.5". */
export function signedDays(locale: string, days: number): string {
  const digits = Math.abs(days) < 1 ? 1 : 0
  const text = number(locale, days, digits)
  if (text === '0') return ''
  return days > 0 ? `+${text}` : text
}

/** English here is that of 20 Aug, not of Aug 20. */
export function dateLocale(locale: string): string {
  return locale === 'en' ? 'en-GB' : locale
}

/** Day and month; the year when it is another than that of `today`, the weekday when near. */
export function day(locale: string, value: Day, today: Day): string {
  const date = toDate(value)
  const sameYear = date.getUTCFullYear() === toDate(today).getUTCFullYear()
  const near = Math.abs(value - today) <= 7
  return new Intl.DateTimeFormat(dateLocale(locale), {
    timeZone: 'UTC',
    day: 'numeric',
    month: locale.startsWith('zh') ? 'long' : 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
    ...(near ? { weekday: 'short' } : {}),
  }).format(date)
}

export function weekdayName(locale: string, value: Day): string {
  return new Intl.DateTimeFormat(dateLocale(locale), { timeZone: 'UTC', weekday: 'narrow' }).format(toDate(value))
}

/** Time of day for today, else the day with the time. */
export function moment(locale: string, at: Date, zone: string, now: Date): string {
  const dayOf = (d: Date) => new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(d)
  const time = new Intl.DateTimeFormat(dateLocale(locale), {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(at)
  if (dayOf(at) === dayOf(now)) return time
  const sameYear = dayOf(at).slice(0, 4) === dayOf(now).slice(0, 4)
  const date = new Intl.DateTimeFormat(dateLocale(locale), {
    timeZone: zone,
    day: 'numeric',
    month: locale.startsWith('zh') ? 'long' : 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(at)
  return `${date} ${time}`
}

export interface Age {
  unit: 'now' | 's' | 'min' | 'h' | 'd'
  n: number
}

/** How long ago, in the largest unit that still says something. */
export function age(ms: number): Age {
  const s = Math.round(ms / 1000)
  if (s < 3) return { unit: 'now', n: 0 }
  if (s < 90) return { unit: 's', n: s }
  const min = Math.round(s / 60)
  if (min < 90) return { unit: 'min', n: min }
  const h = Math.round(min / 60)
  if (h < 36) return { unit: 'h', n: h }
  return { unit: 'd', n: Math.round(h / 24) }
}
