/** Small things kept on this device; a browser that keeps nothing does no harm. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`topout.${key}`)
  } catch {
    return null
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`topout.${key}`)
    else localStorage.setItem(`topout.${key}`, value)
  } catch {
    // full or forbidden: it is remembered for this visit only
  }
}

export function recallJSON<T>(key: string): T | null {
  const text = recall(key)
  if (text === null) return null
  try {
    return JSON.parse(text) as T
  } catch {
    return null
  }
}
