import type { Milestone, Timeline, TimelineBuilding, TimelineTask } from '@/api/types'

/** One line of the timeline. */
export type Row =
  | { kind: 'milestones'; key: string; folded: boolean; count: number }
  | { kind: 'building'; key: string; building: TimelineBuilding; folded: boolean }
  | { kind: 'milestone'; key: string; milestone: Milestone; parent: string }
  /** `of` is the name of its building. */
  | { kind: 'task'; key: string; task: TimelineTask; parent: string; of: string }

export interface RowFilter {
  late: boolean
  critical: boolean
  text: string
}

export const milestonesKey = '*milestones'

export function late(slipDays: number | null | undefined): boolean {
  return (slipDays ?? 0) >= 0.5
}

/** The rows to show: the project's milestones first, then each building with its own and its tasks unless folded. */
export function buildRows(data: Timeline, folded: ReadonlySet<string>, filter: RowFilter): Row[] {
  const text = filter.text.trim().toLowerCase()
  const filtering = filter.late || filter.critical || text !== ''
  const keep = (name: string, id: string, slip: number, critical: boolean) =>
    (!filter.late || late(slip)) &&
    (!filter.critical || critical) &&
    (text === '' || name.toLowerCase().includes(text) || id.toLowerCase().includes(text))

  const rows: Row[] = []
  const points = data.milestones.filter((m) => keep(m.name, m.id, m.slip_days, !filter.critical))
  const isMilestone = new Set(data.milestones.map((m) => m.id))
  const homes = new Set(data.buildings.map((b) => b.id))
  const ofProject = points.filter((m) => !m.building || !homes.has(m.building))
  if (ofProject.length > 0) {
    const shut = folded.has(milestonesKey)
    rows.push({ kind: 'milestones', key: milestonesKey, folded: shut, count: ofProject.length })
    if (!shut)
      for (const m of ofProject) rows.push({ kind: 'milestone', key: `m:${m.id}`, milestone: m, parent: milestonesKey })
  }
  for (const building of data.buildings) {
    const tasks = building.tasks.filter((t) => !isMilestone.has(t.id) && keep(t.name, t.id, t.slip_days, t.critical))
    const own = points.filter((m) => m.building !== '' && m.building === building.id)
    if (tasks.length + own.length === 0 && filtering) continue
    const key = `b:${building.id}`
    const shut = folded.has(key) && text === ''
    rows.push({ kind: 'building', key, building, folded: shut })
    if (shut) continue
    for (const t of tasks) rows.push({ kind: 'task', key: t.id, task: t, parent: key, of: building.name })
    for (const m of own) rows.push({ kind: 'milestone', key: `m:${m.id}`, milestone: m, parent: key })
  }
  return rows
}

/** What to fold at first sight: all but the buildings that hold the delivery, or else are latest. */
export function firstFolds(data: Timeline): string[] {
  const held = new Set((data.delivery.cause ?? []).map((c) => c.building).filter((b) => b))
  const latest = [...data.buildings].sort((a, b) => b.slip_days - a.slip_days)[0]
  const open = (id: string) => held.has(id) || (held.size === 0 && id === latest?.id)
  return data.buildings.filter((b) => b.tasks.length > 0 && !open(b.id)).map((b) => `b:${b.id}`)
}

/** Indexes [from, to) of the rows to draw: those in view and some more on either side. */
export function visibleRange(
  scrollTop: number,
  viewHeight: number,
  rowHeight: number,
  count: number,
  overscan = 8,
): { from: number; to: number } {
  const first = Math.floor(scrollTop / rowHeight) - overscan
  const last = Math.ceil((scrollTop + viewHeight) / rowHeight) + overscan
  const to = Math.max(0, Math.min(count, last))
  return { from: Math.max(0, Math.min(first, to)), to }
}

/** The row that an arrow key leads to. */
export function step(index: number, by: number, count: number): number {
  if (count === 0) return -1
  return Math.max(0, Math.min(count - 1, index + by))
}
