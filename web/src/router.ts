import { createRouter, createWebHistory } from 'vue-router'
import { choose, firstProject, firstScreen, loadSession, session } from './state/session'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/sign-in', name: 'sign-in', component: () => import('./views/SignIn.vue'), meta: { open: true } },
    { path: '/', name: 'home', component: () => import('./views/NoProject.vue') },
    {
      path: '/p/:project',
      children: [
        { path: '', redirect: { name: 'home' } },
        { path: 'today', name: 'today', component: () => import('./views/Today.vue') },
        { path: 'today/check/:form', name: 'check', component: () => import('./views/CheckForm.vue'), props: true },
        { path: 'today/report/:task?', name: 'report', component: () => import('./views/ReportForm.vue'), props: true },
        { path: 'timeline', name: 'timeline', component: () => import('./views/Timeline.vue') },
        { path: 'issues/:id?', name: 'issues', component: () => import('./views/Issues.vue'), props: true },
        { path: 'sensors/:id?', name: 'sensors', component: () => import('./views/Sensors.vue'), props: true },
        { path: 'limits', name: 'limits', component: () => import('./views/Limits.vue') },
        { path: 'me', name: 'me', component: () => import('./views/Me.vue') },
        { path: 'me/refused', name: 'refused', component: () => import('./views/Refused.vue') },
        { path: 'me/people', name: 'people', component: () => import('./views/People.vue') },
        { path: 'me/settings', name: 'settings', component: () => import('./views/Settings.vue') },
      ],
    },
    { path: '/:rest(.*)*', redirect: { name: 'home' } },
  ],
})

router.beforeEach(async (to) => {
  if (to.meta.open) return true
  let me
  try {
    me = await loadSession()
  } catch {
    // No network and nobody known: the sign-in page says so when it is tried.
    return { name: 'sign-in', query: { then: to.fullPath } }
  }
  if (!me) return { name: 'sign-in', query: to.fullPath === '/' ? {} : { then: to.fullPath } }
  const id = to.params.project
  if (typeof id === 'string') {
    if (!session.projects.some((p) => p.id === id)) return { name: 'home' }
    if (session.project !== id) choose(id)
    return true
  }
  const first = firstProject()
  return first ? { name: firstScreen(), params: { project: first } } : true
})
