/** A grammar for highlight.js, which has none: HashiCorp's configuration language (Terraform, Packer, Nomad). */
export default function hcl(hljs) {
  const interpolation = { scope: "subst", begin: /[$%]\{/, end: /\}/ }
  const string = { scope: "string", begin: /"/, end: /"/, illegal: /\n/, contains: [hljs.BACKSLASH_ESCAPE, interpolation] }
  const heredoc = hljs.END_SAME_AS_BEGIN({
    scope: "string", begin: /<<[-~]?[ \t]*([A-Za-z_]\w*)/, end: /^[ \t]*([A-Za-z_]\w*)/, contains: [interpolation],
  })
  const number = { scope: "number", match: /\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b/ }
  const call = { scope: "title.function", match: /\b[A-Za-z_]\w*(?=\()/ }
  interpolation.contains = ["self", string, number, call]
  return {
    name: "HCL",
    keywords: {
      keyword: "for in if else endif endfor dynamic",
      literal: "true false null",
      built_in: "var local module data each self path count terraform string number bool list map set object tuple any",
    },
    contains: [
      hljs.HASH_COMMENT_MODE, hljs.C_LINE_COMMENT_MODE, hljs.C_BLOCK_COMMENT_MODE,
      { scope: "keyword", match: /^[ \t]*[a-z_]\w*(?=[ \t]*(?:"[^"\n]*"[ \t]*)*\{)/ },
      { scope: "attr", match: /[A-Za-z_][\w-]*(?=[ \t]*=(?![=>]))/ },
      call, string, heredoc, number,
    ],
  }
}
