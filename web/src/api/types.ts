import type { IssueState, Role } from '@/lib/rights'

export type Severity = 'info' | 'warning' | 'critical'
export type { IssueState, Role }

export interface List<T> {
  items: T[]
  next: string
}

export interface Me {
  login: string
  name: string
  mail: string
  mail_from: Severity | ''
  lang: string
  admin: boolean
  roles: Record<string, Role>
}

export interface DayOff {
  from: string
  to: string
  name?: string
  working?: boolean
}

export interface Project {
  id: string
  name: string
  zone: string
  phase: string
  grade: string
  light: 'green' | 'amber' | 'red' | 'grey'
  light_why: string
  baseline_finish: string | null
  forecast_finish: string | null
  p50: string | null
  p80: string | null
  slip_days: number
  percent: number
  check_by: string
  daily_checks: string[] | null
  calendar: { days_a_week: number; holidays: string; off?: DayOff[] | null }
  my_role: Role
  /** Of the single project only, not in the list. */
  open_issues?: Record<Severity, number>
}

export interface Cause {
  task: string
  days: number
  reason: string
  issue: string
  last_report?: string | null
  by?: string
  name?: string
  building?: string
  note?: string
}

export interface TimelineTask {
  id: string
  name: string
  code: string
  trade?: string
  building?: string
  baseline_start: string | null
  baseline_finish: string | null
  actual_start: string | null
  actual_finish: string | null
  forecast_start: string | null
  forecast_finish: string | null
  percent: number
  slip_days: number
  total_float: number
  critical: boolean
  cause: Cause[] | null
  last_report?: string | null
  stale_days?: number
}

export interface TimelineBuilding {
  id: string
  name: string
  percent: number
  slip_days: number
  tasks: TimelineTask[]
}

export interface Milestone {
  id: string
  name: string
  building?: string
  reached?: boolean
  baseline: string | null
  forecast: string | null
  p50?: string | null
  p80?: string | null
  slip_days: number
}

export interface Link {
  pred: string
  succ: string
  type: 'FS' | 'SS' | 'FF' | 'SF'
  lag_days: number
}

export interface Timeline {
  as_of: string
  percent?: number
  data_date?: string
  project_start?: string
  delivery: {
    baseline: string | null
    forecast?: string | null
    p50: string | null
    p80: string | null
    slip_days: number
    since?: string | null
    stale_days?: number
    cause: Cause[] | null
  }
  buildings: TimelineBuilding[]
  milestones: Milestone[]
  links?: Link[] | null
  holidays?: { from: string; to: string; name: string }[] | null
}

export interface Curve {
  items: { day: string; planned: number; earned: number | null }[]
  spi: number | null
  spi_t: number | null
  data_date?: string | null
  planned?: number | null
  earned?: number | null
}

export interface Withdrawn {
  by: string
  why: string
  at: string
}

export interface Progress {
  id: string
  task: string
  t: string
  arrived: string
  skew_seconds: number
  percent: number | null
  quantity: number | null
  workers: number | null
  note: string
  reason: string
  by: string
  door: string
  withdrawn: Withdrawn | null
}

export interface ChecklistItem {
  code: string
  text: string
  text_en: string
  max: number
  guarantee: boolean
  unit: string
  min_value: number | null
  max_value: number | null
}

export interface Checklist {
  id: string
  version: number
  name: string
  name_en: string
  source: string
  items: ChecklistItem[]
}

export interface Check {
  id: string
  checklist: string
  version: number
  building: string
  t: string
  by: string
  score: number
  grade: string
  passed: boolean
  failed_items: number
  issues: string[] | null
  withdrawn: Withdrawn | null
  items?: CheckAnswer[]
}

export interface CheckAnswer {
  code: string
  result: 'pass' | 'fail' | 'na'
  deduct?: number
  value?: number
  note?: string
}

export interface Owed {
  checklist: string
  name: string
  name_en: string
  due: string
  done: { id: string; t: string; by: string; score: number; grade: string; passed: boolean } | null
}

export interface ActiveTask {
  id: string
  name: string
  building: string
  percent: number
  last_report: string | null
  forecast_finish: string | null
  baseline_finish: string | null
  slip_days: number
  quantity?: number
  unit?: string
}

export interface Today {
  day: string
  working: boolean
  check_by: string
  owed: Owed[] | null
  tasks: ActiveTask[] | null
}

export interface Move {
  to: IssueState
  by: string
  at: string
  note: string
  photos: string[] | null
  assignee?: string
  due?: string | null
}

export interface Issue {
  id: string
  key: string
  kind: 'slip' | 'reading' | 'silence' | 'check_failed' | 'check_missed' | 'blocking' | 'person'
  severity: Severity
  state: IssueState
  title: string
  detail?: string
  task: string
  device: string
  building: string
  opened_at: string
  opened_by?: string
  updated_at?: string
  closed_at?: string | null
  due: string | null
  overdue?: boolean
  assignee: string
  stop_work?: boolean
  reason?: string
  moves: Move[] | null
}

export interface Limit {
  severity: Severity
  limit: number
  op?: string
}

export interface LastValue {
  metric: string
  unit: string
  t: string
  value: number | null
  level: Severity | ''
  limits: Limit[] | null
}

export interface Device {
  id: string
  kind: string
  name: string
  place: string
  building: string
  status: string
  last_seen: string | null
  silent: boolean
  silent_after_seconds: number
  revoked_at: string | null
  last: LastValue[] | null
}

export interface Window {
  t: string
  min: number
  mean: number
  max: number
  count: number
}

export interface Rule {
  kind: string
  metric: string
  unit: string
  op: string
  levels: { severity: Severity; limit: number }[]
  hysteresis: number
  hold_seconds: number
  source: string
  source_en?: string
  night?: { from: string; to: string; levels: { severity: Severity; limit: number }[] }
  default: boolean
}

export interface Refused {
  id: string
  t: string
  door: string
  topic: string
  reason: string
  code?: string
  device?: string
  payload: string | null
  payload_encoding?: string
  taken_at?: string | null
}

export interface Member {
  login: string
  name: string
  role?: Role
  roles?: Record<string, Role>
  mail?: string
  lang?: string
  disabled?: boolean
}

export interface Token {
  id: string
  login: string
  created_at?: string
  revoked_at?: string | null
}

export interface Plan {
  revision: number
  start: string
  delivery: string
  buildings: { id: string; name: string }[]
  tasks: {
    id: string
    name: string
    building: string
    quantity?: number
    unit?: string
    milestone?: boolean
  }[]
}

export interface Trend {
  at: string
  slip_days: number
  forecast: string | null
  p50: string | null
  p80: string | null
}
