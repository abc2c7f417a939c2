import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { readFileSync, readdirSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../../static/vendor/", import.meta.url))
const { packages } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"))
const entries = packages.flatMap(({ files }) => files)

test("every vendored file is byte for byte what the manifest says was published", () => {
  for (const { to, sha256 } of entries) {
    assert.equal(createHash("sha256").update(readFileSync(join(folder, to))).digest("hex"), sha256, to)
  }
})

test("nothing else lies among the vendored files", () => {
  const found = readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile())
  assert.deepEqual(found.map((name) => relative(".", name)).sort(), [...entries.map(({ to }) => to), "manifest.json"].sort())
})

test("every package is pinned by integrity and comes with its licence", () => {
  for (const { name, version, integrity, licence, files } of packages) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name)
    assert.match(integrity, /^sha512-/, name)
    assert.ok(licence, name)
    assert.ok(files.some(({ to }) => to.includes("LICENSE")), name)
  }
})
