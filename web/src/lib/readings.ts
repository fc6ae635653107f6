import type { Device, LastValue, Severity, Window } from '@/api/types'

const rank: Record<string, number> = { critical: 3, warning: 2, info: 1, '': 0 }

/** What each kind is watched for, the first of them on its tile. */
const foremost: Record<string, string[]> = {
  tower_crane: ['moment_percent', 'wind_speed', 'load'],
  hoist: ['load_percent', 'speed'],
  weather: ['wind_speed', 'temperature'],
  dust: ['pm10', 'noise', 'pm25'],
  formwork: ['settlement', 'axial_percent', 'horizontal'],
  foundation_pit: ['displacement', 'settlement'],
  distribution_box: ['leakage', 'cable_temperature', 'current'],
  mass_concrete: ['core_temperature', 'surface_temperature'],
  gate: ['inside'],
}

/** The kind that a device with such metrics seems to be; empty when none is like it. */
export function guessKind(metrics: readonly string[]): string {
  let best = ''
  let most = 0
  for (const [kind, first] of Object.entries(foremost)) {
    const n = first.filter((m) => metrics.includes(m)).length
    if (n > most) {
      best = kind
      most = n
    }
  }
  return best
}

/** The metrics of a device: those over a limit first, then those that its kind is watched for. */
export function ordered(device: Device): LastValue[] {
  const first = foremost[device.kind] ?? []
  const place = (m: string) => {
    const i = first.indexOf(m)
    return i < 0 ? first.length : i
  }
  return [...(device.last ?? [])].sort(
    (a, b) =>
      (rank[b.level] ?? 0) - (rank[a.level] ?? 0) ||
      place(a.metric) - place(b.metric) ||
      a.metric.localeCompare(b.metric),
  )
}

/** The worst level of a device, '' when all is well. */
export function worst(device: Device): Severity | '' {
  let level: Severity | '' = ''
  for (const v of device.last ?? []) if ((rank[v.level] ?? 0) > (rank[level] ?? 0)) level = v.level
  return level
}

/** The limit that matters for a value: the one it passed, else the next. */
export function nearestLimit(value: LastValue): { severity: Severity; limit: number; op?: string } | undefined {
  const limits = [...(value.limits ?? [])].sort((a, b) => rank[a.severity]! - rank[b.severity]!)
  return limits.find((l) => l.severity === value.level) ?? limits[0]
}

/**
 * Columns for the curve: times in seconds, min, mean, max. Where windows are missing a
 * null breaks the line, so that silence does not look like a measurement.
 */
export function columns(
  windows: readonly Window[],
  everySeconds: number,
): [number[], (number | null)[], (number | null)[], (number | null)[]] {
  const t: number[] = []
  const min: (number | null)[] = []
  const mean: (number | null)[] = []
  const max: (number | null)[] = []
  const push = (at: number, a: number | null, b: number | null, c: number | null) => {
    t.push(at)
    min.push(a)
    mean.push(b)
    max.push(c)
  }
  const sorted = [...windows].sort((a, b) => (a.t < b.t ? -1 : 1))
  let before = Number.NaN
  for (const w of sorted) {
    const at = new Date(w.t).getTime() / 1000
    if (at - before > everySeconds * 2.5) push(before + everySeconds, null, null, null)
    push(at, w.min, w.mean, w.max)
    before = at
  }
  return [t, min, mean, max]
}

export const ranges = {
  '24h': { seconds: 86_400, every: '10m', everySeconds: 600 },
  '7d': { seconds: 7 * 86_400, every: '1h', everySeconds: 3600 },
  '30d': { seconds: 30 * 86_400, every: '6h', everySeconds: 21_600 },
} as const
export type RangeName = keyof typeof ranges
