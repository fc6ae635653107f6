import { computed, reactive } from 'vue'
import { all, get, inProject, Problem, send } from '@/api/client'
import type { Me, Project } from '@/api/types'
import { may, roleIn, type Action } from '@/lib/rights'
import { knownLanguage, setLanguage } from './language'
import { recall, remember } from './storage'

interface Session {
  me: Me | null
  projects: Project[]
  project: string
}

export const session = reactive<Session>({ me: null, projects: [], project: '' })

export const project = computed(() => session.projects.find((p) => p.id === session.project))
export const zone = computed(() => project.value?.zone || 'Asia/Shanghai')
export const myRole = computed(() => {
  const me = session.me
  return me ? roleIn(me.roles ?? {}, session.project, me.admin) : undefined
})

export function can(action: Action): boolean {
  return may(myRole.value, action)
}

/** Who I am, asked once; null when nobody is signed in. */
export async function loadSession(): Promise<Me | null> {
  if (session.me) return session.me
  try {
    session.me = await get<Me>('/me')
  } catch (err) {
    if (err instanceof Problem && err.status === 401) return null
    throw err
  }
  if (recall('lang') === null) {
    const lang = knownLanguage(session.me.lang)
    if (lang) await setLanguage(lang)
  }
  await loadProjects()
  return session.me
}

export async function loadProjects(): Promise<void> {
  session.projects = await all<Project>('/projects?limit=200')
  if (session.project) await loadProject()
}

/** The chosen project with its settings and the count of its open issues. */
export async function loadProject(): Promise<void> {
  const one = await get<Project>(inProject(session.project)).catch(() => undefined)
  if (one) session.projects = session.projects.map((p) => (p.id === one.id ? one : p))
}

export async function signIn(login: string, password: string): Promise<void> {
  await send('POST', '/sessions', { login, password })
  session.me = null
  await loadSession()
}

export async function signOut(): Promise<void> {
  await send('DELETE', '/sessions').catch(() => undefined)
  forget()
}

export function forget(): void {
  session.me = null
  session.projects = []
}

export function choose(id: string): void {
  session.project = id
  remember('project', id)
  void loadProject()
}

/** Where to begin: the project of the last visit, else the first. */
export function firstProject(): string {
  const last = recall('project')
  return session.projects.find((p) => p.id === last)?.id ?? session.projects[0]?.id ?? ''
}

/** The screen that answers this person's first question. */
export function firstScreen(): string {
  const role = session.me ? roleIn(session.me.roles ?? {}, firstProject(), session.me.admin) : undefined
  if (role === 'supervisor') return 'today'
  if (role === 'safety') return 'issues'
  return 'timeline'
}
