// Checks that both languages say everything that the app asks for, nothing that it does
// not, with the same placeholders, and that no template holds a word of its own.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '@vue/compiler-sfc'

const root = new URL('../src/', import.meta.url).pathname
const problems = []

function* files(dir) {
  for (const e of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, e.name)
    if (e.isDirectory()) yield* files(path)
    else if (/\.(vue|ts)$/.test(e.name) && !e.name.endsWith('.test.ts')) yield path
  }
}

function flatten(tree, prefix = '') {
  return Object.entries(tree).flatMap(([k, v]) =>
    typeof v === 'string' ? [[prefix + k, v]] : flatten(v, `${prefix}${k}.`),
  )
}

const load = (name) => new Map(flatten(JSON.parse(readFileSync(join(root, 'locales', `${name}.json`), 'utf8'))))
const zh = load('zh-CN')
const en = load('en')

for (const key of zh.keys()) if (!en.has(key)) problems.push(`en lacks ${key}`)
for (const key of en.keys()) if (!zh.has(key)) problems.push(`zh-CN lacks ${key}`)

const places = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]))].sort().join()
for (const [key, text] of en) {
  if (zh.has(key) && places(text) !== places(zh.get(key))) problems.push(`${key}: other placeholders in zh-CN`)
}

const used = new Set()
const prefixes = new Set()
for (const path of files(root)) {
  const source = readFileSync(path, 'utf8')
  // t('a.b'), te('a.b'), t(x ? 'a' : 'b'), :keypath="x ? 'a' : 'b'": every quoted key that the catalogue has.
  for (const m of source.matchAll(/['"`]([a-z][\w*]*(?:\.[\w-]+)*)['"`]/g)) if (zh.has(m[1])) used.add(m[1])
  for (const m of source.matchAll(/\bte?\(\s*'([^']+)'/g)) {
    used.add(m[1])
    if (!zh.has(m[1])) problems.push(`${path}: no text ${m[1]}`)
  }
  for (const m of source.matchAll(/\bte?\(\s*`([\w.]+\.)\$\{/g)) prefixes.add(m[1])
  for (const m of source.matchAll(/\bterm\(\s*'(\w+)'/g)) prefixes.add(`${m[1]}.`)
  if (path.endsWith('.vue')) literals(path, source)
}
for (const key of zh.keys())
  if (!used.has(key) && ![...prefixes].some((p) => key.startsWith(p))) problems.push(`unused: ${key}`)
for (const p of prefixes) if (![...zh.keys()].some((k) => k.startsWith(p))) problems.push(`no text under ${p}`)

function literals(path, source) {
  const spoken = new Set(['aria-label', 'placeholder', 'title', 'alt', 'label'])
  const wordy = (text) => /[A-Za-z]{2,}|\p{Script=Han}/u.test(text)
  const walk = (node) => {
    if (node.type === 2 && wordy(node.content)) problems.push(`${path}: text in template: ${node.content.trim()}`)
    for (const p of node.props ?? [])
      if (p.type === 6 && spoken.has(p.name) && wordy(p.value?.content ?? ''))
        problems.push(`${path}: ${p.name} in template: ${p.value.content}`)
    for (const child of node.children ?? []) walk(child)
  }
  const { descriptor } = parse(source, { filename: path })
  if (descriptor.template?.ast) walk(descriptor.template.ast)
}

if (problems.length > 0) {
  process.stderr.write(problems.join('\n') + '\n')
  process.exit(1)
}
process.stdout.write(`locales: ${zh.size} texts, zh-CN and en complete\n`)
