export const roles = ['admin', 'owner', 'supervisor', 'safety', 'viewer'] as const
export type Role = (typeof roles)[number]
export type Action =
  | 'view'
  | 'report'
  | 'check'
  | 'open'
  | 'move'
  | 'close'
  | 'plan'
  | 'rules'
  | 'devices'
  | 'refused'
  | 'accounts'

/** What the server allows each role; the server decides, this only hides what would be refused. */
const allowed: Record<Exclude<Role, 'admin'>, Action[]> = {
  viewer: ['view'],
  supervisor: ['view', 'report', 'check', 'open', 'move'],
  safety: ['view', 'check', 'open', 'move', 'close', 'rules'],
  owner: ['view', 'open', 'move', 'close', 'plan'],
}

export function may(role: Role | undefined, action: Action): boolean {
  if (!role) return false
  return role === 'admin' || allowed[role].includes(action)
}

export function roleIn(roles: Record<string, Role>, project: string, admin: boolean): Role | undefined {
  return admin ? 'admin' : (roles[project] ?? roles['*'])
}

export const states = ['open', 'assessed', 'assigned', 'in_hand', 'reported', 'closed', 'rejected', 'reopened'] as const
export type IssueState = (typeof states)[number]

const next: Record<IssueState, IssueState[]> = {
  open: ['assessed', 'assigned', 'in_hand', 'closed'],
  reopened: ['assessed', 'assigned', 'in_hand', 'closed'],
  assessed: ['assigned', 'in_hand', 'closed'],
  assigned: ['in_hand', 'reported', 'assigned', 'closed'],
  in_hand: ['reported', 'assigned', 'closed'],
  reported: ['closed', 'rejected'],
  rejected: ['in_hand', 'reported', 'assigned'],
  closed: ['reopened'],
}

const closing: IssueState[] = ['closed', 'rejected', 'reopened']

/** The moves to offer, the likeliest first. */
export function moves(state: IssueState, role: Role | undefined): IssueState[] {
  return next[state].filter((to) => may(role, closing.includes(to) ? 'close' : 'move'))
}
