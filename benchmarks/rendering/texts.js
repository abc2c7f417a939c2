// Deterministic texts of the kinds that a model writes, and of the kinds that hurt: one block that never ends.
const WORDS = "the model writes a plain sentence about servers and tokens that are kept in order while *emphasis* and `code` or **strong words** come by".split(" ")

export const KINDS = {
  mixed: (index) => MIXED[index % MIXED.length](index),
  "one code block": (index) => (index ? "" : "```python\n") + code(index),
  "one list": (index) => `- ${sentence(index, 18)}\n`,
  "one nested list": (index) => `${index % 12 ? (index % 4 ? "    - " : "  - ") : "- "}${sentence(index, 14)}\n`,
  "one list item": (index) => `${index ? "  " : "- "}${sentence(index, 30)}\n${index % 5 ? "" : "\n"}`,
  "one table": (index) => (index ? "" : "| name | value | note |\n|---|--:|---|\n") + `| row ${index} | ${index * 7} | ${sentence(index, 6)} |\n`,
  "one quote": (index) => `> ${sentence(index, 25)}\n${index % 3 ? "" : ">\n"}`,
  "one paragraph": (index) => `${sentence(index, 20)} `,
}

export function text(kind, size) {
  const pieces = []
  for (let length = 0, index = 0; length < size; index += 1) length += pieces[pieces.push(KINDS[kind](index)) - 1].length
  return pieces.join("").slice(0, size)
}

const MIXED = [
  (index) => `## Section ${index}\n\n`,
  (index) => `${sentence(index, 60)} See [the page](https://example.com/${index}).\n\n`,
  (index) => `- ${sentence(index, 12)}\n- ${sentence(index + 1, 15)}\n  - ${sentence(index, 8)}\n\n`,
  (index) => `\`\`\`python\n${code(index)}${code(index + 1)}${code(index + 2)}\`\`\`\n\n`,
  (index) => `1. ${sentence(index, 14)}\n2. ${sentence(index + 3, 14)}\n\n`,
  (index) => `| name | value |\n|---|---|\n| a${index} | ${index} |\n| b | ${sentence(index, 4)} |\n\n`,
  (index) => `> ${sentence(index, 25)}\n\n`,
  (index) => `${sentence(index, 90)}\n\n`,
]

function code(index) {
  return `def step_${index}(value: int, name: str = "x") -> dict[str, int]:\n    # keeps ${index} in order\n    return {name: value + ${index}, "other": len(f"{name}!")}\n\n`
}

function sentence(seed, length) {
  return Array.from({ length }, (_, index) => WORDS[(seed * 7 + index * 3 + (index * index) % 11) % WORDS.length]).join(" ")
}
