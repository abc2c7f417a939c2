// highlight.js's grammars beyond those in its common bundle, each in a file of its own with the names it goes by.
const GRAMMARS = `
  abnf accesslog actionscript=as ada angelscript=asc apache=apacheconf applescript=osascript arcade arduino=ino
  armasm=arm asciidoc=adoc aspectj autohotkey=ahk autoit avrasm awk axapta=x++ basic bnf brainfuck=bf cal
  capnproto=capnp ceylon clean=icl,dcl clojure=clj,edn clojure-repl cmake=cmake.in coffeescript=coffee,cson,iced coq
  cos=cls crmsh=crm,pcmk crystal=cr csp d dart delphi=dpr,dfm,pas,pascal django=jinja dns=bind,zone dockerfile=docker
  dos=bat,batch,cmd dsconfig dts dust=dst ebnf elixir=ex,exs elm erb erlang=erl erlang-repl excel=xlsx,xls fix flix
  fortran=f90,f95 freedesktop=desktop,systemd fsharp=fs,f# gams=gms gauss=gss gcode=nc gherkin=feature glsl golo gradle
  groovy haml handlebars=hbs,html.hbs,html.handlebars,htmlbars haskell=hs haxe=hx hsp http=https hy=hylang inform7=i7
  irpf90 jboss-cli=wildfly-cli julia julia-repl=jldoctest lasso=ls,lassoscript latex=tex ldif leaf lisp livecodeserver
  livescript llvm lsl mathematica=mma,wl matlab maxima mel mercury=moo mipsasm=mips mizar mojolicious monkey
  moonscript=moon n1ql nestedtext=nt nginx=nginxconf nim nix=nixos node-repl nsis ocaml=ml openscad=scad oxygene parser3
  pf=pf.conf pgsql=postgres,postgresql pony powershell=pwsh,ps,ps1 processing=pde profile prolog properties
  protobuf=proto puppet=pp purebasic=pb,pbi q=k,kdb qml=qt reasonml=re rib roboconf=graph,instances routeros=mikrotik
  rsl ruleslanguage sas scala scheme=scm scilab=sci smali smalltalk=st sml stan=stanfuncs stata=do,ado
  step21=p21,step,stp stylus=styl subunit taggerscript tap tcl=tk thrift tp twig=craftcms vala vbscript=vbs
  vbscript-html verilog=v,sv,svh vhdl vim wren x86asm xl=tao xquery=xpath,xq,xqm zephir=zep
`
// Names that highlight.js does not know, by the grammar that colours them well or well enough. hcl is ours.
const ALSO = `
  bash=fish,ksh,tcsh,csh,shellscript,curl,nushell,nu,crontab,shell-script clojure=fennel,janet cmake=cmakelists
  cpp=cuda,cu,ispc csharp=qsharp css=postcss django=jinja2,j2,njk,nunjucks,liquid erb=ejs fsharp=fsx,fsi glsl=hlsl,shader,metal
  go=odin,vlang,rego,cue haml=pug,jade,slim handlebars=mustache haskell=purescript,idris,agda,dhall
  hcl=hcl,tf,terraform,tfvars,terragrunt,opentofu,nomad,packer ini=conf,cfg,editorconfig,gitconfig,gitignore,dockerignore,hosts
  java=apex,ballerina javascript=node,javascriptreact,jsonnet json=ndjson,jsonl,webmanifest,avsc,hocon,ipynb
  latex=bibtex,context lisp=elisp,emacs-lisp,common-lisp,cl llvm=ll,mlir makefile=just,justfile
  markdown=mdx,mdc,qmd,rmd,org,rst,restructuredtext matlab=m,octave nginx=caddy,caddyfile objectivec=objective-c
  ocaml=mli perl=raku pgsql=plpgsql php=hack properties=env,dotenv protobuf=proto3,proto2,flatbuffers,fbs
  python=mojo,starlark,bazel,bzl,gdscript,vyper,sage,cython,pyx,python3,py3,meson,pinescript reasonml=rescript,res
  rust=zig,gleam,wgsl,move,cairo,ron scheme=racket,rkt scss=sass
  sql=mysql,sqlite,tsql,plsql,mssql,bigquery,hiveql,ddl,cypher,sparql,kusto,kql,snowflake,duckdb swift=carbon
  typescript=solidity,sol,prisma,bicep,typescriptreact vbnet=vba,vb6,visualbasic,visual-basic verilog=systemverilog
  vim=viml,vimscript x86asm=asm,assembly,nasm,masm,gas
  xml=vue,svelte,astro,csproj,xaml,cshtml,razor,aspx,cfml,coldfusion,html5,vue-html
  yaml=docker-compose,compose,openapi,ansible,cff
`
// A grammar that colours part of its text by another one needs that too.
export const INNER = {
  "clojure-repl": ["clojure"], "julia-repl": ["julia"], pgsql: ["tcl", "scheme"], "vbscript-html": ["vbscript"],
}

/** [[grammar, its other names]]: as published, and names of ours. */
export const published = entries(GRAMMARS)
export const ours = entries(ALSO)

const modules = new Map(published.flatMap(([grammar, names]) => [grammar, ...names].map((name) => [name, grammar])))
const relatives = new Map(ours.flatMap(([grammar, names]) => names.map((name) => [name, grammar])))

/** The name of the grammar for a language: one of the common bundle's, one that has its own file, or "". */
export function grammarOf(language, isCommon) {
  const name = isCommon(language) ? language : (modules.get(language) ?? relatives.get(language) ?? "")
  return modules.get(name) ?? name
}

/** Whether a grammar has a file of its own, which must be fetched first. */
export function hasFile(grammar) {
  return modules.get(grammar) === grammar
}

function entries(table) {
  return table.trim().split(/\s+/).map((entry) => {
    const [grammar, names = ""] = entry.split("=")
    return [grammar, names ? names.split(",") : []]
  })
}
