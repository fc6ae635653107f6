import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import { Problem } from '@/api/client'
import * as format from '@/lib/format'
import { dayIn, parseDay, type Day } from '@/lib/dates'
import { now } from './clock'
import { zone } from './session'

/** Formatting in the language of the screen and the zone of the project. */
export function useText() {
  const { t, te, locale } = useI18n()

  const today = (): Day => dayIn(zone.value, new Date(now.value))
  const number = (value: number | null | undefined, digits = 1) =>
    value == null ? t('none') : format.number(locale.value, value, digits)

  function day(value: string | Day | null | undefined): string {
    const d = typeof value === 'number' ? value : dayOf(value)
    return d === null ? t('none') : format.day(locale.value, d, today())
  }

  /** The day of a date, or of an instant in the project's zone. */
  function dayOf(value: string | null | undefined): Day | null {
    if (value && value.length > 10 && /[zZ]|[+-]\d\d:?\d\d$/.test(value)) return dayIn(zone.value, new Date(value))
    return parseDay(value)
  }

  function moment(value: string | null | undefined): string {
    return value ? format.moment(locale.value, new Date(value), zone.value, new Date(now.value)) : t('none')
  }

  function age(value: string | null | undefined): string {
    if (!value) return t('none')
    const a = format.age(now.value - new Date(value).getTime())
    return t(`age.${a.unit}`, { n: a.n })
  }

  function duration(seconds: number): string {
    const a = format.age(seconds * 1000)
    return a.unit === 'now' ? t('span.s', { n: 0 }) : t(`span.${a.unit}`, { n: a.n })
  }

  /** "+6 d", empty when on time. */
  function slip(days: number | null | undefined): string {
    const n = format.signedDays(locale.value, days ?? 0)
    return n === '' ? '' : t('slip.short', { n })
  }

  /** "6 days late", "on time", "2 days early". */
  function slipWords(days: number | null | undefined): string {
    const d = days ?? 0
    const digits = Math.abs(d) < 1 ? 1 : 0
    const n = Number(Math.abs(d).toFixed(digits))
    if (n === 0) return t('slip.none')
    return t(d > 0 ? 'slip.late' : 'slip.early', { n: number(n, digits) }, n === 1 ? 1 : 2)
  }

  /** A text for a code when we have one, else the code. */
  function term(group: string, code: string): string {
    const key = `${group}.${code}`
    return te(key) ? t(key) : code
  }

  /** A unit in the words of the language where it is a word. */
  function unit(code: string): string {
    return code === '0/1' ? '' : term('unit', code)
  }
  /** A reading's value; what is on or off says so. */
  function reading(value: number | null | undefined, code: string, digits = 1): string {
    if (code === '0/1' && value != null) return value ? t('on.yes') : t('on.no')
    return number(value, digits)
  }

  /** Between sentences; Chinese needs none. */
  const gap = computed(() => (locale.value.startsWith('zh') ? '' : ' '))

  function problem(err: unknown): string {
    if (err instanceof Problem) {
      if (err.offline) return t('problem.offline')
      if (err.detail) return err.detail
      if (err.status === 429) return t('problem.busy')
      if (err.status === 403) return t('problem.forbidden')
      if (err.status === 404) return t('problem.missing')
      return t('problem.server')
    }
    return t('problem.server')
  }

  return {
    t,
    te,
    locale,
    number,
    day,
    dayOf,
    today,
    moment,
    age,
    duration,
    slip,
    slipWords,
    term,
    problem,
    gap,
    unit,
    reading,
  }
}
