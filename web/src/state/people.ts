import { reactive } from 'vue'
import { useI18n } from 'vue-i18n'
import { all, query } from '@/api/client'
import type { Member } from '@/api/types'

const members = reactive<Record<string, Member[]>>({})

/** The people of a project and how to name them; asked for once a visit. */
export function usePeople(project: string) {
  const { t } = useI18n()
  if (!members[project]) {
    members[project] = []
    all<Member>('/people' + query({ project, limit: 1000 }))
      .then((list) => (members[project] = list))
      .catch(() => delete members[project])
  }
  return {
    people: (): Member[] => members[project] ?? [],
    nameOf(login: string): string {
      if (login === 'topout') return t('product')
      return members[project]?.find((p) => p.login === login)?.name || login
    },
  }
}

/** After somebody was added or renamed. */
export function forgetPeople(): void {
  for (const project of Object.keys(members)) delete members[project]
}
