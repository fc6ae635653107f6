import { reactive } from 'vue'
import { get, inProject } from '@/api/client'
import type { Plan } from '@/api/types'

interface Known {
  plan: Plan | null
  task: Map<string, Plan['tasks'][number]>
  building: Map<string, string>
}

const known = reactive<Record<string, Known>>({})

/** The names of a project's buildings and tasks; asked for once a visit. */
export function usePlan(project: string) {
  if (!known[project]) {
    known[project] = { plan: null, task: new Map(), building: new Map() }
    get<Plan>(inProject(project, 'plan'))
      .then((plan) => {
        known[project] = {
          plan,
          task: new Map(plan.tasks.map((x) => [x.id, x])),
          building: new Map((plan.buildings ?? []).map((b) => [b.id, b.name])),
        }
      })
      .catch(() => delete known[project])
  }
  return {
    plan: () => known[project]?.plan ?? null,
    task: (id: string) => known[project]?.task.get(id),
    /** Name of a building; empty for the whole project. */
    building: (id: string | undefined) => (id ? (known[project]?.building.get(id) ?? '') : ''),
    buildingOfTask: (id: string) => known[project]?.building.get(known[project]?.task.get(id)?.building ?? '') ?? '',
  }
}

/** After the plan was changed. */
export function forgetPlan(project: string): void {
  delete known[project]
}
