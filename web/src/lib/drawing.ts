import type { Link, Timeline, TimelineTask } from '@/api/types'
import { elbow, makeBar, summary, type Bar } from './bars'
import { parseDay, type Day } from './dates'
import { late, type Row } from './rows'
import type { Scale } from './scale'

/** Where things stand in a row, in pixels from its top. */
export interface Layout {
  left: number
  row: number
  bar: number
  height: number
  base: number
  baseHeight: number
}

export const deskLayout: Layout = { left: 344, row: 28, bar: 6, height: 12, base: 21, baseHeight: 3 }
export const phoneLayout: Layout = { left: 148, row: 40, bar: 10, height: 15, base: 30, baseHeight: 4 }

/** What is drawn for one row. */
export interface Drawn {
  row: Row
  index: number
  /** From the top of the drawn slice. */
  y: number
  bar: Bar | null
  milestone: { base: number | null; now: number | null } | null
  slipDays: number
  late: boolean
  critical: boolean
  done: boolean
  labelX: number
}

export function drawRow(row: Row, index: number, y: number, scale: Scale, nowX: number): Drawn {
  const out: Drawn = {
    row,
    index,
    y,
    bar: null,
    milestone: null,
    slipDays: 0,
    late: false,
    critical: false,
    done: false,
    labelX: 0,
  }
  switch (row.kind) {
    case 'task':
      out.bar = makeBar(row.task, scale, nowX)
      out.slipDays = row.task.slip_days
      out.done = row.task.actual_finish !== null
      out.critical = row.task.critical && !out.done
      break
    case 'building': {
      const dates = summary(row.building.tasks)
      out.bar = dates && makeBar({ ...dates, percent: row.building.percent }, scale, nowX)
      out.slipDays = row.building.slip_days
      break
    }
    case 'milestone': {
      const middle = (text: string | null) => {
        const at = parseDay(text)
        return at === null ? null : scale.x(at + 0.5)
      }
      out.milestone = { base: middle(row.milestone.baseline), now: middle(row.milestone.forecast) }
      out.slipDays = row.milestone.slip_days
      out.labelX = Math.max(out.milestone.base ?? 0, out.milestone.now ?? 0) + 12
      break
    }
  }
  out.late = late(out.slipDays)
  if (out.bar) {
    const end = out.bar.whole ?? out.bar.baseline
    out.labelX = (end ? end.x + end.width : 0) + 6
  }
  return out
}

/** The first and the last day that a timeline must show. */
export function extent(data: Timeline, today: Day): { first: Day; last: Day } {
  let first = today
  let last = today
  const take = (text: string | null | undefined) => {
    const d = parseDay(text)
    if (d === null) return
    if (d < first) first = d
    if (d > last) last = d
  }
  for (const building of data.buildings)
    for (const task of building.tasks) {
      take(task.baseline_start)
      take(task.actual_start)
      take(task.baseline_finish)
      take(task.forecast_finish)
    }
  for (const m of data.milestones) {
    take(m.baseline)
    take(m.forecast)
  }
  take(data.delivery.p80)
  return { first, last }
}

export interface Shade {
  x: number
  width: number
  name: string
}

/** Days off between two places. Single Sundays would only be noise where a day is a few pixels. */
export function shades(data: Timeline, scale: Scale, left: number, right: number): Shade[] {
  return (data.holidays ?? []).flatMap((h) => {
    const from = parseDay(h.from)
    const to = parseDay(h.to)
    if (from === null || to === null) return []
    const x = scale.x(from)
    const width = (to + 1 - from) * scale.perDay
    return width < 8 || x > right || x + width < left ? [] : [{ x, width, name: h.name }]
  })
}

/** Where each task and milestone stands; those of a folded building stand in its row. */
export function rowIndex(rows: readonly Row[], data: Timeline): Map<string, number> {
  const at = new Map<string, number>()
  const folded = new Map<string, number>()
  rows.forEach((r, i) => {
    if (r.kind === 'task') at.set(r.task.id, i)
    if (r.kind === 'milestone') at.set(r.milestone.id, i)
    if (r.kind === 'building') {
      for (const x of r.building.tasks) folded.set(x.id, i)
      for (const m of data.milestones) if (m.building === r.building.id) folded.set(m.id, i)
    }
  })
  for (const [id, i] of folded) if (!at.has(id)) at.set(id, i)
  return at
}

export interface LinkPath {
  key: string
  wire: string
  head: string
  mine: boolean
}

export interface LinkOptions {
  data: Timeline
  rows: readonly Row[]
  index: ReadonlyMap<string, number>
  tasks: ReadonlyMap<string, TimelineTask>
  scale: Scale
  nowX: number
  layout: Layout
  /** Indexes of the rows that are drawn. */
  range: { from: number; to: number }
  selected: string
  all: boolean
}

/** The links of the chosen task, or all in view; from the top of the drawn slice. */
export function linkPaths(o: LinkOptions): LinkPath[] {
  const links = o.data.links ?? []
  const mine = (l: Link) => o.selected !== '' && (l.pred === o.selected || l.succ === o.selected)
  const inView = (l: Link) => {
    const a = o.index.get(l.pred) ?? -1
    const b = o.index.get(l.succ) ?? -1
    // Links into a folded building would all start from one row.
    if (o.rows[a]?.kind === 'building' || o.rows[b]?.kind === 'building') return false
    return a !== b && Math.max(a, b) >= o.range.from && Math.min(a, b) < o.range.to
  }
  return links
    .filter((l) => mine(l) || (o.all && inView(l)))
    .flatMap((l) => {
      const from = ends(l.pred, o)
      const to = ends(l.succ, o)
      if (!from || !to) return []
      const atEnd = l.type === 'FS' || l.type === 'FF'
      const atStart = l.type === 'FS' || l.type === 'SS'
      const x = atStart ? to.left : to.right
      const back = atStart ? x - 5 : x + 5
      return [
        {
          key: `${l.pred}>${l.succ}`,
          wire: elbow(atEnd ? from.right : from.left, from.y, x, to.y, atEnd, atStart),
          head: `M${back} ${to.y - 3.5}L${x} ${to.y}L${back} ${to.y + 3.5}z`,
          mine: mine(l),
        },
      ]
    })
}

function ends(id: string, o: LinkOptions): { left: number; right: number; y: number } | null {
  const row = o.index.get(id)
  if (row === undefined) return null
  const y = (row - o.range.from) * o.layout.row + o.layout.bar + o.layout.height / 2
  const task = o.tasks.get(id)
  if (task) {
    const bar = makeBar(task, o.scale, o.nowX)
    const span = bar.whole ?? bar.baseline
    return span && { left: span.x, right: span.x + span.width, y }
  }
  const m = o.data.milestones.find((x) => x.id === id)
  const at = parseDay(m?.forecast ?? m?.baseline)
  if (at === null) return null
  const x = o.scale.x(at + 0.5)
  return { left: x - 6, right: x + 6, y }
}
