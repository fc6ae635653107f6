import { readonly, ref } from 'vue'

const ticking = ref(Date.now())
setInterval(() => (ticking.value = Date.now()), 5000)

/** The time now, fresh enough for ages on the screen. */
export const now = readonly(ticking)
