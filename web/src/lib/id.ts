const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A ULID: made once on this device, so that sending a record again does not double it. */
export function ulid(now = Date.now(), random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = fill): string {
  let time = ''
  for (let i = 0, t = now; i < 10; i++) {
    time = alphabet.charAt(t % 32) + time
    t = Math.floor(t / 32)
  }
  let tail = ''
  for (const b of random(new Uint8Array(16))) tail += alphabet.charAt(b % 32)
  return time + tail
}

function fill(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  // Plain HTTP on a site's own network has getRandomValues, unlike randomUUID.
  return crypto.getRandomValues(bytes)
}
